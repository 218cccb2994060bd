//! The faults a test can put between the cloud and the agent.

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

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// An HTTP status with a page of text.
    Status {
        /// 500, 502, 503, 504 …
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
    /// HTTP 200 with a maintenance page; the work is not done.
    Html,
    /// HTTP 200 with the right JSON cut in half; the work is done.
    Truncated,
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

    /// Whether the cloud does the work under this fault.
    pub(super) fn work(self) -> Work {
        match self {
            Self::Status { work, .. } | Self::Cut { work } => work,
            Self::Truncated | Self::Slow { .. } => Work::Done,
            Self::Busy { .. } | Self::Html => Work::Undone,
        }
    }
}

/// A fault with the requests it is for.
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
}

impl Injection {
    /// Only for requests of one action.
    pub fn on(self, action: &str) -> Self {
        Self { action: Some(action.to_owned()), ..self }
    }
}

impl From<Fault> for Injection {
    fn from(fault: Fault) -> Self {
        Self { fault, times: None, action: None }
    }
}

/// Takes the first injection that fits `action`, and removes it when it is used up.
pub(super) fn take(waiting: &mut Vec<Injection>, action: &str) -> Option<Fault> {
    let fits = |injection: &Injection| injection.action.as_deref().is_none_or(|wanted| wanted == action);
    waiting.retain(|injection| injection.times != Some(0));
    let found = waiting.iter_mut().find(|injection| fits(injection))?;
    found.times = found.times.map(|left| left - 1);
    Some(found.fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn injections_are_taken_in_order_by_the_requests_they_fit() {
        let html = Fault::Html;
        let cut = Fault::Cut { work: Work::Done };
        let mut waiting = vec![cut.next(2).on("Visit"), html.next(1)];
        let taken = ["Update", "Update", "Visit", "Visit", "Visit"].map(|action| take(&mut waiting, action));
        assert_eq!(taken, [Some(html), None, Some(cut), Some(cut), None]);
    }
}
