//! The wire's words into the agent's and back; pure.

use std::time::Duration;

use firmware_proto::from_gate::{self, Event, GrantRefusal, Health, Kept};
use firmware_proto::gate::ANSWER_MS_MAX;
use firmware_proto::to_gate::{self, Offline, Order};
use firmware_proto::words::{self, Answer, Line, Show, Signal};
use jiff::{SignedDuration, Timestamp};

use super::{ControllerHealth, ControllerOrder, ControllerSetting, Light, Sign};
use crate::domain::{Badge, BadgeFormat, Now, ReaderId, UnreadableBadge, Way};
use crate::passage::Ask;
use crate::passage::controlled::{By, Given, GrantId, Told, Trouble, What};

/// A reader on an input of a controller.
#[derive(Clone, Debug)]
pub(super) struct Wired {
    pub(super) reader: ReaderId,
    pub(super) badge: BadgeFormat,
    pub(super) leads_out: bool,
}

/// What the controller's clock showed at a moment of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) theirs: u64,
    pub(super) ours: Now,
}

impl Step {
    /// When something happened, by our clocks.
    pub(super) fn when(self, theirs: u64) -> Now {
        let ahead = i64::try_from(theirs).unwrap_or(i64::MAX).saturating_sub_unsigned(self.theirs);
        let wall = self.ours.wall.checked_add(SignedDuration::from_millis(ahead)).unwrap_or(Timestamp::UNIX_EPOCH);
        let uptime = match u64::try_from(ahead) {
            Ok(ahead) => self.ours.uptime.0.saturating_add(Duration::from_millis(ahead)),
            Err(_) => self.ours.uptime.0.saturating_sub(Duration::from_millis(ahead.unsigned_abs())),
        };
        Now { wall, uptime: crate::domain::Uptime(uptime), quality: self.ours.quality }
    }

    /// How long ago that was at `now`.
    fn age(self, theirs: u64, now: Now) -> Duration {
        let since_step = now.uptime.since(self.ours.uptime);
        let before_step = Duration::from_millis(self.theirs.saturating_sub(theirs));
        let after_step = Duration::from_millis(theirs.saturating_sub(self.theirs));
        (since_step + before_step).saturating_sub(after_step)
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
    let at = step.when(kept.at.0);
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
    use crate::domain::{ClockQuality, Uptime};

    fn now(uptime_ms: u64) -> Now {
        let wall = Timestamp::from_millisecond(1_700_000_000_000 + i64::try_from(uptime_ms).unwrap()).unwrap();
        Now { wall, quality: ClockQuality::Synced, uptime: Uptime(Duration::from_millis(uptime_ms)) }
    }

    #[test]
    fn an_event_has_the_time_it_had_at_the_gate() {
        let step = Step { theirs: 5_000, ours: now(60_000) };
        for (theirs, ours) in [(5_000, 60_000), (4_000, 59_000), (5_200, 60_200), (0, 55_000)] {
            assert_eq!(step.when(theirs), now(ours), "at {theirs}");
        }
        assert_eq!(step.age(4_000, now(60_100)), Duration::from_millis(1_100));
        assert_eq!(step.age(5_080, now(60_100)), Duration::from_millis(20));
        assert_eq!(step.age(9_000, now(60_100)), Duration::ZERO, "clocks that drift are not the future");
    }

    #[test]
    fn an_event_from_before_the_agents_start_is_of_its_day() {
        let step = Step { theirs: 86_400_000, ours: now(1_000) };
        let then = step.when(0);
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
        let (told, _) = told(kept, &wired, Step { theirs: 0, ours: now(0) }, now(0));
        assert!(!format!("{told:?}").contains("7B11D7"));
    }
}
