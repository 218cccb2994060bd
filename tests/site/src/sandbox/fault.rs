//! The faults a test can put between the cloud and the agent, and the requests each of them is for.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether the cloud did what was asked before it failed to say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// It did: the answer is lost.
    Done,
    /// It did not.
    #[default]
    Undone,
}

/// JSON that is no answer of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The envelope within a list.
    List,
    /// A text and nothing else.
    Text,
    /// `null`.
    Null,
    /// An envelope with neither data nor errors.
    Empty,
    /// Every text of `data` is a number instead.
    Numbers,
    /// `data` and `errors` at once.
    Both,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// An HTTP status with a page of text: 500, 502, 503, 504, and 429 without a Retry-After.
    Status {
        /// The status.
        code: u16,
        /// Whether the work was done before.
        #[serde(default)]
        work: Work,
    },
    /// 429 or 503 with a Retry-After; the work is not done.
    Busy {
        /// 429 or 503.
        code: u16,
        /// What Retry-After says.
        retry_after_s: u32,
    },
    /// 403 with errors, as the older interface of the service refuses what is over its quota; the work is not done.
    Quota,
    /// HTTP 200 with a maintenance page; the work is not done.
    Html,
    /// 404 with the page of an action that this release does not have; the work is not done.
    NoSuchAction,
    /// The token is refused though it is good, and is not good any more: with HTTP 200, or 401 as newer hosts do it.
    TokenExpired {
        /// 200 or 401.
        code: u16,
    },
    /// HTTP 200 with `"result": "Error"`; the work is not done.
    ResultError,
    /// HTTP 200 with JSON of another shape; the work is done.
    Odd {
        /// Which.
        shape: Shape,
    },
    /// HTTP 200 with the right JSON cut in half, as if it were whole; the work is done.
    Truncated,
    /// The right answer, but the connection ends within it; the work is done.
    Torn,
    /// The connection ends without an answer.
    Cut {
        /// Whether the work was done before.
        #[serde(default)]
        work: Work,
    },
    /// The work is done and the right answer comes after a while.
    Slow {
        /// How long it takes.
        ms: u64,
    },
}

impl Fault {
    /// This fault for the next `times` requests.
    pub fn next(self, times: u32) -> Injection {
        Injection { times: Some(times), ..self.into() }
    }

    /// Whether its status is one that can be sent as an answer.
    pub(super) fn has_possible_status(self) -> bool {
        match self {
            Self::Status { code, .. } | Self::Busy { code, .. } | Self::TokenExpired { code } => {
                (200..=599).contains(&code)
            }
            _ => true,
        }
    }

    /// Whether the cloud does the work under this fault.
    pub(super) fn work(self) -> Work {
        match self {
            Self::Status { work, .. } | Self::Cut { work } => work,
            Self::Odd { .. } | Self::Truncated | Self::Torn | Self::Slow { .. } => Work::Done,
            Self::Busy { .. }
            | Self::Quota
            | Self::Html
            | Self::NoSuchAction
            | Self::TokenExpired { .. }
            | Self::ResultError => Work::Undone,
        }
    }
}

/// A fault with the requests it is for. Conditions are joined: all of them must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injection {
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
    /// To how many requests; without it, to all until the sandbox is healed.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only to this action, by the last part of its path: `Visit`, `AccessIntegration` …
    #[serde(default)]
    pub action: Option<String>,
    /// Only to calls about this person, by the club's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Only after so many requests that it would be for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u32,
    /// Only to so many of a hundred, drawn from `seed`: the same ones in every run. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Of the draw.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seed: u32,
    /// Only for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    #[serde(skip)]
    state: State,
}

/// The keys of an injection beside those of its fault.
pub(super) const CONDITIONS: [&str; 7] = ["times", "action", "person", "after", "percent", "seed", "for_ms"];

/// The keys of a fault beside its kind.
pub(super) const FAULT_FIELDS: [&str; 5] = ["code", "work", "retry_after_s", "shape", "ms"];

/// How far an injection is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    until: Option<Timestamp>,
    drawn: u64,
}

impl Injection {
    /// Only for requests of one action.
    pub fn on(self, action: &str) -> Self {
        Self { action: Some(action.to_owned()), ..self }
    }

    /// Only for calls about one person, by the club's own number.
    pub fn about(self, person: &str) -> Self {
        Self { person: Some(person.to_owned()), ..self }
    }

    /// Lets so many requests pass first.
    pub fn after(self, requests: u32) -> Self {
        Self { after: requests, ..self }
    }

    /// Only for so many of a hundred requests, the same ones in every run with this seed.
    pub fn percent(self, percent: u8, seed: u32) -> Self {
        Self { percent: Some(percent), seed, ..self }
    }

    /// Only for so long from now on.
    pub fn lasting(self, lasting: Duration) -> Self {
        Self { for_ms: u64::try_from(lasting.as_millis()).ok(), ..self }
    }

    /// Begins: what lasts for a while lasts from here.
    pub(super) fn begun(mut self, at: Timestamp) -> Self {
        self.state.until = self.for_ms.map(|ms| at + Duration::from_millis(ms));
        self
    }

    fn is_over(&self, at: Timestamp) -> bool {
        self.times == Some(0) || self.state.until.is_some_and(|until| at >= until)
    }

    fn is_for(&self, met: &Met<'_>) -> bool {
        let is_login = met.action == "AccessIntegration";
        // A login brings no token that could be refused.
        !(is_login && matches!(self.fault, Fault::TokenExpired { .. }))
            && self.action.as_deref().is_none_or(|wanted| wanted == met.action)
            && self.person.as_deref().is_none_or(|wanted| met.person == Some(wanted))
    }

    /// Whether it strikes one of those it is for.
    fn strikes(&mut self) -> bool {
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        let Some(percent) = self.percent else { return true };
        self.state.drawn += 1;
        scattered(u64::from(self.seed) << 32 | self.state.drawn) % 100 < u64::from(percent)
    }
}

impl From<Fault> for Injection {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            times: None,
            action: None,
            person: None,
            after: 0,
            percent: None,
            seed: 0,
            for_ms: None,
            state: State::default(),
        }
    }
}

/// A request that may meet a fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met<'a> {
    pub(super) action: &'a str,
    pub(super) person: Option<&'a str>,
    pub(super) at: Timestamp,
}

/// Takes the first injection that strikes this request, and removes those that are used up.
pub(super) fn take(waiting: &mut Vec<Injection>, met: &Met<'_>) -> Option<Fault> {
    waiting.retain(|injection| !injection.is_over(met.at));
    let found =
        waiting.iter_mut().find_map(|injection| (injection.is_for(met) && injection.strikes()).then_some(injection))?;
    found.times = found.times.map(|left| left - 1);
    Some(found.fault)
}

/// Bits of a counter, well scattered (SplitMix64): no two runs differ.
fn scattered(counter: u64) -> u64 {
    let mut bits = counter.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met<'a>(action: &'a str, person: Option<&'a str>) -> Met<'a> {
        Met { action, person, at: Timestamp::UNIX_EPOCH }
    }

    fn taken<const N: usize>(waiting: &mut Vec<Injection>, actions: [&str; N]) -> [Option<Fault>; N] {
        actions.map(|action| take(waiting, &met(action, None)))
    }

    #[test]
    fn injections_are_taken_in_order_by_the_requests_they_fit() {
        let html = Fault::Html;
        let cut = Fault::Cut { work: Work::Done };
        let mut waiting = vec![cut.next(2).on("Visit"), html.next(1)];
        let told = taken(&mut waiting, ["Update", "Update", "Visit", "Visit", "Visit"]);
        assert_eq!(told, [Some(html), None, Some(cut), Some(cut), None]);
    }

    #[test]
    fn an_injection_can_wait_for_the_third_visit_or_for_one_person() {
        let torn = Fault::Torn;
        let mut waiting = vec![torn.next(1).on("Visit").after(2)];
        let told = taken(&mut waiting, ["Visit", "Update", "Visit", "Visit", "Visit"]);
        assert_eq!(told, [None, None, None, Some(torn), None]);
        let mut waiting = vec![Injection::from(torn).about("M-2")];
        let told = ["M-1", "M-2", "M-1", "M-2"].map(|person| take(&mut waiting, &met("Visit", Some(person))));
        assert_eq!(told, [None, Some(torn), None, Some(torn)]);
        assert_eq!(take(&mut waiting, &met("AccessIntegration", None)), None);
    }

    #[test]
    fn an_injection_ends_with_its_time() {
        let start = Timestamp::UNIX_EPOCH;
        let mut waiting = vec![Injection::from(Fault::Html).lasting(Duration::from_secs(3)).begun(start)];
        let told = [0, 2, 3, 4].map(|second| {
            take(&mut waiting, &Met { at: start + Duration::from_secs(second), ..met("Visit", None) }).is_some()
        });
        assert_eq!(told, [true, true, false, false]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_share_of_requests_is_the_same_in_every_run_and_leaves_the_others_to_the_next_injection() {
        let draw = |seed| {
            let mut waiting = vec![Injection::from(Fault::Torn).percent(5, seed), Injection::from(Fault::Html)];
            (0..10_000).map(|_| take(&mut waiting, &met("Visit", None))).collect::<Vec<_>>()
        };
        let drawn = draw(7);
        let struck = drawn.iter().filter(|it| **it == Some(Fault::Torn)).count();
        assert!((400..600).contains(&struck), "{struck} of 10,000");
        assert_eq!(drawn.iter().filter(|it| **it == Some(Fault::Html)).count(), 10_000 - struck);
        assert_eq!(draw(7), drawn);
        assert_ne!(draw(8), drawn);
    }
}
