//! The routes of the console with their documentation, from which the OpenAPI document is made.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admit::{admit, guarded, in_time, no_such_method, nowhere, outlive, panicked};
use super::problem::ProblemDocument;
use super::state::Console;
use super::{
    alarms, classes, crm, doors, events, history, hooks, import, late, myself, outbox, pages, people, preflight,
    probes, sync, why,
};

/// Where the API begins.
const BASE: &str = "/api/v1";

/// Everything the console serves.
pub(super) fn router(console: Arc<Console>) -> Router {
    let document = Json(openapi());
    let outlive = || from_fn_with_state(Arc::clone(&console), outlive);
    // The time limit lies around the task that outlives it; what takes as long as it takes has none.
    let api = prompt()
        .layer(outlive())
        .layer(from_fn(in_time))
        .merge(patient().layer(outlive()))
        .route_layer(from_fn_with_state(Arc::clone(&console), admit));
    let taken = hooked().layer(outlive()).layer(from_fn(in_time));
    let (routes, _) =
        OpenApiRouter::new().nest(BASE, api).merge(open().layer(from_fn(in_time))).merge(taken).split_for_parts();
    routes
        .route("/api/v1/openapi.json", get(move || async move { document }))
        .merge(pages::router())
        .fallback(nowhere)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(guarded))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(console)
}

/// The OpenAPI document (3.1) of everything the console serves.
#[must_use]
pub fn openapi() -> OpenApi {
    let routes =
        OpenApiRouter::with_openapi(about()).nest(BASE, prompt().merge(patient())).merge(open()).merge(hooked());
    let (_, mut openapi) = routes.split_for_parts();
    add_problems(&mut openapi);
    describe_responses(&mut openapi);
    openapi
}

/// What needs no token.
fn open() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(probes::healthz))
        .routes(routes!(probes::readyz))
        .routes(routes!(probes::metrics))
}

/// What other systems post, who have proofs of their own.
fn hooked() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new().routes(routes!(hooks::take_signed)).routes(routes!(hooks::take_by_path))
}

/// What takes as long as it takes.
fn patient() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(events::watch_events))
        .routes(routes!(import::import))
        .routes(routes!(preflight::preflight))
        .routes(routes!(preflight::try_groups))
}

/// What answers at once.
fn prompt() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new()
        .routes(routes!(myself::myself))
        .routes(routes!(people::list_people))
        .routes(routes!(people::get_person, people::put_one_person, people::erase_one_person))
        .routes(routes!(people::get_standing))
        .routes(routes!(crm::list_outcomes))
        .routes(routes!(crm::get_outcome, crm::put_outcome))
        .routes(routes!(crm::list_action_types))
        .routes(routes!(crm::get_action_type, crm::put_action_type))
        .routes(routes!(crm::list_actions, crm::make_action))
        .routes(routes!(crm::get_action))
        .routes(routes!(crm::advance_action))
        .routes(routes!(classes::list_products))
        .routes(routes!(classes::get_product, classes::put_product))
        .routes(routes!(classes::list_activities))
        .routes(routes!(classes::list_classes))
        .routes(routes!(classes::get_class, classes::put_class))
        .routes(routes!(classes::list_bookings))
        .routes(routes!(classes::get_booking, classes::put_booking, classes::cancel_booking))
        .routes(routes!(classes::list_attendance, classes::tick_off))
        .routes(routes!(classes::withdraw_tick))
        .routes(routes!(history::list_passages))
        .routes(routes!(history::list_visits))
        .routes(routes!(alarms::list_alarms))
        .routes(routes!(doors::list_readers))
        .routes(routes!(late::record_late))
        .routes(routes!(doors::list_gates))
        .routes(routes!(doors::open_gate))
        .routes(routes!(doors::change_mode))
        .routes(routes!(why::ask_why))
        .routes(routes!(outbox::list_lanes))
        .routes(routes!(outbox::list_outbox))
        .routes(routes!(outbox::retry_row))
        .routes(routes!(outbox::discard_row))
        .routes(routes!(sync::list_integrations))
        .routes(routes!(sync::get_integration))
        .routes(routes!(sync::synchronize))
        .routes(routes!(sync::suspend))
        .routes(routes!(sync::enable))
        .routes(routes!(sync::delete))
        .routes(routes!(sync::list_candidates))
        .routes(routes!(sync::choose_candidate))
        .routes(routes!(sync::progress))
}

fn about() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Varco")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The on-site access agent of a sports club. Roles: viewer reads; operator also CRM, attendance, gates, \
             outbox and integrations; gateway people, CRM and classes; admin all.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()));
    let mut components = Components::new();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.schemas.insert(ProblemDocument::name().into_owned(), ProblemDocument::schema());
    let token = utoipa::openapi::security::SecurityRequirement::new("token", Vec::<String>::new());
    OpenApiBuilder::new().info(info.build()).components(Some(components)).security(Some([token])).build()
}

/// Every operation may answer with a problem; saying so once here keeps it out of each route.
fn add_problems(openapi: &mut OpenApi) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemDocument::name()))).build();
    let problem =
        ResponseBuilder::new().description("A problem (RFC 9457)").content("application/problem+json", content).build();
    for item in openapi.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), problem.clone().into());
        }
    }
}

/// OpenAPI demands a description of each response; where a route has none of its own, the status says enough.
fn describe_responses(openapi: &mut OpenApi) {
    for item in openapi.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten() {
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    let code = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
                    response.description =
                        code.and_then(|code| code.canonical_reason()).unwrap_or("An answer").to_owned();
                }
            }
        }
    }
}
