//! What a row asks for, from what is known of its person: one step, decided without asking anybody. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::actions::Filled;
use super::outcome::{Before, POSSIBLE_EFFECTS_MAX, too_many_effects};
use super::wire::{CreateBody, MembershipBody, UpdateBody, VisitBody};
use super::{Config, OnLostAnswer, translate};
use crate::domain::{
    ClockQuality, ErasureTold, ExternalId, FactKind, Hold, Now, OutboxRow, Person, PersonId, RowOutcome, RowState,
    VisitTold,
};
use crate::store::Link;
use crate::sync::{self, Approval, Barred, Cause, Footing, Integration, Mode, Personalia, SyncState, Told};

mod attendance;
mod belongings;

/// What the store knows of a row's person.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) id: PersonId,
    pub(super) person: Person,
    /// How they are known there, if they are.
    pub(super) link: Option<Link>,
    /// How their integration stands.
    pub(super) integration: Integration,
    /// What was acknowledged last.
    pub(super) told: Told,
    /// The activity there that the row's class is one of, if it is linked to one.
    pub(super) activity: Option<String>,
    /// Whether something of the person is still to be told.
    pub(super) marks_wait: bool,
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
    Settle(RowOutcome, Option<Cause>),
    /// The person is to be linked first; the row waits for that.
    LinkFirst,
    /// The person is not to be known there; what waits for the link is to be looked at again.
    NeverLink(Barred),
    /// Tell the visit.
    Visit { user: String, body: VisitBody, before: Before },
    /// Tell that they came to a class.
    CheckIn { call: Filled, before: Before },
    /// Make or match the person there; if an earlier answer was lost, look them up first.
    Create { body: CreateBody, before: Before },
    /// Bring data up to date; `told` is what is known there afterwards.
    Update { facility_user: String, body: UpdateBody, told: String },
    /// Bring the membership up to date, step by step.
    SaveMembership { facility_user: String, bodies: Vec<MembershipBody>, told: String },
    /// Make a call that the club wrote down, and may be made again; `told` is what is known there afterwards.
    Say { action: &'static str, call: Filled, told: String },
    /// Have the person deleted there.
    Delete { facility_user: String },
    /// Look the person up, and have them deleted there if they are found.
    DeleteWhoever { external_id: ExternalId },
}

/// Decides what a row asks for.
pub(super) fn plan(row: &OutboxRow, known: &Known, rules: &Rules<'_>, now: Now) -> Step {
    let local = now.wall.to_zoned(rules.timezone.clone());
    let today = local.date();
    let step = match row.kind {
        FactKind::Visit => visit(row, known, rules, today),
        FactKind::Person => introduce(row, known, rules, today),
        FactKind::Membership => membership(known, rules, today),
        FactKind::Groups => groups(known, rules, today),
        FactKind::Photo => belongings::photo(known, rules, &local),
        FactKind::Badge => belongings::badge(known, rules, (&local, now.quality)),
        FactKind::Erasure => Ok(erasure(row)),
        FactKind::Attendance => attendance::check_in(row, known, rules, today),
        FactKind::Passage | FactKind::Alarm | FactKind::Answer | FactKind::Booking => {
            Ok(suppressed("Mywellness is not told of this kind of fact", None))
        }
    };
    match step {
        Ok(step) => step,
        // A clock that is certainly wrong cannot tell who is a member, and what is suppressed stays so.
        Err(Barred::NotTold(why)) if why.depends_on_date() && now.quality == ClockQuality::Untrusted => {
            let why = "the clock cannot be trusted with who is a member";
            Step::Settle(RowOutcome::Later(why.into()), None)
        }
        Err(barred) => stop(row, known, barred),
    }
}

/// What an order to delete asks for, whoever it was about: nothing else of them is kept here.
pub(super) fn erasure(row: &OutboxRow) -> Step {
    match serde_json::from_str::<ErasureTold>(&row.body) {
        Ok(ErasureTold::User { facility_user_id }) => Step::Delete { facility_user: facility_user_id },
        Ok(ErasureTold::Whoever { external_id }) => Step::DeleteWhoever { external_id },
        Err(_) => Step::Settle(RowOutcome::Never("the row's order cannot be read".into()), Some(Cause::Refused)),
    }
}

fn stop(row: &OutboxRow, known: &Known, barred: Barred) -> Step {
    let cause = Some(barred.cause());
    match barred {
        Barred::Suspended => Step::Settle(RowOutcome::Held(Hold::Suspension), cause),
        Barred::Approval => Step::Settle(RowOutcome::Held(Hold::Approval), cause),
        Barred::Incomplete(missing) => Step::Settle(RowOutcome::Never(missing.to_string()), cause),
        Barred::NotTold(_) | Barred::Deleted if row.kind == FactKind::Person && known.link.is_none() => {
            Step::NeverLink(barred)
        }
        Barred::NotTold(_) | Barred::Deleted => suppressed(&barred.to_string(), cause),
    }
}

fn visit(row: &OutboxRow, known: &Known, rules: &Rules<'_>, today: Date) -> Result<Step, Barred> {
    let before = before(row);
    activity_may_be_told(known)?;
    let Ok(told) = serde_json::from_str::<VisitTold>(&row.body) else {
        return Ok(Step::Settle(RowOutcome::Never("the row's visit cannot be read".into()), None));
    };
    told_of_that_day(known, rules, (told.started_at, today))?;
    if let Some(doubtful) = too_doubtful(row, before, rules) {
        return Ok(doubtful);
    }
    let Some(link) = &known.link else { return unlinked(known, rules) };
    if known.marks_wait {
        return Ok(Step::Settle(RowOutcome::Held(Hold::Data), None));
    }
    let body = translate::visit(told.started_at, rules.timezone);
    Ok(Step::Visit { user: link.user_id.clone(), body, before })
}

/// Parks what may stand there already, if the club wants that or it was sent often enough. Tries that the end of the agent
/// cut off count as well.
fn too_doubtful(row: &OutboxRow, before: Before, rules: &Rules<'_>) -> Option<Step> {
    let why = match (before, rules.config.on_lost_answer) {
        (Before::Untold, _) => return None,
        (Before::InDoubt, OnLostAnswer::Park) => "the answer was lost: it may stand at Mywellness already".to_owned(),
        (Before::InDoubt, OnLostAnswer::Resend) if row.failures >= POSSIBLE_EFFECTS_MAX => {
            too_many_effects(row.failures, "the last answer was lost")
        }
        (Before::InDoubt, OnLostAnswer::Resend) => return None,
    };
    Some(Step::Settle(RowOutcome::Never(why), None))
}

/// Whether the member and the operator let be told what the member does.
fn activity_may_be_told(known: &Known) -> Result<(), Barred> {
    sync::lets_activity_sync(&known.person)?;
    operators_word(&known.integration)
}

/// What a member did is told if they are a member now, or if they are known there and were one on that day: three weeks
/// offline must not take the visits of one who left meanwhile. Whoever is not known there must be selected today,
/// because today it is decided whether they will be.
fn told_of_that_day(known: &Known, rules: &Rules<'_>, (at, today): (Timestamp, Date)) -> Result<(), Barred> {
    activity_may_be_told(known)?;
    let selects = |day| sync::selects(&rules.config.rules.selection, &known.person, day);
    let that_day = at.to_zoned(rules.timezone.clone()).date();
    let was_selected = known.link.is_some() && selects(that_day).is_ok();
    if was_selected { Ok(()) } else { Ok(selects(today)?) }
}

fn introduce(row: &OutboxRow, known: &Known, rules: &Rules<'_>, today: Date) -> Result<Step, Barred> {
    let Known { person, link, integration, told, .. } = known;
    let footing = if link.is_some() { Footing::Linked } else { Footing::Unlinked };
    sync::may_be_known(person, (integration, footing), &rules.config.rules, today)?;
    let Some(link) = link else {
        let body = translate::create(person, &rules.config.rules)?;
        return Ok(Step::Create { body, before: before(row) });
    };
    Ok(update(&link.facility_user_id, person, told.person.as_ref(), integration.complete))
}

/// What a person who is known there is to be told anew: only the fields that differ, unless all is to be told.
pub(super) fn update(facility_user: &str, person: &Person, told: Option<&Personalia>, complete: bool) -> Step {
    let (personalia, known) = (Personalia::of(person), told.cloned().unwrap_or_default());
    let changed = if complete { personalia } else { personalia.differing(&known) };
    if changed.is_empty() {
        return Step::Settle(RowOutcome::Delivered, None);
    }
    let told = as_told(&changed.after(&known));
    Step::Update { facility_user: facility_user.to_owned(), body: translate::update(changed), told }
}

/// The end of a membership takes its holder out of the selection, and is told all the same to who knows them.
fn membership(known: &Known, rules: &Rules<'_>, today: Date) -> Result<Step, Barred> {
    let Known { person, link, integration, told, .. } = known;
    sync::lets_sync(person)?;
    operators_word(integration)?;
    let Some(link) = link else {
        sync::selects(&rules.config.rules.selection, person, today)?;
        return unlinked(known, rules);
    };
    let known = told.membership.as_ref();
    let Some(wanted) = sync::membership(person, known, today) else {
        return Ok(suppressed("no subscription of the person gives membership", None));
    };
    let steps = sync::operations(known, &wanted, integration.complete);
    if steps.is_empty() {
        return Ok(Step::Settle(RowOutcome::Delivered, None));
    }
    let bodies = steps.into_iter().map(|step| translate::membership(step, &wanted)).collect();
    Ok(Step::SaveMembership { facility_user: link.facility_user_id.clone(), bodies, told: as_told(&wanted) })
}

fn groups(known: &Known, rules: &Rules<'_>, today: Date) -> Result<Step, Barred> {
    let Known { person, link, .. } = known;
    may_be_told(known, rules, today)?;
    if !rules.config.rules.marks().contains(&FactKind::Groups) {
        return Ok(suppressed("mywellness.group_ids maps no group, or group_master is off", None));
    }
    let Some(link) = link else { return unlinked(known, rules) };
    let ids = sync::group_ids(person, &rules.config.rules.group_ids);
    let facility_user = link.facility_user_id.clone();
    Ok(Step::Update { facility_user, body: translate::groups(&ids), told: as_told(&ids) })
}

/// The member's word, then the operator's, then the club's selection.
fn may_be_told(known: &Known, rules: &Rules<'_>, today: Date) -> Result<(), Barred> {
    sync::lets_sync(&known.person)?;
    operators_word(&known.integration)?;
    Ok(sync::selects(&rules.config.rules.selection, &known.person, today)?)
}

/// What an operator said about the person's integration.
fn operators_word(integration: &Integration) -> Result<(), Barred> {
    match integration.state {
        SyncState::Suspended => Err(Barred::Suspended),
        SyncState::ToDelete => Err(Barred::Deleted),
        _ if integration.approval == Approval::Withdrawn => Err(Barred::Deleted),
        _ => Ok(()),
    }
}

/// Whoever is not known there is made known first; in operator mode only after an operator's step.
fn unlinked(known: &Known, rules: &Rules<'_>) -> Result<Step, Barred> {
    if rules.config.rules.mode == Mode::Operator && known.integration.approval != Approval::Given {
        return Err(Barred::Approval);
    }
    let links = rules.config.rules.send.contains(&FactKind::Person);
    Ok(if links { Step::LinkFirst } else { Step::Settle(RowOutcome::Held(Hold::Link), None) })
}

/// What is remembered as acknowledged.
pub(super) fn as_told(known: &impl serde::Serialize) -> String {
    serde_json::to_string(known).expect("what is told has only texts as keys")
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

fn suppressed(why: &str, cause: Option<Cause>) -> Step {
    Step::Settle(RowOutcome::Suppressed(why.into()), cause)
}

#[cfg(test)]
mod tests;
