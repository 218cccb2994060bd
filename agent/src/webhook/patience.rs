//! How long a receiver's failures are borne: what each answer does to its row, and when a session is over; pure.
//!
//! Nothing is given up because the receiver is away, however long. Only an event that it refuses by itself, again and
//! again, is parked for an operator: no further try would change that, and its person's later events wait behind it.

use std::collections::HashMap;
use std::time::Duration;

use super::answer::Answer;
use crate::domain::{RowId, RowOutcome};

/// Refusals of one event until it is parked. With the back-off of a lane they take about two hours: long enough for a
/// receiver that was deployed with a fault to be mended.
pub(super) const REFUSALS_MAX: u32 = 50;
/// Failures in a row, of whatever events, after which the receiver is taken to be out of order.
pub(super) const FAILURES_MAX: u32 = 5;
/// Events whose refusals are counted at once; more are put off by no lane. Past it counting begins anew.
const COUNTED_MAX: usize = 4096;

/// What is remembered of a receiver for as long as the agent runs.
#[derive(Debug, Default)]
pub(super) struct Patience {
    refusals: HashMap<RowId, u32>,
    failures: u32,
    /// The receiver wants no more: only a restart, after somebody looked, sends again.
    gone: bool,
}

/// What an answer leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reaction {
    /// For the row.
    pub(super) outcome: RowOutcome,
    /// Why the session is over, if it is. For the log: nothing of the event in it.
    pub(super) ends: Option<String>,
    /// How long the receiver is to be left alone, if it said so.
    pub(super) rest: Option<Duration>,
}

impl Patience {
    /// Whether the receiver wants no more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// A session begins: what failed before may work again.
    pub(super) fn begin_session(&mut self) {
        self.failures = 0;
    }

    /// Says what an answer leads to.
    pub(super) fn react(&mut self, row: RowId, answer: Answer) -> Reaction {
        match answer {
            Answer::Taken => {
                self.failures = 0;
                self.refusals.remove(&row);
                Reaction { outcome: RowOutcome::Delivered, ends: None, rest: None }
            }
            Answer::Gone => {
                self.gone = true;
                over("the receiver wants no more (status 410); mend it or remove the webhook, then restart".into())
            }
            Answer::Busy { status, retry_after } => {
                Reaction { rest: retry_after, ..over(format!("the receiver asks for patience (status {status})")) }
            }
            Answer::Misplaced(status) => {
                over(format!("status {status}: look at the webhook's url and secret; redirects are not followed"))
            }
            Answer::NotReached(why) => over(format!("not reached: {why}")),
            Answer::Failed(why) => self.fail(RowOutcome::Later(why.clone()), &why),
            Answer::Refused { status, said } => {
                let outcome = self.refuse(row, status, &said);
                self.fail(outcome, &format!("events are refused with status {status}"))
            }
        }
    }

    fn fail(&mut self, outcome: RowOutcome, why: &str) -> Reaction {
        self.failures += 1;
        let ends = (self.failures >= FAILURES_MAX).then(|| format!("{FAILURES_MAX} failures in a row: {why}"));
        Reaction { outcome, ends, rest: None }
    }

    fn refuse(&mut self, row: RowId, status: u16, said: &str) -> RowOutcome {
        if self.refusals.len() >= COUNTED_MAX {
            self.refusals.clear();
        }
        let times = self.refusals.entry(row).or_default();
        *times += 1;
        let why = if said.is_empty() { format!("status {status}") } else { format!("status {status}: {said}") };
        if *times < REFUSALS_MAX {
            return RowOutcome::Later(why);
        }
        self.refusals.remove(&row);
        RowOutcome::Never(format!("refused {REFUSALS_MAX} times: {why}"))
    }
}

/// The receiver as a whole is not to be had; the row waits.
fn over(why: String) -> Reaction {
    Reaction { outcome: RowOutcome::Later(why.clone()), ends: Some(why), rest: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: RowId = RowId(1);

    fn refused() -> Answer {
        Answer::Refused { status: 422, said: "no such member".into() }
    }

    #[test]
    fn a_receiver_that_is_away_or_failing_gives_up_no_event_however_long() {
        let mut patience = Patience::default();
        let failing = [
            Answer::Failed("status 500".into()),
            Answer::NotReached("connection refused".into()),
            Answer::Misplaced(404),
            Answer::Busy { status: 503, retry_after: None },
        ];
        for answer in failing.iter().cycle().take(10_000) {
            assert!(matches!(patience.react(ROW, answer.clone()).outcome, RowOutcome::Later(_)), "{answer:?}");
        }
    }

    #[test]
    fn an_event_refused_for_itself_is_parked_in_the_end_and_says_what_the_receiver_said() {
        let mut patience = Patience::default();
        for _ in 1..REFUSALS_MAX {
            patience.begin_session();
            let later = RowOutcome::Later("status 422: no such member".into());
            assert_eq!(patience.react(ROW, refused()), Reaction { outcome: later, ends: None, rest: None });
            // What is told of others in between changes nothing about it.
            patience.react(RowId(2), Answer::Taken);
        }
        let parked = patience.react(ROW, refused()).outcome;
        assert_eq!(parked, RowOutcome::Never("refused 50 times: status 422: no such member".into()));
        assert!(matches!(patience.react(ROW, refused()).outcome, RowOutcome::Later(_)), "an operator sent it again");
    }

    #[test]
    fn an_event_that_was_taken_begins_anew() {
        let mut patience = Patience::default();
        (1..REFUSALS_MAX).for_each(|_| drop(patience.react(ROW, refused())));
        patience.react(ROW, Answer::Taken);
        assert!(matches!(patience.react(ROW, refused()).outcome, RowOutcome::Later(_)));
    }

    #[test]
    fn one_failure_is_the_events_own_and_five_in_a_row_are_the_receivers() {
        let mut patience = Patience::default();
        let mut ends = |answer: &str| {
            answer
                .chars()
                .map(|it| match it {
                    '+' => Answer::Taken,
                    'r' => refused(),
                    _ => Answer::Failed("status 500".into()),
                })
                .map(|answer| patience.react(ROW, answer).ends.is_some())
                .collect::<Vec<_>>()
        };
        assert!(!ends("----+rrrr+-r-r").contains(&true));
        assert_eq!(ends("-"), [true]);
    }

    #[test]
    fn a_receiver_that_asks_for_patience_or_wants_no_more_gets_its_will() {
        let mut patience = Patience::default();
        let hour = Some(Duration::from_secs(3600));
        let busy = patience.react(ROW, Answer::Busy { status: 429, retry_after: hour });
        assert!(busy.rest == hour && busy.ends.is_some() && !patience.is_gone());
        let gone = patience.react(ROW, Answer::Gone);
        assert!(gone.ends.is_some() && matches!(gone.outcome, RowOutcome::Later(_)) && patience.is_gone());
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let mut patience = Patience::default();
        (0..20_000).for_each(|row| drop(patience.react(RowId(row), refused())));
        assert!(patience.refusals.len() <= COUNTED_MAX);
    }
}
