//! The club as configured: zones, gates, readers, and the policy that the rules apply.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BadgeFormat, GateId, Hours, ReaderId, SiteId, ZoneId};

/// The club.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its id in topics and event sources.
    pub id: SiteId,
    /// Its name for people.
    pub name: String,
    /// Where civil time is read.
    pub timezone: TimeZone,
    /// Language of member texts and console.
    pub locale: Locale,
    /// When a club day begins.
    pub club_day_starts: civil::Time,
    /// How long a person is counted as present without leaving.
    pub maximum_stay: Option<Duration>,
}

/// A language that Varco speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// Italian.
    It,
    /// Swedish.
    Sv,
    /// English.
    En,
}

/// A part of the club whose people are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its id.
    pub id: ZoneId,
    /// Most people at once, those in zones inside it included.
    pub capacity: Option<u32>,
    /// The zone around it.
    pub parent: Option<ZoneId>,
    /// When it is open; empty: always.
    pub hours: Vec<Hours>,
}

/// A turnstile, door or barrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its id.
    pub id: GateId,
    /// How a passage is known to have happened.
    pub confirm: Confirm,
    /// How long a grant waits for the person to walk through.
    pub passage_timeout: Duration,
    /// Length of the relay's pulse.
    pub open_for: Duration,
    /// The barrier turns freely outwards.
    pub free_exit: bool,
}

/// How a passage is known to have happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confirm {
    /// A sensor sees the rotation.
    Rotation,
    /// The open command counts as the passage.
    Assumed,
}

/// A badge reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Reader {
    /// Its id.
    pub id: ReaderId,
    /// The gate it opens.
    pub gate: GateId,
    /// Which way it leads.
    pub direction: Direction,
    /// Whether an entry here can be a new visit.
    pub new_visit: bool,
    /// The zone it leads into (`in`, `inner`, `both`) or out of (`out`).
    pub zone: Option<ZoneId>,
    /// Matched against the device types of CRM action types.
    pub device_type: String,
    /// Where a message can be shown.
    pub display: Display,
    /// Whoever passes here is ticked off for the classes they booked.
    pub attendance: bool,
    /// Youngest age in years; unknown ages are refused.
    pub minimum_age: Option<u8>,
    /// How its data becomes a badge.
    pub badge: BadgeFormat,
}

/// Which way a reader leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the zone.
    In,
    /// Out of the zone.
    Out,
    /// In if the person is outside, out if inside.
    Both,
    /// Inside the club: an entry only for who has no open visit.
    Inner,
}

/// Which way a passage goes, once `both` and `inner` are settled for the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Entering.
    In,
    /// Leaving.
    Out,
    /// Moving about inside.
    Inner,
}

/// Where a member can read a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// Nowhere.
    None,
    /// On the gate controller's 2×16 display.
    Controller,
    /// On a page of the console.
    Web,
}

/// What a gate does with reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateMode {
    /// The rules decide.
    #[default]
    Normal,
    /// Everybody may pass; nothing is consumed and no visit made.
    Free,
    /// Only staff may enter.
    Staff,
    /// Nobody may enter. Leaving is never refused.
    Locked,
}

/// How severe a failed check is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not looked at.
    #[default]
    Off,
    /// Said to the operator and, where private enough, to the member.
    Warn,
    /// Holds the gate.
    Block,
}

/// Overdue dues.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DuesRule {
    /// How severe.
    pub level: Level,
    /// Days after the due date on which it still opens.
    pub grace_days: u16,
}

/// Medical certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CertificateRule {
    /// How severe an expired one is; `off` silences missing ones too.
    pub level: Level,
    /// How severe an unknown one is.
    pub missing: Level,
}

/// When a booking of a class counts, where its product says nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClassesRule {
    /// From how long before the start.
    pub early: Duration,
    /// Until how long after the start.
    pub late: Duration,
}

impl Default for ClassesRule {
    fn default() -> Self {
        Self { early: Duration::from_secs(30 * 60), late: Duration::from_secs(15 * 60) }
    }
}

/// Everything configured that the rules look at. Replaced as a whole when the configuration is read again.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The club.
    pub site: Site,
    /// Zones by id; parents exist and form no ring.
    pub zones: BTreeMap<ZoneId, Zone>,
    /// Gates by id.
    pub gates: BTreeMap<GateId, Gate>,
    /// Readers by id; their gates and zones exist.
    pub readers: BTreeMap<ReaderId, Reader>,
    /// How long the same badge at the same reader is a repeat.
    pub repeat_window: Duration,
    /// What a second entry without an exit means.
    pub anti_passback: Level,
    /// The association fee.
    pub fee: Level,
    /// Dues.
    pub dues: DuesRule,
    /// Medical certificates.
    pub certificate: CertificateRule,
    /// Booked classes.
    pub classes: ClassesRule,
}

impl Policy {
    /// A zone and the zones around it, inside first.
    pub fn with_parents<'a>(&'a self, zone: &'a ZoneId) -> impl Iterator<Item = &'a Zone> {
        std::iter::successors(self.zones.get(zone), |inner| self.zones.get(inner.parent.as_ref()?))
    }

    /// Whether `inside` is `zone` or lies in it.
    #[must_use]
    pub fn lies_in(&self, inside: &ZoneId, zone: &ZoneId) -> bool {
        self.with_parents(inside).any(|around| around.id == *zone)
    }

    /// The zones that a reader with `new_visit` enters. A way out ends the visit if it leads out of one of these, or of a
    /// zone around one, and not into another of them (`visit` decides).
    #[must_use]
    pub fn visit_zones(&self) -> BTreeSet<&ZoneId> {
        self.readers.values().filter(|reader| reader.new_visit).filter_map(|reader| reader.zone.as_ref()).collect()
    }
}
