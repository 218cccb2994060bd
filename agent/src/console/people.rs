//! People over HTTP: listing, reading, writing and erasing them, and what the rules know of one.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{
    AccessAction, BookedClass, CrmActionId, ExternalId, MembershipId, OpenAction, Person, Presence, Standing, Visit,
    ZoneId,
};
use crate::intake::{CheckedPerson, Problem, Remote, erase_person, put_person};

use super::extract::{Asked, Document, Named};
use super::lists::{List, rows};
use super::problem::{ApiProblem, ProblemDocument};
use super::state::Shared;

/// Which people are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PeopleAsked {
    /// Beginnings of words of the names, in any order, case and without accents; or the beginning of an e-mail address or
    /// external id.
    query: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

/// A person's document as stored.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct PersonServed {
    /// The document.
    #[serde(flatten)]
    person: Person,
    /// What is odd about it; only in the answer to a put.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Problem>,
}

/// People in the order of their external id, without their photos.
#[utoipa::path(get, path = "/people", tag = "people", params(PeopleAsked), responses((status = 200, body = List<Person>)))]
pub(super) async fn list_people(
    State(console): Shared,
    Asked(asked): Asked<PeopleAsked>,
) -> Result<Json<List<Person>>, ApiProblem> {
    let rows = rows(asked.limit)?;
    let find = move |view: &crate::store::View<'_>| view.people(asked.query.as_deref(), asked.cursor.as_deref(), rows);
    let page = console.handles.store.read("listing people", find).await?;
    let items = page.items.into_iter().map(|stored| stored.person).collect();
    Ok(Json(List { items, next: page.next }))
}

/// A person's document.
#[utoipa::path(
    get, path = "/people/{external_id}", tag = "people", params(("external_id" = String, Path)),
    responses((status = 200, body = Person), (status = 404, body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(super) async fn get_person(
    State(console): Shared,
    Named(id): Named<ExternalId>,
) -> Result<Json<Person>, ApiProblem> {
    let asked = id.clone();
    let found = console.handles.store.read("reading a person", move |view| view.person(&asked)).await?;
    found.map(|stored| Json(stored.person)).ok_or_else(|| ApiProblem::unknown("person", id))
}

/// Writes a person down, in place of what was known of them. A credential that belongs to somebody else is refused and
/// named (409).
#[utoipa::path(
    put, path = "/people/{external_id}", tag = "people", params(("external_id" = String, Path)), request_body = Person,
    responses((status = 200, description = "Replaced", body = PersonServed), (status = 201, description = "New", body = PersonServed),
        (status = 409, body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(super) async fn put_one_person(
    State(console): Shared,
    Named(id): Named<ExternalId>,
    Document(person): Document<Person>,
) -> Result<(StatusCode, Json<PersonServed>), ApiProblem> {
    if person.external_id != id {
        return Err(ApiProblem::field("external_id", format!("is not {id}, as the address says")));
    }
    let now = console.handles.clock.now();
    let policy = console.handles.policy.borrow().clone();
    let checked = CheckedPerson::new(person, &policy, now)?;
    let write = move |tx: &crate::store::Tx<'_>| match put_person(tx, &checked, now.wall)? {
        Err(refused) => Ok(Err(refused)),
        Ok(put) => Ok(Ok((put, tx.person(&id)?))),
    };
    let (put, stored) = console.handles.store.write("writing a person", write).await??;
    let person = stored.expect("the person was written in the same transaction").person;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(PersonServed { person, warnings: put.warnings })))
}

/// What an erasure asks of Mywellness.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EraseAsked {
    /// Whether the person is to be deleted at Mywellness too. False if absent: what is known there stays there.
    #[serde(default)]
    remote: bool,
}

/// Erases a person: passages and visits stay, anonymous. An import does not bring them back.
#[utoipa::path(
    delete, path = "/people/{external_id}", tag = "people", params(("external_id" = String, Path), EraseAsked),
    responses((status = 204, description = "Erased",
        headers(("varco-remote-deletion" = String, description = "With `remote`, what was ordered at Mywellness: `ordered`; `looked_up`, if only a lost answer would say whether they are known there; `nothing`, if they never were"))), (status = 404, body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(super) async fn erase_one_person(
    State(console): Shared,
    Named(id): Named<ExternalId>,
    Asked(EraseAsked { remote }): Asked<EraseAsked>,
) -> Result<(StatusCode, [(&'static str, &'static str); 1]), ApiProblem> {
    let (now, asked) = (console.now(), id.clone());
    let remote = if remote { Remote::Goes } else { Remote::Stays };
    let erase = move |tx: &crate::store::Tx<'_>| erase_person(tx, &asked, remote, now);
    let erased = console.handles.store.write("erasing a person", erase).await?;
    let ordered = erased.ok_or_else(|| ApiProblem::unknown("person", id))?;
    Ok((StatusCode::NO_CONTENT, [("varco-remote-deletion", ordered.as_str())]))
}

/// What the rules know of a person at this moment.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct StandingServed {
    /// The person.
    person: ExternalId,
    /// Entries consumed here since each punch card was counted.
    consumed: BTreeMap<String, u32>,
    /// Entries left of each punch card; null: unknown.
    entries_left: BTreeMap<String, Option<u32>>,
    /// CRM actions not concluded.
    actions: Vec<OpenActionServed>,
    /// The newest visit, open or ended.
    visit: Option<Visit>,
    /// Where the person is counted.
    presence: Option<Presence>,
    /// Bookings of classes that begin within a day and a half.
    bookings: Vec<BookedClass>,
    /// How many people are counted in each zone itself.
    occupancy: BTreeMap<String, u32>,
}

/// An open CRM action, with what its type does at a gate.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct OpenActionServed {
    /// The action.
    id: CrmActionId,
    /// What its type does at a gate.
    access_action: AccessAction,
    /// The type is obsolete and acts no longer.
    obsolete: bool,
    /// Kinds of device it acts on; empty: all.
    device_types: Vec<String>,
    /// The text for the member.
    message: Option<String>,
    /// By when it is to be dealt with.
    #[schema(value_type = Option<String>, format = Date)]
    due_on: Option<civil::Date>,
    /// Not acting after this.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// Its message is shown at most so many times.
    show_limit: Option<u32>,
    /// How many times it was shown.
    shown: u32,
}

/// What the rules know of a person now.
#[utoipa::path(
    get, path = "/people/{external_id}/standing", tag = "people", params(("external_id" = String, Path)),
    responses((status = 200, body = StandingServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"))
)]
pub(super) async fn get_standing(
    State(console): Shared,
    Named(id): Named<ExternalId>,
) -> Result<Json<StandingServed>, ApiProblem> {
    let (asked, now) = (id.clone(), console.now());
    let look_up = move |view: &crate::store::View<'_>| match view.person_id(&asked)? {
        None => Ok(None),
        Some(person) => view.standing(person, now),
    };
    let standing = console.handles.store.read("reading a standing", look_up).await?;
    standing.map(|standing| Json(served(standing))).ok_or_else(|| ApiProblem::unknown("person", id))
}

fn served(standing: Standing) -> StandingServed {
    let left = |consumed: &BTreeMap<MembershipId, u32>, membership: &crate::domain::Membership| {
        let used = consumed.get(&membership.id).copied().unwrap_or_default();
        membership.entries_left.map(|counted| counted.saturating_sub(used))
    };
    let cards = standing.person.memberships.iter().filter(|it| it.kind == crate::domain::MembershipKind::PunchCard);
    StandingServed {
        entries_left: cards.map(|card| (card.id.to_string(), left(&standing.consumed, card))).collect(),
        person: standing.person.external_id,
        consumed: standing.consumed.into_iter().map(|(id, count)| (id.into(), count)).collect(),
        actions: standing.actions.into_iter().map(open_action).collect(),
        visit: standing.visit,
        presence: standing.presence,
        bookings: standing.bookings,
        occupancy: standing.occupancy.into_iter().map(|(zone, count): (ZoneId, u32)| (zone.into(), count)).collect(),
    }
}

fn open_action(action: OpenAction) -> OpenActionServed {
    let OpenAction { id, access_action, obsolete, device_types, message, due_on, valid_until, show_limit, shown } =
        action;
    OpenActionServed { id, access_action, obsolete, device_types, message, due_on, valid_until, show_limit, shown }
}
