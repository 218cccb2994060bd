//! Who may do what: one table of every route, and the rights of each role.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::Role;

/// What a route needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Right {
    /// See whose token it is.
    SeeYourself,
    /// See the site: passages, visits, readers, gates, lanes, decisions.
    SeeSite,
    /// See people.
    SeePeople,
    /// Write and erase people.
    WritePeople,
    /// See CRM.
    SeeCrm,
    /// Write CRM.
    WriteCrm,
    /// See class products, classes, bookings and attendance.
    SeeClasses,
    /// Write class products, classes and bookings.
    WriteClasses,
    /// Tick people off for classes.
    TickOff,
    /// Open gates, change their modes, and write late passages down.
    CommandGates,
    /// Retry and discard what waits for an upstream.
    CommandOutbox,
    /// Synchronise, suspend, enable and delete integrations.
    CommandSync,
}

use Right::{
    CommandGates, CommandOutbox, CommandSync, SeeClasses, SeeCrm, SeePeople, SeeSite, SeeYourself, TickOff,
    WriteClasses, WriteCrm, WritePeople,
};

impl Right {
    /// Every right.
    pub(super) const ALL: [Self; 12] = [
        SeeYourself,
        SeeSite,
        SeePeople,
        WritePeople,
        SeeCrm,
        WriteCrm,
        SeeClasses,
        WriteClasses,
        TickOff,
        CommandGates,
        CommandOutbox,
        CommandSync,
    ];
}

/// Every route that needs a token. What is not here is not served.
pub(super) const TABLE: &[(&str, &str, Right)] = &[
    ("GET", "/api/v1/me", SeeYourself),
    ("GET", "/api/v1/people", SeePeople),
    ("POST", "/api/v1/people/import", WritePeople),
    ("GET", "/api/v1/people/{external_id}", SeePeople),
    ("PUT", "/api/v1/people/{external_id}", WritePeople),
    ("DELETE", "/api/v1/people/{external_id}", WritePeople),
    ("GET", "/api/v1/people/{external_id}/standing", SeePeople),
    ("GET", "/api/v1/crm/outcomes", SeeCrm),
    ("GET", "/api/v1/crm/outcomes/{id}", SeeCrm),
    ("PUT", "/api/v1/crm/outcomes/{id}", WriteCrm),
    ("GET", "/api/v1/crm/action-types", SeeCrm),
    ("GET", "/api/v1/crm/action-types/{id}", SeeCrm),
    ("PUT", "/api/v1/crm/action-types/{id}", WriteCrm),
    ("GET", "/api/v1/crm/actions", SeeCrm),
    ("POST", "/api/v1/crm/actions", WriteCrm),
    ("GET", "/api/v1/crm/actions/{id}", SeeCrm),
    ("POST", "/api/v1/crm/actions/{id}/advance", WriteCrm),
    ("GET", "/api/v1/classes/products", SeeClasses),
    ("GET", "/api/v1/classes/products/{id}", SeeClasses),
    ("PUT", "/api/v1/classes/products/{id}", WriteClasses),
    ("GET", "/api/v1/classes/activities", WriteClasses),
    ("GET", "/api/v1/classes", SeeClasses),
    ("GET", "/api/v1/classes/{id}", SeeClasses),
    ("PUT", "/api/v1/classes/{id}", WriteClasses),
    ("GET", "/api/v1/classes/{id}/bookings", SeeClasses),
    ("GET", "/api/v1/classes/{id}/bookings/{person}", SeeClasses),
    ("PUT", "/api/v1/classes/{id}/bookings/{person}", WriteClasses),
    ("DELETE", "/api/v1/classes/{id}/bookings/{person}", WriteClasses),
    ("GET", "/api/v1/classes/{id}/attendance", SeeClasses),
    ("POST", "/api/v1/classes/{id}/attendance", TickOff),
    ("DELETE", "/api/v1/classes/{id}/attendance/{person}", TickOff),
    ("GET", "/api/v1/passages", SeeSite),
    ("GET", "/api/v1/visits", SeeSite),
    ("GET", "/api/v1/alarms", SeeSite),
    ("GET", "/api/v1/events", SeeSite),
    ("GET", "/api/v1/readers", SeeSite),
    ("POST", "/api/v1/readers/{id}/passages", CommandGates),
    ("GET", "/api/v1/gates", SeeSite),
    ("POST", "/api/v1/gates/{id}/open", CommandGates),
    ("POST", "/api/v1/gates/{id}/mode", CommandGates),
    ("POST", "/api/v1/why", SeeSite),
    ("GET", "/api/v1/lanes", SeeSite),
    ("GET", "/api/v1/outbox", SeeSite),
    ("POST", "/api/v1/outbox/{id}/retry", CommandOutbox),
    ("POST", "/api/v1/outbox/{id}/discard", CommandOutbox),
    ("GET", "/api/v1/sync/people", SeePeople),
    ("GET", "/api/v1/sync/people/{external_id}", SeePeople),
    ("POST", "/api/v1/sync/people/{external_id}/synchronize", CommandSync),
    ("POST", "/api/v1/sync/people/{external_id}/suspend", CommandSync),
    ("POST", "/api/v1/sync/people/{external_id}/enable", CommandSync),
    ("POST", "/api/v1/sync/people/{external_id}/delete", CommandSync),
    ("GET", "/api/v1/sync/people/{external_id}/candidates", SeePeople),
    ("POST", "/api/v1/sync/people/{external_id}/match", CommandSync),
    ("GET", "/api/v1/sync/preflight", SeePeople),
    ("GET", "/api/v1/sync/progress", SeeSite),
    ("GET", "/api/v1/sync/groups/dry-run", SeePeople),
];

/// Whether a role has a right. The gateway is the management system: people, CRM and classes are its own, the site is
/// not.
pub(super) fn may(role: Role, right: Right) -> bool {
    match role {
        Role::Admin => true,
        Role::Operator => matches!(
            right,
            SeeYourself
                | SeeSite
                | SeePeople
                | SeeCrm
                | WriteCrm
                | SeeClasses
                | TickOff
                | CommandGates
                | CommandOutbox
                | CommandSync
        ),
        Role::Gateway => {
            matches!(
                right,
                SeeYourself | SeePeople | WritePeople | SeeCrm | WriteCrm | SeeClasses | WriteClasses | TickOff
            )
        }
        Role::Viewer => matches!(right, SeeYourself | SeeSite | SeePeople | SeeCrm | SeeClasses),
    }
}

/// The right that a route needs, or the methods it has.
pub(super) fn right_for(method: &Method, path: &str) -> Result<Right, Vec<&'static str>> {
    // HEAD is GET without the body.
    let asked = if method == Method::HEAD { "GET" } else { method.as_str() };
    let of_path = || TABLE.iter().filter(|(_, known, _)| *known == path);
    let row = of_path().find(|(known, ..)| *known == asked);
    row.map(|(.., right)| *right).ok_or_else(|| of_path().map(|(known, ..)| *known).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A` admin, `O` operator, `G` gateway, `V` viewer.
    fn who(right: Right) -> String {
        let roles = [(Role::Admin, 'A'), (Role::Operator, 'O'), (Role::Gateway, 'G'), (Role::Viewer, 'V')];
        roles.iter().filter(|(role, _)| may(*role, right)).map(|(_, letter)| letter).collect()
    }

    #[test]
    fn every_route_is_open_to_exactly_these_roles() {
        let table: String =
            TABLE.iter().map(|(method, path, right)| format!("{:<4} {method} {path}\n", who(*right))).collect();
        expect_test::expect![[r"
            AOGV GET /api/v1/me
            AOGV GET /api/v1/people
            AG   POST /api/v1/people/import
            AOGV GET /api/v1/people/{external_id}
            AG   PUT /api/v1/people/{external_id}
            AG   DELETE /api/v1/people/{external_id}
            AOGV GET /api/v1/people/{external_id}/standing
            AOGV GET /api/v1/crm/outcomes
            AOGV GET /api/v1/crm/outcomes/{id}
            AOG  PUT /api/v1/crm/outcomes/{id}
            AOGV GET /api/v1/crm/action-types
            AOGV GET /api/v1/crm/action-types/{id}
            AOG  PUT /api/v1/crm/action-types/{id}
            AOGV GET /api/v1/crm/actions
            AOG  POST /api/v1/crm/actions
            AOGV GET /api/v1/crm/actions/{id}
            AOG  POST /api/v1/crm/actions/{id}/advance
            AOGV GET /api/v1/classes/products
            AOGV GET /api/v1/classes/products/{id}
            AG   PUT /api/v1/classes/products/{id}
            AG   GET /api/v1/classes/activities
            AOGV GET /api/v1/classes
            AOGV GET /api/v1/classes/{id}
            AG   PUT /api/v1/classes/{id}
            AOGV GET /api/v1/classes/{id}/bookings
            AOGV GET /api/v1/classes/{id}/bookings/{person}
            AG   PUT /api/v1/classes/{id}/bookings/{person}
            AG   DELETE /api/v1/classes/{id}/bookings/{person}
            AOGV GET /api/v1/classes/{id}/attendance
            AOG  POST /api/v1/classes/{id}/attendance
            AOG  DELETE /api/v1/classes/{id}/attendance/{person}
            AOV  GET /api/v1/passages
            AOV  GET /api/v1/visits
            AOV  GET /api/v1/alarms
            AOV  GET /api/v1/events
            AOV  GET /api/v1/readers
            AO   POST /api/v1/readers/{id}/passages
            AOV  GET /api/v1/gates
            AO   POST /api/v1/gates/{id}/open
            AO   POST /api/v1/gates/{id}/mode
            AOV  POST /api/v1/why
            AOV  GET /api/v1/lanes
            AOV  GET /api/v1/outbox
            AO   POST /api/v1/outbox/{id}/retry
            AO   POST /api/v1/outbox/{id}/discard
            AOGV GET /api/v1/sync/people
            AOGV GET /api/v1/sync/people/{external_id}
            AO   POST /api/v1/sync/people/{external_id}/synchronize
            AO   POST /api/v1/sync/people/{external_id}/suspend
            AO   POST /api/v1/sync/people/{external_id}/enable
            AO   POST /api/v1/sync/people/{external_id}/delete
            AOGV GET /api/v1/sync/people/{external_id}/candidates
            AO   POST /api/v1/sync/people/{external_id}/match
            AOGV GET /api/v1/sync/preflight
            AOV  GET /api/v1/sync/progress
            AOGV GET /api/v1/sync/groups/dry-run
        "]]
        .assert_eq(&table);
    }

    #[test]
    fn a_route_that_is_not_in_the_table_is_not_served() {
        assert_eq!(right_for(&Method::HEAD, "/api/v1/people"), Ok(SeePeople));
        assert_eq!(right_for(&Method::DELETE, "/api/v1/crm/actions/{id}"), Err(vec!["GET"]));
        assert_eq!(right_for(&Method::GET, "/api/v1/nowhere"), Err(vec![]));
    }
}
