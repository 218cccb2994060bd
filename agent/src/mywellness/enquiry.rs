//! Questions to Mywellness that somebody waits for: the lane asks them between two rows, since no second task may speak to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use utoipa::ToSchema;

use super::actions::ActivitiesAction;

/// Most questions that wait: whoever asks is a person at a desk, and every answer costs a row its turn.
const ENQUIRIES_MAX: usize = 4;
/// How long an answer is waited for. The lane may be backing off for longer than anybody looks at a page.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Most activities taken: a club has some dozens.
const ACTIVITIES_MAX: usize = 2_000;
/// Longest id and name taken, in characters.
const WORD_CHARS_MAX: usize = 200;

/// An activity at Mywellness that a class product can be linked to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// What to write as the product's `mywellness_id`.
    pub id: String,
    /// Its name there.
    pub name: String,
}

/// Why a question has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nobody wrote down how to ask.
    #[error("no public document says how to ask; write [mywellness.actions.activities]")]
    NotWrittenDown,
    /// Others are asking.
    #[error("others are asking at this moment")]
    Busy,
    /// The lane is away from Mywellness, or still on its way.
    #[error("Mywellness was not reached in time; GET /lanes says why")]
    NotReached,
    /// The call failed.
    #[error("{0}")]
    Failed(String),
}

pub(super) type Answer = Result<Vec<Activity>, Unanswered>;

/// Where questions are asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Enquiries(Option<mpsc::Sender<oneshot::Sender<Answer>>>);

/// The lane's end of it.
pub(super) type Asked = mpsc::Receiver<oneshot::Sender<Answer>>;

/// Where questions are asked and where they come out; none are taken where nobody could ask them on.
pub(super) fn enquiries(can_ask: bool) -> (Enquiries, Asked) {
    let (sender, asked) = mpsc::channel(ENQUIRIES_MAX);
    (Enquiries(can_ask.then_some(sender)), asked)
}

impl Enquiries {
    /// The activities there, by name.
    ///
    /// # Errors
    /// When nobody wrote down how to ask, Mywellness is not reached in time, or refuses.
    pub async fn activities(&self) -> Result<Vec<Activity>, Unanswered> {
        self.activities_within(ANSWER_MAX).await
    }

    async fn activities_within(&self, patience: Duration) -> Answer {
        let lane = self.0.as_ref().ok_or(Unanswered::NotWrittenDown)?;
        let (answer, answered) = oneshot::channel();
        lane.try_send(answer).map_err(|_full_or_ended| Unanswered::Busy)?;
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Unanswered::NotReached),
        }
    }
}

/// The activities in an answer's `data`, each once, by name. None: they are not where they should be.
pub(super) fn read(data: &Value, action: &ActivitiesAction) -> Option<Vec<Activity>> {
    let items = data.pointer(&action.items)?.as_array()?;
    let one = |item: &Value| {
        let id = word(item.pointer(&action.id)?)?;
        Some(Activity { name: item.pointer(&action.name).and_then(word).unwrap_or_else(|| id.clone()), id })
    };
    let mut activities: Vec<_> = items.iter().filter_map(one).collect();
    // A class that is held every week stands there for each week.
    activities.sort_by(|a, b| (&a.id, &a.name).cmp(&(&b.id, &b.name)));
    activities.dedup_by(|a, b| a.id == b.id);
    activities.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    activities.truncate(ACTIVITIES_MAX);
    Some(activities)
}

fn word(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let fits = !text.is_empty() && text.chars().count() <= WORD_CHARS_MAX && !text.chars().any(char::is_control);
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::actions::{Method, Success, TemplatedAction};
    use super::super::template::{BodyTemplate, PathTemplate};
    use super::*;

    #[test]
    fn each_activity_is_listed_once_by_its_name() {
        let call = TemplatedAction {
            method: Method::Post,
            path: PathTemplate::parse("x", &[]).unwrap(),
            body: BodyTemplate::parse("{}", &[]).unwrap(),
            success: Success::Answered,
        };
        let action = ActivitiesAction { call, items: "/events".into(), id: "/type/id".into(), name: "/name".into() };
        let event = |id: Value, name: Value| json!({"type": {"id": id}, "name": name});
        let data = json!({"events": [
            event(json!(7), json!("Yoga")), event(json!("a"), json!("Spinning ")), event(json!(7), json!("Yoga")),
            event(json!("b"), json!(null)), event(json!(null), json!("Nothing")), json!("odd"),
        ]});
        let activity = |id: &str, name: &str| Activity { id: id.into(), name: name.into() };
        let wanted = vec![activity("a", "Spinning"), activity("7", "Yoga"), activity("b", "b")];
        assert_eq!(read(&data, &action), Some(wanted));
        assert_eq!(read(&json!({"events": {}}), &action), None);
    }

    #[tokio::test]
    async fn who_asks_hears_in_time_that_nobody_answers() {
        let (nobody_knows_how, _lane) = enquiries(false);
        assert_eq!(nobody_knows_how.activities().await, Err(Unanswered::NotWrittenDown));
        let (away, _lane) = enquiries(true);
        let soon = Duration::from_millis(1);
        for _ in 0..ENQUIRIES_MAX {
            assert_eq!(away.activities_within(soon).await, Err(Unanswered::NotReached));
        }
        assert_eq!(away.activities_within(soon).await, Err(Unanswered::Busy), "the lane has not come back");
    }
}
