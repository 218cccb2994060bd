//! Notices a broker that is there, answers pings, and acknowledges nothing; pure.

use std::time::Duration;

use crate::domain::Uptime;

/// How long rows may be outstanding without any acknowledgement. Far above what a slow link needs for a window, and it
/// repeats a window at worst.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// How the broker's acknowledgements stood when it was last looked at, and since when.
#[derive(Debug, Default)]
pub(super) struct Silence {
    acknowledged: u64,
    since: Option<Uptime>,
}

impl Silence {
    /// Looks at the acknowledgements counted so far, while something is outstanding or not. True: the broker has been
    /// silent for too long. Asked whenever the keep-alive ticks, so that it costs nothing per row.
    pub(super) fn is_too_long(&mut self, acknowledged: u64, outstanding: Outstanding, now: Uptime) -> bool {
        if acknowledged != self.acknowledged || outstanding == Outstanding::Nothing {
            *self = Self { acknowledged, since: None };
            return false;
        }
        now.since(*self.since.get_or_insert(now)) >= SILENT_MAX
    }
}

/// Whether an acknowledgement is to be expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outstanding {
    Nothing,
    Something,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broker_that_owes_an_acknowledgement_for_a_minute_is_silent() {
        use Outstanding::{Nothing, Something};
        let mut silence = Silence::default();
        let looks = [
            (0, 0, Something, false),
            (45, 0, Something, false),
            (50, 1, Something, false),
            (65, 1, Something, false),
            (120, 1, Something, false),
            (125, 1, Something, true),
            (126, 1, Nothing, false),
            (400, 1, Something, false),
        ];
        for (second, acknowledged, outstanding, too_long) in looks {
            let now = Uptime(Duration::from_secs(second));
            assert_eq!(silence.is_too_long(acknowledged, outstanding, now), too_long, "at second {second}");
        }
    }
}
