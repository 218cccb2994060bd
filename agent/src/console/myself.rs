//! Whose token it is, what it may do, and where: what a page needs before it shows anything.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Locale, SiteId};
use crate::store::Role;

use super::roles::{Right, may};
use super::state::{CalledBy, Shared};

/// Whose token it is, and where.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct MyselfServed {
    /// The token's name.
    name: String,
    /// Its role.
    role: Role,
    /// What the role may do.
    may: Vec<Right>,
    /// The club.
    site: SiteServed,
    /// Of the agent.
    version: String,
    /// Whether people are told of to Mywellness.
    mywellness: bool,
}

/// The club.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct SiteServed {
    /// Its id.
    id: SiteId,
    /// Its name.
    name: String,
    /// Its time zone, as in `Europe/Rome`.
    timezone: String,
    /// The language of its console.
    locale: Locale,
}

/// Whose token it is, what it may do, and where.
#[utoipa::path(get, path = "/me", tag = "site", responses((status = 200, body = MyselfServed)))]
pub(super) async fn myself(State(console): Shared, Extension(caller): CalledBy) -> Json<MyselfServed> {
    let site = console.handles.policy.borrow().site.clone();
    Json(MyselfServed {
        name: caller.name,
        role: caller.role,
        may: Right::ALL.into_iter().filter(|right| may(caller.role, *right)).collect(),
        site: SiteServed {
            id: site.id,
            name: site.name,
            timezone: site.timezone.iana_name().unwrap_or("UTC").to_owned(),
            locale: site.locale,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mywellness: console.handles.sync.is_some(),
    })
}
