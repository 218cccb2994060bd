//! What a row asks for, from what is known of its person: one step, decided without asking anybody. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::actions::Filled;
use super::outcome::Before;
use super::selection::{self, NotTold};
use super::wire::{CreateBody, MembershipBody, UpdateBody, VisitBody};
use super::{Config, Mode, OnLostAnswer, translate};
use crate::domain::{ClockQuality, FactKind, Hold, Now, OutboxRow, Person, PersonId, RowOutcome, RowState, VisitTold};
use crate::store::Link;

mod attendance;

/// What the store knows of a row's person.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) id: PersonId,
    pub(super) person: Person,
    /// How they are known there, if they are.
    pub(super) link: Option<Link>,
    /// The activity there that the row's class is one of, if it is linked to one.
    pub(super) activity: Option<String>,
}

/// What applies to every row.
pub(super) struct Rules<'a> {
    pub(super) config: &'a Config,
    /// The site's.
    pub(super) timezone: &'a TimeZone,
}

/// The one thing to do with a row.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Step {
    /// Nothing is to be asked there.
    Settle(RowOutcome),
    /// The person is to be linked first; the row waits for that.
    LinkFirst,
    /// The person is not to be known there; what waits for the link is to be looked at again.
    NeverLink(NotTold),
    /// Tell the visit.
    Visit { user: String, body: VisitBody, before: Before },
    /// Tell that they came to a class.
    CheckIn { call: Filled, before: Before },
    /// Make or match the person there; if an earlier answer was lost, look them up first.
    Create { body: CreateBody, before: Before },
    /// Bring data up to date.
    Update { facility_user: String, body: UpdateBody },
    /// Bring the membership up to date.
    SaveMembership { facility_user: String, body: MembershipBody },
}

/// Decides what a row asks for.
pub(super) fn plan(row: &OutboxRow, known: &Known, rules: &Rules<'_>, now: Now) -> Step {
    let today = now.wall.to_zoned(rules.timezone.clone()).date();
    let (person, link) = (&known.person, known.link.as_ref());
    let step = match row.kind {
        FactKind::Visit => visit(row, known, rules, today),
        FactKind::Person => introduce(row, person, link, rules, today),
        FactKind::Membership => membership(person, link, rules, today),
        FactKind::Groups => groups(person, link, rules, today),
        FactKind::Attendance => attendance::check_in(row, known, rules, today),
        FactKind::Passage | FactKind::Alarm | FactKind::Answer => {
            Ok(suppressed("Mywellness is not told of this kind of fact"))
        }
    };
    match step {
        Ok(step) => step,
        // A clock that is certainly wrong cannot tell who is a member, and what is suppressed stays so.
        Err(why) if why.depends_on_date() && now.quality == ClockQuality::Untrusted => {
            Step::Settle(RowOutcome::Later("the clock cannot be trusted with who is a member".into()))
        }
        Err(why) if row.kind == FactKind::Person && link.is_none() => Step::NeverLink(why),
        Err(why) => suppressed(&why.to_string()),
    }
}

fn visit(row: &OutboxRow, known: &Known, rules: &Rules<'_>, today: Date) -> Result<Step, NotTold> {
    let before = before(row);
    selection::lets_activity_sync(&known.person)?;
    let Ok(told) = serde_json::from_str::<VisitTold>(&row.body) else {
        return Ok(Step::Settle(RowOutcome::Never("the row's visit cannot be read".into())));
    };
    told_of_that_day(known, rules, (told.started_at, today))?;
    if before == Before::InDoubt && rules.config.on_lost_answer == OnLostAnswer::Park {
        let why = "the answer was lost: it may stand at Mywellness already";
        return Ok(Step::Settle(RowOutcome::Never(why.into())));
    }
    let Some(link) = &known.link else { return Ok(unlinked(rules)) };
    let body = translate::visit(told.started_at, rules.timezone);
    Ok(Step::Visit { user: link.user_id.clone(), body, before })
}

/// What a member did is told if they are a member now, or if they are known there and were one on that day: three weeks
/// offline must not take the visits of one who left meanwhile. Whoever is not known there must be selected today,
/// because today it is decided whether they will be.
fn told_of_that_day(known: &Known, rules: &Rules<'_>, (at, today): (Timestamp, Date)) -> Result<(), NotTold> {
    selection::lets_activity_sync(&known.person)?;
    let selects = |day| selection::selects(&rules.config.selection, &known.person, day);
    let that_day = at.to_zoned(rules.timezone.clone()).date();
    let was_selected = known.link.is_some() && selects(that_day).is_ok();
    if was_selected { Ok(()) } else { selects(today) }
}

fn introduce(
    row: &OutboxRow,
    person: &Person,
    link: Option<&Link>,
    rules: &Rules<'_>,
    today: Date,
) -> Result<Step, NotTold> {
    selection::lets_sync(person)?;
    selection::selects(&rules.config.selection, person, today)?;
    if let Some(link) = link {
        let facility_user = link.facility_user_id.clone();
        return Ok(Step::Update { facility_user, body: translate::update(person) });
    }
    Ok(match translate::create(person, rules.config) {
        Ok(body) => Step::Create { body, before: before(row) },
        Err(missing) => Step::Settle(RowOutcome::Never(missing.to_string())),
    })
}

/// The end of a membership takes its holder out of the selection, and is told all the same to who knows them.
fn membership(person: &Person, link: Option<&Link>, rules: &Rules<'_>, today: Date) -> Result<Step, NotTold> {
    selection::lets_sync(person)?;
    let Some(link) = link else {
        selection::selects(&rules.config.selection, person, today)?;
        return Ok(unlinked(rules));
    };
    Ok(match translate::membership(person, today) {
        Some(body) => Step::SaveMembership { facility_user: link.facility_user_id.clone(), body },
        None => suppressed("no subscription of the person gives membership"),
    })
}

fn groups(person: &Person, link: Option<&Link>, rules: &Rules<'_>, today: Date) -> Result<Step, NotTold> {
    selection::lets_sync(person)?;
    selection::selects(&rules.config.selection, person, today)?;
    // The list told replaces the list there: without a mapping an empty one would wipe what the club keeps there by hand.
    if rules.config.group_ids.is_empty() {
        return Ok(suppressed("mywellness.group_ids maps no group"));
    }
    let Some(link) = link else { return Ok(unlinked(rules)) };
    let body = translate::groups(person, &rules.config.group_ids);
    Ok(Step::Update { facility_user: link.facility_user_id.clone(), body })
}

/// In operator mode the mark that links a person is written by the operator's own command, and never by a visit.
fn unlinked(rules: &Rules<'_>) -> Step {
    let links_by_itself = rules.config.mode == Mode::Automatic && rules.config.send.contains(&FactKind::Person);
    if links_by_itself { Step::LinkFirst } else { Step::Settle(RowOutcome::Held(Hold::Link)) }
}

fn before(row: &OutboxRow) -> Before {
    match row.state {
        RowState::InFlight | RowState::Unsure => Before::InDoubt,
        RowState::Pending
        | RowState::Sent
        | RowState::Held
        | RowState::Parked
        | RowState::Delivered
        | RowState::Suppressed
        | RowState::Discarded
        | RowState::Erased => Before::Untold,
    }
}

fn suppressed(why: &str) -> Step {
    Step::Settle(RowOutcome::Suppressed(why.into()))
}

#[cfg(test)]
mod tests;
