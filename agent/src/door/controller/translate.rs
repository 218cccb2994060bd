//! The wire's words into the agent's and back; pure.

use std::time::Duration;

use firmware_proto::from_gate::{self, Event, GrantRefusal, Health, Kept};
use firmware_proto::gate::ANSWER_MS_MAX;
use firmware_proto::to_gate::{self, Offline, Order};
use firmware_proto::words::{self, Answer, Line, Show, Signal};
use jiff::{SignedDuration, Timestamp};

use super::{ControllerHealth, ControllerOrder, ControllerSetting, Light, Sign};
use crate::domain::{Badge, BadgeFormat, Now, ReaderId, UnreadableBadge, Uptime, Way};
use crate::passage::Ask;
use crate::passage::controlled::{By, Given, GrantId, Told, Trouble, What};

/// A reader on an input of a controller.
#[derive(Clone, Debug)]
pub(super) struct Wired {
    pub(super) reader: ReaderId,
    pub(super) badge: BadgeFormat,
    pub(super) leads_out: bool,
}

/// A clock of a controller, made of crystal or only of a resonator, gains or loses less than one part in so many.
const DRIFT_LESS_THAN: u32 = 100;

/// What the controller's clock showed at a moment of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Milliseconds.
    pub(super) theirs: u64,
    pub(super) ours: Uptime,
}

impl Step {
    /// The truer of this step and one that was taken after it. A beat is heard late or at once and never early: a step
    /// that puts everything later than this one, and by more than clocks drift, was late.
    pub(super) fn or(self, later: Self) -> Self {
        let elapsed = later.ours.since(self.ours);
        let drifted = elapsed / DRIFT_LESS_THAN;
        let expected = Duration::from_millis(later.theirs.saturating_sub(self.theirs)) + drifted;
        if elapsed > expected { self } else { later }
    }

    /// When something happened, by our clocks as they stand at `now`.
    pub(super) fn when(self, theirs: u64, now: Now) -> Now {
        let (before_step, after_step) = self.either_side(theirs);
        let uptime = Uptime(self.ours.0.saturating_add(after_step).saturating_sub(before_step));
        // Our uptime begins with the agent, and a controller may have been alone for weeks before. Times are kept in
        // microseconds.
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let ago = micros(now.uptime.since(self.ours) + before_step).saturating_sub(micros(after_step));
        let wall = now.wall.checked_sub(SignedDuration::from_micros(ago)).unwrap_or(Timestamp::UNIX_EPOCH);
        Now { wall, uptime, quality: now.quality }
    }

    /// How long ago that was at `now`.
    fn age(self, theirs: u64, now: Now) -> Duration {
        let (before_step, after_step) = self.either_side(theirs);
        (now.uptime.since(self.ours) + before_step).saturating_sub(after_step)
    }

    /// How long before and how long after the step; one of them is nothing.
    fn either_side(self, theirs: u64) -> (Duration, Duration) {
        let before = self.theirs.saturating_sub(theirs);
        let after = theirs.saturating_sub(self.theirs);
        (Duration::from_millis(before), Duration::from_millis(after))
    }
}

/// An event in the agent's words; beside it why a read is no badge.
pub(super) fn told(
    kept: Kept,
    wired: &[Option<Wired>],
    step: Step,
    now: Now,
) -> (Told, Option<(ReaderId, UnreadableBadge)>) {
    let mut unread = None;
    let at = step.when(kept.at.0, now);
    let waits = step.age(kept.at.0, now) < Duration::from_millis(u64::from(ANSWER_MS_MAX));
    let (what, is_fresh) = match kept.event {
        Event::Read { reader, credential, answer } => {
            let wired = wired.get(usize::from(reader)).and_then(Option::as_ref);
            let ask = wired.and_then(|wired| match Badge::from_bytes(&credential.0, &wired.badge) {
                Ok(badge) => Some(Ask { reader: wired.reader.clone(), badge }),
                Err(why) => {
                    unread = Some((wired.reader.clone(), why));
                    None
                }
            });
            let leads_out = wired.is_some_and(|wired| wired.leads_out);
            (What::Read { ask, leads_out, answer: given(answer) }, waits && answer == Answer::None)
        }
        Event::Rotated { way, by } => (What::Rotated { way: our_way(way), by: our_by(by) }, false),
        Event::NotPassed { by } => (What::NotPassed { by: our_by(by) }, false),
        Event::GrantRefused { id, why } => {
            (What::Refused { grant: GrantId(id.0), too_late: why == GrantRefusal::TooLate }, false)
        }
        Event::Alarm { alarm, on } => {
            let alarm = match alarm {
                from_gate::Alarm::Tamper => Trouble::Tamper,
                from_gate::Alarm::HeldOpen => Trouble::HeldOpen,
                from_gate::Alarm::Emergency => Trouble::Emergency,
            };
            (What::Alarm { alarm, on }, false)
        }
        Event::Lost { count } => (What::Lost { count }, false),
    };
    (Told { number: kept.number, at, is_fresh, what }, unread)
}

fn given(answer: Answer) -> Given {
    match answer {
        Answer::None => Given::Nothing,
        Answer::Denied => Given::Denied,
        Answer::Granted(id) => Given::Granted(GrantId(id.0)),
        Answer::Opened => Given::Opened,
        Answer::Refused(_) => Given::Refused,
    }
}

fn our_by(by: words::By) -> By {
    match by {
        words::By::Grant(id) => By::Grant(GrantId(id.0)),
        words::By::Own(read) => By::Own(read),
        words::By::Free => By::Free,
        words::By::Nobody => By::Nobody,
    }
}

fn our_way(way: words::Way) -> Way {
    match way {
        words::Way::In => Way::In,
        words::Way::Out => Way::Out,
    }
}

fn their_way(way: Way) -> words::Way {
    match way {
        Way::In | Way::Inner => words::Way::In,
        Way::Out => words::Way::Out,
    }
}

/// How a controller says that it is.
pub(super) fn health(firmware: [u8; 3], health: &Health) -> ControllerHealth {
    let is_on = |alarm: from_gate::Alarm| health.alarms & (1 << alarm as u8) != 0;
    let [major, minor, patch] = firmware;
    ControllerHealth {
        firmware: format!("{major}.{minor}.{patch}"),
        room: health.room,
        lost: health.lost,
        bad_frames: health.bad_frames,
        bad_reads: health.bad_reads,
        list: health.list,
        tamper: is_on(from_gate::Alarm::Tamper),
        held_open: is_on(from_gate::Alarm::HeldOpen),
        emergency: is_on(from_gate::Alarm::Emergency),
    }
}

/// An order as the wire has it. None: it is no single order.
pub(super) fn order(order: &ControllerOrder, wired: &[Option<Wired>], pulse: Pulse) -> Option<Order> {
    Some(match order {
        ControllerOrder::Set(setting) => Order::Configure(config(setting, wired)),
        ControllerOrder::Free(free) => Order::Mode(if *free { to_gate::Mode::Free } else { to_gate::Mode::Normal }),
        ControllerOrder::Grant { grant, read, way, sign } => Order::Grant(to_gate::Grant {
            id: words::GrantId(grant.0),
            read: *read,
            way: their_way(*way),
            open_ms: pulse.open_ms,
            passage_ms: pulse.passage_ms,
            show: show(sign),
        }),
        ControllerOrder::Deny { read, sign } => Order::Deny { read: *read, show: show(sign) },
        ControllerOrder::Show(sign) => Order::Show(show(sign)),
        ControllerOrder::Extend(grant) => Order::Extend { id: words::GrantId(grant.0), passage_ms: pulse.passage_ms },
        ControllerOrder::Withdraw(grant) => Order::Withdraw { id: words::GrantId(grant.0) },
        ControllerOrder::Keep(_) | ControllerOrder::List { .. } | ControllerOrder::NoList => return None,
    })
}

/// How long a gate is opened for, as last set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pulse {
    open_ms: u16,
    passage_ms: u16,
}

impl From<&ControllerSetting> for Pulse {
    fn from(setting: &ControllerSetting) -> Self {
        Self { open_ms: millis(setting.open_for), passage_ms: millis(setting.passage_timeout) }
    }
}

fn config(setting: &ControllerSetting, wired: &[Option<Wired>]) -> to_gate::Config {
    let way = |input: usize| {
        let wired = wired.get(input)?.as_ref()?;
        Some(if wired.leads_out { words::Way::Out } else { words::Way::In })
    };
    let Pulse { open_ms, passage_ms } = setting.into();
    to_gate::Config {
        readers: [way(0), way(1)],
        free_exit: setting.free_exit,
        open_ms,
        passage_ms,
        grace_ms: millis(setting.grace),
        held_ms: millis(setting.held_open_after),
        offline: match setting.list {
            None => Offline::Closed,
            Some((key, good_for)) => {
                Offline::List { key, age_s_max: u32::try_from(good_for.as_secs()).unwrap_or(u32::MAX) }
            }
        },
        idle: setting.idle.clone().map(|line| fitted(&line)),
        closed: setting.closed.clone().map(|line| fitted(&line)),
    }
}

fn show(sign: &Sign) -> Show {
    let signal = match sign.light {
        Light::Welcome => Signal::Welcome,
        Light::Message => Signal::Message,
        Light::Denied => Signal::Denied,
        Light::Wait => Signal::Wait,
    };
    Show { lines: sign.lines.clone().map(|line| fitted(&line)), signal, for_ms: millis(sign.lasts) }
}

/// Texts are fitted to the display before they come here; one that is not is cut.
fn fitted(text: &str) -> Line {
    let mut line = Line::new();
    for character in text.chars() {
        if line.push(character).is_err() {
            break;
        }
    }
    line
}

fn millis(duration: Duration) -> u16 {
    u16::try_from(duration.as_millis()).unwrap_or(u16::MAX)
}

/// The hash under which a controller finds a credential of these bytes on its list.
#[must_use]
pub fn list_hash(key: &[u8; 16], credential: &[u8]) -> u64 {
    firmware_proto::gate::list::hash(key, credential)
}

#[cfg(test)]
mod tests {
    use firmware_proto::words::Credential;

    use super::*;
    use crate::domain::ClockQuality;

    fn now(uptime_ms: u64) -> Now {
        let wall = Timestamp::from_millisecond(1_700_000_000_000 + i64::try_from(uptime_ms).unwrap()).unwrap();
        Now { wall, quality: ClockQuality::Synced, uptime: Uptime(Duration::from_millis(uptime_ms)) }
    }

    #[test]
    fn an_event_has_the_time_it_had_at_the_gate() {
        let step = Step { theirs: 5_000, ours: now(60_000).uptime };
        for (theirs, ours) in [(5_000, 60_000), (4_000, 59_000), (5_200, 60_200), (0, 55_000)] {
            for told_at in [60_000, 60_200, 90_000] {
                assert_eq!(step.when(theirs, now(told_at)), now(ours), "{theirs}, told at {told_at}");
            }
        }
        assert_eq!(step.age(4_000, now(60_100)), Duration::from_millis(1_100));
        assert_eq!(step.age(5_080, now(60_100)), Duration::from_millis(20));
        assert_eq!(step.age(9_000, now(60_100)), Duration::ZERO, "clocks that drift are not the future");
    }

    #[test]
    fn a_wall_clock_that_is_put_right_puts_right_what_is_told_after_it() {
        let step = Step { theirs: 5_000, ours: now(60_000).uptime };
        let mut put_right = now(61_000);
        put_right.wall = put_right.wall.checked_add(SignedDuration::from_hours(1)).unwrap();
        let then = step.when(4_500, put_right);
        assert_eq!(put_right.wall.duration_since(then.wall), SignedDuration::from_millis(1_500));
    }

    #[test]
    fn a_beat_that_was_heard_late_moves_no_time_and_a_clock_that_drifts_is_followed() {
        let at = |theirs, ours| Step { theirs, ours: now(ours).uptime };
        let cases = [
            ("on time", at(1_250, 60_250), true),
            ("by a clock that is one in a thousand slow", at(1_000 + 999 * 10, 60_000 + 1_000 * 10), true),
            ("by a clock that is fast", at(1_300, 60_250), true),
            ("heard before the first was, which was late itself", at(1_250, 60_100), true),
            ("a fifth of a second late", at(1_250, 60_450), false),
            ("late by hardly anything", at(1_250, 60_260), false),
            ("after an hour, so that nobody knows whether it is late or slow", at(3_601_000, 3_660_200), true),
        ];
        for (case, later, is_truer) in cases {
            assert_eq!(at(1_000, 60_000).or(later).theirs == later.theirs, is_truer, "{case}");
        }
    }

    #[test]
    fn an_event_from_before_the_agents_start_is_of_its_day() {
        let step = Step { theirs: 86_400_000, ours: now(1_000).uptime };
        let then = step.when(0, now(1_000));
        assert_eq!(now(1_000).wall.duration_since(then.wall), SignedDuration::from_hours(24));
        assert_eq!(then.uptime, Uptime::default());
    }

    #[test]
    fn no_card_number_is_in_what_is_printed_of_a_read() {
        let event = Event::Read {
            reader: 0,
            credential: Credential([0x7B, 0x11, 0xD7].into_iter().collect()),
            answer: Answer::None,
        };
        let kept = Kept { number: 1, at: firmware_proto::uptime::Uptime(0), event };
        let badge = BadgeFormat {
            form: crate::domain::BadgeForm::Hex,
            order: crate::domain::BadgeOrder::AsSent,
            strip: None,
            take: None,
        };
        let wired = [Some(Wired { reader: "entry".parse().unwrap(), badge, leads_out: false })];
        let (told, _) = told(kept, &wired, Step { theirs: 0, ours: now(0).uptime }, now(0));
        assert!(!format!("{told:?}").contains("7B11D7"));
    }
}
