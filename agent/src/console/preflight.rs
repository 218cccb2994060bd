//! What would happen at Mywellness, before it does: who would go, who cannot and why, and what the groups would become.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{ExternalId, FactKind, Source};
use crate::store::{SyncEntry, SyncFilter};
use crate::sync::{self, Barred, Cause, Footing, Rules};

use super::extract::Asked;
use super::lists::{List, PAGE_ROWS_MAX, rows};
use super::problem::{ApiProblem, Kind};
use super::state::{Console, Shared};

/// Most people looked at for one page: those who fit the filter may be rare.
const LOOKED_AT_MAX: u32 = 5_000;
/// Most people named whose groups would vanish, and most names of groups without an id; more are only counted.
const NAMED_MAX: usize = 500;

/// What would become of a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Foreseen {
    /// They would be made known.
    Goes,
    /// They are known, and kept up to date.
    Known,
    /// Something required is missing.
    Incomplete,
    /// They wait for an operator.
    Approval,
    /// The club does not select them.
    NotSelected,
    /// They said no.
    OptedOut,
    /// An operator suspended the integration.
    Suspended,
    /// An operator deleted the integration.
    Deleted,
}

/// A person before they are told of.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct PreflightServed {
    /// The person.
    person: ExternalId,
    /// Their family name.
    last_name: String,
    /// Their given name.
    first_name: String,
    /// What would become of them.
    verdict: Foreseen,
    /// Fields that Mywellness requires and the document lacks.
    missing: Vec<String>,
    /// Why they would not go.
    reason: Option<String>,
    /// Where the person's document was first written.
    source: Option<Source>,
}

/// Which people are asked for, and how they are to be written.
#[derive(Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PreflightAsked {
    /// Of whom this would become.
    verdict: Option<Foreseen>,
    /// `csv`: everybody as one spreadsheet, as `Accept: text/csv` asks for too.
    #[param(inline)]
    format: Option<SheetFormat>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent. A page may hold fewer and still have a next one.
    limit: Option<u32>,
}

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SheetFormat {
    /// JSON, page by page.
    Json,
    /// Comma separated values, all at once.
    Csv,
}

/// Who would be made known to Mywellness, and who is incomplete, with what is missing; before anything is sent.
#[utoipa::path(get, path = "/sync/preflight", tag = "sync", params(PreflightAsked),
    responses((status = 200, description = "A page; with `Accept: text/csv` or `format=csv` everybody as a spreadsheet", content(
        (List<PreflightServed> = "application/json"), (String = "text/csv")))))]
pub(super) async fn preflight(
    State(console): Shared,
    headers: HeaderMap,
    Asked(asked): Asked<PreflightAsked>,
) -> Result<Response, ApiProblem> {
    let rules = rules(&console)?;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if asked.format.map_or(accepts.contains("text/csv"), |format| format == SheetFormat::Csv) {
        return Ok(sheet(console, rules, asked.verdict));
    }
    let (limit, mut looked_at) = (rows(asked.limit)?, 0);
    let (mut items, mut next) = (Vec::new(), asked.cursor);
    let wanted = usize::try_from(limit).unwrap_or_default();
    loop {
        // No more than still fit, so that the page ends where the next one begins.
        let room = u32::try_from(wanted - items.len()).unwrap_or(PAGE_ROWS_MAX);
        let page = page(&console, &rules, next, room).await?;
        looked_at += room;
        items.extend(page.0.into_iter().filter(|it| asked.verdict.is_none_or(|verdict| it.verdict == verdict)));
        next = page.1;
        if next.is_none() || items.len() >= wanted || looked_at >= LOOKED_AT_MAX {
            return Ok(Json(List { items, next }).into_response());
        }
    }
}

fn rules(console: &Console) -> Result<Arc<Rules>, ApiProblem> {
    let absent = || ApiProblem::new(Kind::Conflict, "Mywellness is not configured: [mywellness]");
    console.handles.sync.clone().ok_or_else(absent)
}

async fn page(
    console: &Console,
    rules: &Rules,
    cursor: Option<String>,
    limit: u32,
) -> Result<(Vec<PreflightServed>, Option<String>), ApiProblem> {
    let (people, next) = people(console, cursor, limit).await?;
    let today = today(console);
    Ok((people.into_iter().map(|entry| foreseen(entry, rules, today)).collect(), next))
}

async fn people(
    console: &Console,
    cursor: Option<String>,
    limit: u32,
) -> Result<(Vec<SyncEntry>, Option<String>), ApiProblem> {
    let filter = SyncFilter { cursor, limit, ..SyncFilter::default() };
    let page = console.handles.store.read("listing people", move |view| view.sync_people(&filter)).await?;
    Ok((page.items, page.next))
}

fn today(console: &Console) -> Date {
    let timezone = console.handles.policy.borrow().site.timezone.clone();
    console.now().to_zoned(timezone).date()
}

fn foreseen(entry: SyncEntry, rules: &Rules, today: Date) -> PreflightServed {
    let footing = if entry.linked_at.is_some() { Footing::Linked } else { Footing::Unlinked };
    let barred = sync::may_be_known(&entry.person, (&entry.integration, footing), rules, today).err();
    let missing = sync::missing(&entry.person, rules);
    let verdict = match barred.as_ref().map(Barred::cause) {
        None if footing == Footing::Linked => Foreseen::Known,
        None => Foreseen::Goes,
        // Who waits for an operator and is incomplete has to be completed first.
        Some(Cause::Approval) if missing.is_empty() => Foreseen::Approval,
        Some(Cause::Approval | Cause::Incomplete) => Foreseen::Incomplete,
        Some(Cause::OptedOut) => Foreseen::OptedOut,
        Some(Cause::Suspended) => Foreseen::Suspended,
        Some(Cause::Deleted) => Foreseen::Deleted,
        Some(Cause::NotSelected | Cause::Ambiguous | Cause::LinkedElsewhere | Cause::Refused | Cause::Failing) => {
            Foreseen::NotSelected
        }
    };
    PreflightServed {
        verdict,
        missing: missing.into_iter().map(str::to_owned).collect(),
        reason: barred.map(|barred| barred.to_string()),
        source: entry.person.source,
        person: entry.person.external_id,
        last_name: entry.person.last_name,
        first_name: entry.person.first_name,
    }
}

/// Everybody as a spreadsheet, read while it is sent.
fn sheet(console: Arc<Console>, rules: Arc<Rules>, verdict: Option<Foreseen>) -> Response {
    let head = ["person", "last_name", "first_name", "verdict", "missing", "reason"].map(str::to_owned);
    let state = (console, rules, Some((None, lines([head]))));
    let pieces = stream::try_unfold(state, move |(console, rules, rest)| async move {
        let Some((cursor, mut text)) = rest else { return Ok(None) };
        let (people, next) = page(&console, &rules, cursor, PAGE_ROWS_MAX).await.map_err(|_| broken())?;
        let wanted = people.iter().filter(|it| verdict.is_none_or(|verdict| it.verdict == verdict));
        text.extend(lines(wanted.map(cells)));
        let rest = next.map(|next| (Some(next), Vec::new()));
        Ok::<_, std::io::Error>(Some((Bytes::from(text), (console, rules, rest))))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mywellness-preflight.csv\""),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

/// The log says why; whoever reads the file sees that it ends early.
fn broken() -> std::io::Error {
    std::io::Error::other("the store could not be read")
}

fn cells(person: &PreflightServed) -> [String; 6] {
    let verdict = serde_json::to_value(person.verdict).ok();
    let verdict = verdict.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let reason = person.reason.clone().unwrap_or_default();
    let names = (person.last_name.clone(), person.first_name.clone());
    [person.person.to_string(), names.0, names.1, verdict, person.missing.join(" "), reason]
}

fn lines(rows: impl IntoIterator<Item = [String; 6]>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.map(harmless)).expect("writing to memory does not fail");
    }
    writer.into_inner().expect("writing to memory does not fail")
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// What the groups there would become.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct GroupsServed {
    /// Whether groups are told: they are in `mywellness.send`, one of them has an id, and `group_master` is on.
    told: bool,
    /// People linked to a user there. The list of groups of each of them is replaced by the one told, groups that were
    /// given there by hand included: Mywellness does not let us read those, so that they cannot be named here.
    replaced: u64,
    /// The groups with an id there, and how many linked people are in each.
    mapped: Vec<MappedGroup>,
    /// Groups here without an id there, and how many linked people are in each: they are not told.
    unmapped: Vec<UnmappedGroup>,
    /// Linked people who would lose groups that were told before, the first five hundred.
    vanishing: Vec<VanishingGroups>,
    /// How many linked people would lose groups that were told before.
    vanishing_people: u64,
}

/// A group with an id there.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct MappedGroup {
    /// Its name here; there it is exactly the same.
    name: String,
    /// Its id there.
    id: i64,
    /// Linked people in it.
    people: u64,
}

/// A group without an id there.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct UnmappedGroup {
    /// Its name here.
    name: String,
    /// Linked people in it.
    people: u64,
}

/// Groups that a person would lose.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct VanishingGroups {
    /// The person.
    person: ExternalId,
    /// The ids there, with the name here if there still is one.
    groups: Vec<VanishingGroup>,
}

/// A group that a person would lose.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct VanishingGroup {
    /// Its id there.
    id: i64,
    /// Its name here.
    name: Option<String>,
}

/// What the groups at Mywellness would become if they were told; nothing is sent.
#[utoipa::path(get, path = "/sync/groups/dry-run", tag = "sync", responses((status = 200, body = GroupsServed)))]
pub(super) async fn try_groups(State(console): Shared) -> Result<Json<GroupsServed>, ApiProblem> {
    let rules = rules(&console)?;
    let mut tried = Tried::default();
    let mut cursor = None;
    loop {
        let (people, next) = people(&console, cursor, PAGE_ROWS_MAX).await?;
        let linked: Vec<_> = people.into_iter().filter(|entry| entry.linked_at.is_some()).collect();
        let ids: Vec<_> = linked.iter().map(|entry| entry.id).collect();
        let reading = console.handles.store.read("reading what was told", move |view| {
            ids.iter().map(|id| view.told(*id)).collect::<Result<Vec<_>, _>>()
        });
        for (entry, told) in linked.iter().zip(reading.await?) {
            tried.count(entry, told.groups.unwrap_or_default(), &rules);
        }
        let Some(next) = next else { return Ok(Json(tried.served(&rules))) };
        cursor = Some(next);
    }
}

#[derive(Default)]
struct Tried {
    replaced: u64,
    mapped: BTreeMap<String, u64>,
    unmapped: BTreeMap<String, u64>,
    vanishing: Vec<VanishingGroups>,
    vanishing_people: u64,
}

impl Tried {
    fn count(&mut self, entry: &SyncEntry, told: Vec<i64>, rules: &Rules) {
        self.replaced += 1;
        for name in &entry.person.groups {
            let counts = if rules.group_ids.contains_key(name) { &mut self.mapped } else { &mut self.unmapped };
            if counts.contains_key(name) || counts.len() < NAMED_MAX {
                *counts.entry(name.clone()).or_default() += 1;
            }
        }
        let wanted = sync::group_ids(&entry.person, &rules.group_ids);
        let gone: Vec<_> = told.into_iter().filter(|id| !wanted.contains(id)).collect();
        if gone.is_empty() {
            return;
        }
        self.vanishing_people += 1;
        if self.vanishing.len() < NAMED_MAX {
            let name = |id| rules.group_ids.iter().find(|(_, known)| **known == id).map(|(name, _)| name.clone());
            let groups = gone.into_iter().map(|id| VanishingGroup { id, name: name(id) }).collect();
            self.vanishing.push(VanishingGroups { person: entry.person.external_id.clone(), groups });
        }
    }

    fn served(self, rules: &Rules) -> GroupsServed {
        let people = |name: &String| self.mapped.get(name).copied().unwrap_or_default();
        let mapped =
            rules.group_ids.iter().map(|(name, id)| MappedGroup { people: people(name), name: name.clone(), id: *id });
        GroupsServed {
            told: rules.marks().contains(&FactKind::Groups),
            replaced: self.replaced,
            mapped: mapped.collect(),
            unmapped: self.unmapped.into_iter().map(|(name, people)| UnmappedGroup { name, people }).collect(),
            vanishing: self.vanishing,
            vanishing_people: self.vanishing_people,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_taken_for_a_formula() {
        let row = ["=1+1", "+39", "-1", "@SUM(A1)", "a,\"b\"", "\tx"].map(str::to_owned);
        let text = String::from_utf8(lines([row])).unwrap();
        assert_eq!(text, "'=1+1,'+39,'-1,'@SUM(A1),\"a,\"\"b\"\"\",'\tx\n");
    }
}
