//! What a receiver's answer means, before anybody counts how often it came; pure.

use std::time::Duration;

/// What became of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The receiver has it.
    Taken,
    /// The receiver wants nothing more, ever (410).
    Gone,
    /// The receiver asks for patience (429, 503).
    Busy {
        /// The status.
        status: u16,
        /// How long, if it said so.
        retry_after: Option<Duration>,
    },
    /// There is no receiver at this address that knows us, whatever the event: an address or a secret is wrong.
    Misplaced(u16),
    /// This event is refused.
    Refused {
        /// The status.
        status: u16,
        /// The beginning of what the receiver said. May quote the event: for the operator, not for logs.
        said: String,
    },
    /// The receiver failed, or its answer was lost; the event may have arrived.
    Failed(String),
    /// Nothing listens there, or nothing we trust: the event was not sent.
    NotReached(String),
}

/// The meaning of a status.
pub(super) fn read(status: u16, retry_after: Option<Duration>, said: String) -> Answer {
    match status {
        200..=299 => Answer::Taken,
        410 => Answer::Gone,
        429 | 503 => Answer::Busy { status, retry_after },
        300..=399 | 401 | 403 | 404 | 405 | 407 => Answer::Misplaced(status),
        // It did not wait for the whole request, or fears a replay: nothing is said about the event.
        408 | 425 => Answer::Failed(format!("status {status}")),
        400..=499 => Answer::Refused { status, said },
        _ => Answer::Failed(format!("status {status}")),
    }
}

impl Answer {
    /// A word for a metric.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Gone => "gone",
            Self::Busy { .. } => "busy",
            Self::Misplaced(_) => "misplaced",
            Self::Refused { .. } => "refused",
            Self::Failed(_) => "failed",
            Self::NotReached(_) => "not_reached",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_means_one_thing() {
        let word = |status| read(status, None, String::new()).word();
        let table = [
            ("taken", vec![200, 201, 202, 204, 299]),
            ("misplaced", vec![301, 302, 304, 307, 308, 401, 403, 404, 405, 407]),
            ("refused", vec![400, 402, 406, 409, 411, 413, 415, 422, 451]),
            ("gone", vec![410]),
            ("busy", vec![429, 503]),
            ("failed", vec![100, 408, 425, 500, 501, 502, 504, 599, 999]),
        ];
        for (meaning, statuses) in table {
            for status in statuses {
                assert_eq!(word(status), meaning, "{status}");
            }
        }
    }
}
