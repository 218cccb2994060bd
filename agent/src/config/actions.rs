//! `[mywellness.actions]`: calls that Technogym describes to integrators only, written down by the club.

use super::section::{Fault, Section};
use super::suggest::did_you_mean;
use super::tree::Node;
use super::values::{choice, text};
use crate::domain::FactKind;
use crate::mywellness::{
    ACTIVITIES, Actions, ActivitiesAction, BADGE, BadTemplate, BodyTemplate, CHECK_IN, Method, NO_BADGE, NO_PHOTO,
    PHOTO, PathTemplate, Placeholder, Success, TemplatedAction,
};

const METHODS: [(&str, Method); 2] = [("POST", Method::Post), ("PUT", Method::Put)];
const EXAMPLE_PATH: &str = "path = \"core/user/{{user_id}}/…\"";
const EXAMPLE_BODY: &str = "body = '{\"userId\": \"{{user_id}}\"}'";

/// What can be sent only by an action, by its word in `send` and the table of its action.
const BY_ACTION: [(FactKind, &str, &str); 3] = [
    (FactKind::Attendance, "attendance", "check_in"),
    (FactKind::Photo, "photos", "photo"),
    (FactKind::Badge, "badges", "badge"),
];
/// What can be taken back by an action, likewise. Nobody has to.
const BACK_BY_ACTION: [(FactKind, &str, &str); 2] =
    [(FactKind::Photo, "photos", "no_photo"), (FactKind::Badge, "badges", "no_badge")];

/// Reads `[mywellness.actions]`, and checks it against what is to be sent.
pub(super) fn actions(mywellness: &mut Section<'_>, send: &[FactKind]) -> Actions {
    let mut actions = Actions::default();
    let mut written = Vec::new();
    if let Some(mut section) = mywellness.section("actions") {
        let tables = BY_ACTION.iter().chain(&BACK_BY_ACTION).map(|(.., table)| *table);
        written.extend(tables.filter(|table| section.has(table)));
        let mut read =
            |table, allowed, needed| section.section(table).and_then(|section| action(section, allowed, needed));
        actions.check_in = read("check_in", CHECK_IN, None);
        actions.photo = read("photo", PHOTO, Some(Placeholder::Photo));
        actions.no_photo = read("no_photo", NO_PHOTO, None);
        actions.badge = read("badge", BADGE, Some(Placeholder::Badge));
        actions.no_badge = read("no_badge", NO_BADGE, None);
        actions.activities = section.section("activities").and_then(activities);
        section.finish();
    }
    for (kind, word, table) in BY_ACTION {
        match (send.contains(&kind), written.contains(&table)) {
            (true, false) => mywellness.problem(
                "send",
                format!("sending {word} needs an action that no public document describes"),
                format!(
                    "write [mywellness.actions.{table}] as Technogym describes it to integrators, or remove {word}"
                ),
            ),
            (false, true) => never_used(mywellness, word, table),
            (true, true) | (false, false) => {}
        }
    }
    for (kind, word, table) in BACK_BY_ACTION {
        if written.contains(&table) && !send.contains(&kind) {
            never_used(mywellness, word, table);
        }
    }
    actions
}

fn never_used(mywellness: &mut Section<'_>, word: &str, table: &str) {
    let what = format!("[mywellness.actions.{table}] is never used");
    mywellness.warning("send", what, format!("add \"{word}\" to send, or remove the table"));
}

/// What the club wrote down how to take back.
pub(super) fn taken_back(actions: &Actions) -> Vec<FactKind> {
    let of = |action: &Option<TemplatedAction>, kind| action.as_ref().map(|_| kind);
    [of(&actions.no_photo, FactKind::Photo), of(&actions.no_badge, FactKind::Badge)].into_iter().flatten().collect()
}

/// An action that does not say the `needed` would be taken for success while it gives nothing.
fn action(mut section: Section<'_>, allowed: &[Placeholder], needed: Option<Placeholder>) -> Option<TemplatedAction> {
    let action = call(&mut section, allowed, Success::default());
    if let Some(needed) = needed.filter(|needed| action.as_ref().is_some_and(|action| !action.asks_for(*needed))) {
        let word = needed.word();
        section.problem(
            "body",
            format!("{{{{{word}}}}} is never said"),
            format!("say it where it belongs, as in '{{\"{word}\": \"{{{{{word}}}}}\"}}'"),
        );
    }
    section.finish();
    action
}

/// A list that came is proof enough that it was asked for well.
fn activities(mut section: Section<'_>) -> Option<ActivitiesAction> {
    let call = call(&mut section, ACTIVITIES, Success::Answered);
    let items = section.required("items", "items = \"/eventItems\"", json_pointer);
    let id = section.or("id", "/id".into(), json_pointer);
    let name = section.or("name", "/name".into(), json_pointer);
    section.finish();
    Some(ActivitiesAction { call: call?, items: items?, id, name })
}

fn call(section: &mut Section<'_>, allowed: &[Placeholder], usual: Success) -> Option<TemplatedAction> {
    let method = section.or("method", Method::Post, choice(&METHODS));
    let path = section.required("path", EXAMPLE_PATH, |node| template(node, allowed, PathTemplate::parse));
    let body = section.required("body", EXAMPLE_BODY, |node| template(node, allowed, BodyTemplate::parse));
    let success = success(section, usual);
    Some(TemplatedAction { method, path: path?, body: body?, success })
}

fn template<T>(
    node: &Node,
    allowed: &[Placeholder],
    parse: impl FnOnce(&str, &[Placeholder]) -> Result<T, BadTemplate>,
) -> Result<T, Fault> {
    parse(&text(node)?, allowed).map_err(|bad| Fault::new(bad.to_string(), mend(&bad, allowed)))
}

fn mend(bad: &BadTemplate, allowed: &[Placeholder]) -> String {
    let words = || allowed.iter().map(|it| it.word());
    match bad {
        BadTemplate::Open => "close it, as in {{user_id}}".into(),
        BadTemplate::Unknown(word) if word == Placeholder::FacilityId.word() => {
            "it can only be a whole part of a path, as in core/facility/{{facility_id}}/…".into()
        }
        BadTemplate::Unknown(word) => match did_you_mean(word, words()) {
            Some(meant) => format!("did you mean {{{{{meant}}}}}?"),
            None => format!("possible: {}", words().collect::<Vec<_>>().join(", ")),
        },
        BadTemplate::Path(_) => "write parts with / between them, without one at the ends, and without ? or #".into(),
        BadTemplate::Body(_) => "write a JSON object; a placeholder stands inside a text, or alone for a value".into(),
        BadTemplate::Token => "remove `token` from the body".into(),
    }
}

/// `success = "status"` or `success = { pointer = "/result", equals = "Success" }`.
fn success(section: &mut Section<'_>, usual: Success) -> Success {
    if section.is_table("success") {
        let Success::Says { pointer, value } = Success::default() else { return Success::Answered };
        return section.section("success").map_or_else(Success::default, |mut section| {
            let pointer = section.or("pointer", pointer, json_pointer);
            let value = section.or("equals", value, text);
            section.finish();
            Success::Says { pointer, value }
        });
    }
    section.or("success", usual, choice(&[("status", Success::Answered)]))
}

/// Where a value stands in a JSON document.
pub(super) fn json_pointer(node: &Node) -> Result<String, Fault> {
    let pointer = text(node)?;
    let mend = "write a JSON pointer, as in \"/result\"";
    if pointer.starts_with('/') { Ok(pointer) } else { Err(Fault::new(format!("{pointer:?} is no pointer"), mend)) }
}
