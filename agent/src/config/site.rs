//! `[site]`, `[access]` and `[[zone]]`: the club, its conditions and the parts whose people are counted.

use std::time::Duration;

use jiff::civil;

use super::problem::Place;
use super::section::{Fault, Section};
use super::tree::{Node, Value};
use super::values::{choice, duration, list, name, text, time_of_day, time_zone, whole, wrong_kind};
use crate::domain::{CertificateRule, ClassesRule, Days, DuesRule, Hours, Level, Locale, Site, SiteId, Zone, ZoneId};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Longest stay that is still one visit's presence: beyond it the key was mistaken for another.
const MAXIMUM_STAY_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Longest repeat window: beyond it a person who comes back would be taken for a held badge.
const REPEAT_WINDOW_MAX: Duration = HOUR;
/// Most people in one zone.
const CAPACITY_MAX: u32 = 1_000_000;
/// Longest grace for overdue dues, in days: ten years.
const GRACE_DAYS_MAX: u16 = 3_650;

const LEVELS: [(&str, Level); 3] = [("off", Level::Off), ("warn", Level::Warn), ("block", Level::Block)];

/// The languages there are texts in.
pub(super) const LOCALES: [(&str, Locale); 3] = [("it", Locale::It), ("sv", Locale::Sv), ("en", Locale::En)];

/// Reads `[site]`.
pub(super) fn site(mut section: Section<'_>) -> Option<Site> {
    let id: Option<SiteId> = section.required("id", "id = \"milano-centro\"", name);
    let named = section.optional("name", text);
    let timezone = section.required("timezone", "timezone = \"Europe/Rome\"", time_zone);
    let locale = section.or("locale", Locale::En, choice(&LOCALES));
    let club_day_starts = section.or("club_day_starts", civil::time(4, 0, 0, 0), time_of_day);
    let maximum_stay = section.optional("maximum_stay", duration(SECOND..=MAXIMUM_STAY_MAX));
    section.finish();
    let id = id?;
    let name = named.unwrap_or_else(|| id.to_string());
    Some(Site { id, name, timezone: timezone?, locale, club_day_starts, maximum_stay })
}

/// `[access]`: what the rules check beside memberships.
pub(super) struct Access {
    pub(super) repeat_window: Duration,
    pub(super) anti_passback: Level,
    pub(super) fee: Level,
    pub(super) dues: DuesRule,
    pub(super) certificate: CertificateRule,
    pub(super) classes: ClassesRule,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            repeat_window: 3 * SECOND,
            anti_passback: Level::Off,
            fee: Level::Off,
            dues: DuesRule::default(),
            certificate: CertificateRule { level: Level::Off, missing: Level::Warn },
            classes: ClassesRule::default(),
        }
    }
}

/// Longest time before or after the start of a class in which its booking counts: beyond it the key was mistaken for
/// another.
const CLASS_MARGIN_MAX: Duration = Duration::from_secs(12 * 3600);

/// Reads `[access]`.
pub(super) fn access(mut section: Section<'_>) -> Access {
    let mut access = Access::default();
    access.repeat_window =
        section.or("repeat_window", access.repeat_window, duration(Duration::ZERO..=REPEAT_WINDOW_MAX));
    access.anti_passback = section.or("anti_passback", access.anti_passback, choice(&LEVELS));
    if let Some(mut conditions) = section.section("conditions") {
        access.fee = conditions.or("fee", access.fee, choice(&LEVELS));
        access.dues = dues(&mut conditions);
        access.certificate = certificate(&mut conditions, access.certificate);
        conditions.finish();
    }
    if let Some(mut classes) = section.section("classes") {
        let margin = || duration(Duration::ZERO..=CLASS_MARGIN_MAX);
        access.classes.early = classes.or("early", access.classes.early, margin());
        access.classes.late = classes.or("late", access.classes.late, margin());
        classes.finish();
    }
    section.finish();
    access
}

/// `dues = "block"` or `dues = { level = "block", grace_days = 10 }`.
fn dues(conditions: &mut Section<'_>) -> DuesRule {
    match conditions.level_alone("dues") {
        Some(level) => DuesRule { level, ..DuesRule::default() },
        None if !conditions.is_table("dues") => DuesRule::default(),
        None => conditions.section("dues").map_or_else(DuesRule::default, |mut section| {
            let level = section.or("level", Level::Off, choice(&LEVELS));
            let grace_days = section.or("grace_days", 0, whole(0..=GRACE_DAYS_MAX));
            section.finish();
            DuesRule { level, grace_days }
        }),
    }
}

/// `certificate = "block"` or `certificate = { level = "block", missing = "warn" }`.
fn certificate(conditions: &mut Section<'_>, default: CertificateRule) -> CertificateRule {
    match conditions.level_alone("certificate") {
        Some(level) => CertificateRule { level, ..default },
        None if !conditions.is_table("certificate") => default,
        None => conditions.section("certificate").map_or(default, |mut section| {
            let level = section.or("level", default.level, choice(&LEVELS));
            let missing = section.or("missing", default.missing, choice(&LEVELS));
            section.finish();
            CertificateRule { level, missing }
        }),
    }
}

impl Section<'_> {
    /// The level of a condition written as one word. None: it is a table, or not written.
    fn level_alone(&mut self, key: &'static str) -> Option<Level> {
        if self.is_table(key) { None } else { self.optional(key, choice(&LEVELS)) }
    }
}

/// A zone as read, with the places that later checks point at.
pub(super) struct ZoneDraft {
    pub(super) id: Option<ZoneId>,
    pub(super) id_place: Place,
    pub(super) parent_place: Place,
    pub(super) zone: Option<Zone>,
}

/// Reads one `[[zone]]`.
pub(super) fn zone(mut section: Section<'_>) -> ZoneDraft {
    let id: Option<ZoneId> = section.required("id", "id = \"gym\"", name);
    let capacity = section.optional("capacity", whole(1..=CAPACITY_MAX));
    let parent = section.optional("parent", name);
    let hours = section.or("hours", Vec::new(), list(hours));
    let (id_place, parent_place) = (section.place("id"), section.place("parent"));
    section.finish();
    let zone = id.clone().map(|id| Zone { id, capacity, parent, hours });
    ZoneDraft { id, id_place, parent_place, zone }
}

/// `{ days = "mon-fri", from = "06:00", to = "23:00" }`.
fn hours(node: &Node) -> Result<Hours, Fault> {
    const EXAMPLE: &str = "{ days = \"mon-fri\", from = \"06:00\", to = \"23:00\" }";
    let Value::Table(entries) = &node.value else { return Err(wrong_kind(node, EXAMPLE)) };
    let (mut days, mut from, mut to) = (Days::default(), None, None);
    for entry in entries {
        let at = |fault: Fault| Fault { at: Some(entry.node.span.clone()), ..fault };
        match entry.key.as_str() {
            "days" => {
                let written = text(&entry.node).map_err(at)?;
                days = Days::try_from(written).map_err(|what| at(Fault::new(what, format!("write {EXAMPLE}"))))?;
            }
            "from" => from = Some(time_of_day(&entry.node).map_err(at)?),
            "to" => to = Some(end_of_hours(&entry.node).map_err(at)?),
            other => return Err(at(Fault::new(format!("`{other}` is not a known key"), format!("write {EXAMPLE}")))),
        }
    }
    let missing = || Fault::new("`from` or `to` is missing", format!("write {EXAMPLE}"));
    Ok(Hours { days, from: from.ok_or_else(missing)?, to: to.ok_or_else(missing)? })
}

/// `24:00` is the end of the day, written as midnight.
fn end_of_hours(node: &Node) -> Result<civil::Time, Fault> {
    match &node.value {
        Value::Text(text) if text == "24:00" => Ok(civil::Time::midnight()),
        _ => time_of_day(node),
    }
}
