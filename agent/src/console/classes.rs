//! Classes over HTTP: products, classes, bookings, and ticking people off.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Attendance, BookingStatus, ClassId, ClassProduct, ClassProductId, ExternalId, TickedBy};
use crate::intake::{self, Booking, NewAttendance, NewBooking, NewClass, NewProduct, Problem, Ticking};
use crate::mywellness::{Activity, Unanswered};
use crate::store::{AttendanceEntry, BookingEntry, ClassEntry, ClassFilter, Role, Tx, View, Withdrawn};
use crate::telemetry::Fact;
use crate::turnstile::{AttendanceChange, SiteEvent};

use super::doors::reasoned;
use super::extract::{Asked, Document, Named, NamedTwo};
use super::facts::{TickTakenBack, TickedOff};
use super::lists::{List, rows};
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::{CalledBy, Console, Shared};

/// A page of a list without filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageAsked {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

/// Which classes are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ClassesAsked {
    /// Not beginning before.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Beginning before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Of this product.
    #[param(value_type = Option<String>)]
    product: Option<ClassProductId>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

/// A document as stored.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct Served<T> {
    /// The document.
    #[serde(flatten)]
    document: T,
    /// What is odd about it; only in the answer to a put.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Problem>,
}

fn created_or_replaced(created: bool) -> StatusCode {
    if created { StatusCode::CREATED } else { StatusCode::OK }
}

/// Class products, by id.
#[utoipa::path(get, path = "/classes/products", tag = "classes", params(PageAsked), responses((status = 200, body = List<ClassProduct>)))]
pub(super) async fn list_products(
    State(console): Shared,
    Asked(asked): Asked<PageAsked>,
) -> Result<Json<List<ClassProduct>>, ApiProblem> {
    let rows = rows(asked.limit)?;
    let find = move |view: &View<'_>| view.class_products(asked.cursor.as_deref(), rows);
    Ok(Json(console.handles.store.read("listing class products", find).await?.into()))
}

/// A class product.
#[utoipa::path(get, path = "/classes/products/{id}", tag = "classes", params(("id" = String, Path)),
    responses((status = 200, body = ClassProduct), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn get_product(
    State(console): Shared,
    Named(id): Named<ClassProductId>,
) -> Result<Json<ClassProduct>, ApiProblem> {
    let asked = id.clone();
    let found = console.handles.store.read("reading a class product", move |view| view.class_product(&asked)).await?;
    found.map(Json).ok_or_else(|| ApiProblem::unknown("class product", id))
}

/// Writes a class product down. One that gets its `mywellness_id` releases the attendance that waited for it.
#[utoipa::path(put, path = "/classes/products/{id}", tag = "classes", params(("id" = String, Path)), request_body = NewProduct,
    responses((status = 200, description = "Replaced", body = Served<ClassProduct>), (status = 201, description = "New", body = Served<ClassProduct>)))]
pub(super) async fn put_product(
    State(console): Shared,
    Named(id): Named<ClassProductId>,
    Document(new): Document<NewProduct>,
) -> Result<(StatusCode, Json<Served<ClassProduct>>), ApiProblem> {
    let now = console.now();
    let write = move |tx: &Tx<'_>| match intake::put_class_product(tx, &id, new.clone(), now)? {
        Err(refused) => Ok(Err(refused)),
        Ok(written) => Ok(Ok((written, tx.class_product(&id)?))),
    };
    let (written, stored) = console.handles.store.write("writing a class product", write).await??;
    let document = stored.expect("the product was written in the same transaction");
    Ok((created_or_replaced(written.created), Json(Served { document, warnings: written.warnings })))
}

/// The activities at Mywellness that a class product can be linked to by its `mywellness_id`, asked for at this moment.
#[utoipa::path(get, path = "/classes/activities", tag = "classes", responses((status = 200, body = List<Activity>),
    (status = 409, description = "Mywellness is not configured, or not how to ask", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "Mywellness did not answer", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn list_activities(State(console): Shared) -> Result<Json<List<Activity>>, ApiProblem> {
    let Some(enquiries) = console.handles.enquiries.clone() else {
        return Err(ApiProblem::new(Kind::Conflict, "there is no [mywellness] to ask"));
    };
    let answer = enquiries.activities().await;
    answer.map(|activities| Json(List::whole(activities))).map_err(|why| match why {
        Unanswered::NotWrittenDown => ApiProblem::new(Kind::Conflict, why.to_string()),
        Unanswered::Busy | Unanswered::NotReached | Unanswered::Failed(_) => {
            ApiProblem::new(Kind::Unavailable, why.to_string())
        }
    })
}

/// Classes in the order of their beginning, each with its numbers.
#[utoipa::path(get, path = "/classes", tag = "classes", params(ClassesAsked), responses((status = 200, body = List<ClassEntry>)))]
pub(super) async fn list_classes(
    State(console): Shared,
    Asked(asked): Asked<ClassesAsked>,
) -> Result<Json<List<ClassEntry>>, ApiProblem> {
    let ClassesAsked { from, to, product, cursor, limit } = asked;
    let filter = ClassFilter { from, to, product, cursor, limit: rows(limit)? };
    Ok(Json(console.handles.store.read("listing classes", move |view| view.classes(&filter)).await?.into()))
}

/// A class with its numbers.
#[utoipa::path(get, path = "/classes/{id}", tag = "classes", params(("id" = String, Path)),
    responses((status = 200, body = ClassEntry), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn get_class(
    State(console): Shared,
    Named(id): Named<ClassId>,
) -> Result<Json<ClassEntry>, ApiProblem> {
    let asked = id.clone();
    let found = console.handles.store.read("reading a class", move |view| view.class(&asked)).await?;
    found.map(Json).ok_or_else(|| ApiProblem::unknown("class", id))
}

/// Writes a class down; its bookings stay. With status `cancelled` they open nothing.
#[utoipa::path(put, path = "/classes/{id}", tag = "classes", params(("id" = String, Path)), request_body = NewClass,
    responses((status = 200, description = "Replaced", body = Served<ClassEntry>), (status = 201, description = "New", body = Served<ClassEntry>)))]
pub(super) async fn put_class(
    State(console): Shared,
    Named(id): Named<ClassId>,
    Document(new): Document<NewClass>,
) -> Result<(StatusCode, Json<Served<ClassEntry>>), ApiProblem> {
    let (policy, now) = (console.handles.policy.borrow().clone(), console.now());
    let write = move |tx: &Tx<'_>| match intake::put_class(tx, &id, new.clone(), &policy, now)? {
        Err(refused) => Ok(Err(refused)),
        Ok(written) => Ok(Ok((written, tx.class(&id)?))),
    };
    let (written, stored) = console.handles.store.write("writing a class", write).await??;
    let document = stored.expect("the class was written in the same transaction");
    Ok((created_or_replaced(written.created), Json(Served { document, warnings: written.warnings })))
}

/// The bookings of a class, those taken back too.
#[utoipa::path(get, path = "/classes/{id}/bookings", tag = "classes", params(("id" = String, Path), PageAsked),
    responses((status = 200, body = List<BookingEntry>), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn list_bookings(
    State(console): Shared,
    Named(id): Named<ClassId>,
    Asked(asked): Asked<PageAsked>,
) -> Result<Json<List<BookingEntry>>, ApiProblem> {
    let (rows, class) = (rows(asked.limit)?, id.clone());
    let find = move |view: &View<'_>| match view.class(&class)? {
        None => Ok(None),
        Some(_) => view.bookings(&class, asked.cursor.as_deref(), rows).map(Some),
    };
    let page = console.handles.store.read("listing bookings", find).await?;
    Ok(Json(page.ok_or_else(|| ApiProblem::unknown("class", id))?.into()))
}

/// A person's booking of a class.
#[utoipa::path(get, path = "/classes/{id}/bookings/{person}", tag = "classes",
    params(("id" = String, Path), ("person" = String, Path)),
    responses((status = 200, body = BookingEntry), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn get_booking(
    State(console): Shared,
    NamedTwo(class, person): NamedTwo<ClassId, ExternalId>,
) -> Result<Json<BookingEntry>, ApiProblem> {
    let asked = person.clone();
    let find = move |view: &View<'_>| match view.person_id(&asked)? {
        None => Ok(None),
        Some(person) => view.booking(&class, person),
    };
    let found = console.handles.store.read("reading a booking", find).await?;
    found.map(Json).ok_or_else(|| ApiProblem::unknown("booking of", person))
}

/// Writes a booking down.
#[utoipa::path(put, path = "/classes/{id}/bookings/{person}", tag = "classes",
    params(("id" = String, Path), ("person" = String, Path)), request_body = NewBooking,
    responses((status = 200, description = "Replaced", body = BookingEntry), (status = 201, description = "New", body = BookingEntry),
        (status = 404, description = "No such class or person", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn put_booking(
    State(console): Shared,
    NamedTwo(class, person): NamedTwo<ClassId, ExternalId>,
    Document(new): Document<NewBooking>,
) -> Result<(StatusCode, Json<BookingEntry>), ApiProblem> {
    let (created, booking) = write_booking(&console, class, person, new).await?;
    Ok((created_or_replaced(created), Json(booking)))
}

/// Takes a booking back. It stays on record as `cancelled`.
#[utoipa::path(delete, path = "/classes/{id}/bookings/{person}", tag = "classes",
    params(("id" = String, Path), ("person" = String, Path)),
    responses((status = 200, description = "Taken back", body = BookingEntry),
        (status = 404, description = "No such booking", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn cancel_booking(
    State(console): Shared,
    NamedTwo(class, person): NamedTwo<ClassId, ExternalId>,
) -> Result<Json<BookingEntry>, ApiProblem> {
    let _known = get_booking(State(console.clone()), NamedTwo(class.clone(), person.clone())).await?;
    let cancelled = NewBooking { status: BookingStatus::Cancelled, at: None };
    write_booking(&console, class, person, cancelled).await.map(|(_, booking)| Json(booking))
}

async fn write_booking(
    console: &Console,
    class: ClassId,
    person: ExternalId,
    new: NewBooking,
) -> Result<(bool, BookingEntry), ApiProblem> {
    let (now, asked) = (console.now(), (class.clone(), person.clone()));
    let write = move |tx: &Tx<'_>| {
        let written = intake::put_booking(tx, &asked.0, &asked.1, &new, now)?;
        let stored = tx.person_id(&asked.1)?.map_or(Ok(None), |person| tx.booking(&asked.0, person))?;
        Ok((written, stored))
    };
    match console.handles.store.write("writing a booking", write).await? {
        (Booking::NoSuchClass, _) => Err(ApiProblem::unknown("class", class)),
        (Booking::NoSuchPerson, _) => Err(ApiProblem::unknown("person", person)),
        (Booking::Done { created }, stored) => {
            Ok((created, stored.expect("the booking was written in the same transaction")))
        }
    }
}

/// Who was ticked off for a class, in that order, and how each upstream stands with it.
#[utoipa::path(get, path = "/classes/{id}/attendance", tag = "classes", params(("id" = String, Path), PageAsked),
    responses((status = 200, body = List<AttendanceEntry>), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn list_attendance(
    State(console): Shared,
    Named(id): Named<ClassId>,
    Asked(asked): Asked<PageAsked>,
) -> Result<Json<List<AttendanceEntry>>, ApiProblem> {
    let (rows, class) = (rows(asked.limit)?, id.clone());
    let find = move |view: &View<'_>| match view.class(&class)? {
        None => Ok(None),
        Some(_) => view.attendance(&class, asked.cursor.as_deref(), rows).map(Some),
    };
    let page = console.handles.store.read("listing attendance", find).await?;
    Ok(Json(page.ok_or_else(|| ApiProblem::unknown("class", id))?.into()))
}

/// Ticks somebody off, with or without a booking. Once for each class: a second time answers 200 with the first.
#[utoipa::path(post, path = "/classes/{id}/attendance", tag = "classes", params(("id" = String, Path)), request_body = NewAttendance,
    responses((status = 201, description = "Ticked off", body = Attendance), (status = 200, description = "Ticked off before", body = Attendance),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The class is cancelled", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn tick_off(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(id): Named<ClassId>,
    Document(new): Document<NewAttendance>,
) -> Result<(StatusCode, Json<Attendance>), ApiProblem> {
    let by = if caller.role == Role::Gateway { TickedBy::Api } else { TickedBy::Operator };
    let (now, class, lanes) = (console.handles.clock.now(), id.clone(), console.handles.plans.clone());
    let write = move |tx: &Tx<'_>| intake::tick_off(tx, &class, &new, (by, &caller.name), now, &lanes);
    match console.handles.store.write("ticking somebody off", write).await? {
        Ticking::NoSuchClass => Err(ApiProblem::unknown("class", id)),
        Ticking::ClassCancelled => Err(ApiProblem::new(Kind::Conflict, format!("class {id} is cancelled"))),
        Ticking::Refused(refused) => Err(refused.into()),
        Ticking::Already(attendance) => Ok((StatusCode::OK, Json(*attendance))),
        Ticking::Done(attendance) => {
            TickedOff { class: &id, by }.tell();
            // Nobody may be listening.
            let _listeners = console.handles.events.send(SiteEvent::ticked_off(attendance.as_ref().clone()));
            Ok((StatusCode::CREATED, Json(*attendance)))
        }
    }
}

/// Why a tick is taken back.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WithdrawalAsked {
    /// Why. It is recorded with the name of the token.
    reason: Option<String>,
}

/// Takes a mistaken tick back, as long as no upstream was told of it. It stays on record; the person can be ticked off anew.
#[utoipa::path(delete, path = "/classes/{id}/attendance/{person}", tag = "classes",
    params(("id" = String, Path), ("person" = String, Path), WithdrawalAsked),
    responses((status = 200, description = "Taken back", body = Attendance),
        (status = 404, description = "Not ticked off", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "An upstream was told of it", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn withdraw_tick(
    State(console): Shared,
    Extension(caller): CalledBy,
    NamedTwo(class, person): NamedTwo<ClassId, ExternalId>,
    Asked(asked): Asked<WithdrawalAsked>,
) -> Result<Json<Attendance>, ApiProblem> {
    let reason = asked.reason.as_deref().map(reasoned).transpose()?;
    let (now, of) = (console.now(), (class.clone(), person.clone()));
    let withdraw = move |tx: &Tx<'_>| intake::withdraw_tick(tx, (&of.0, &of.1), (&caller.name, reason.as_deref()), now);
    match console.handles.store.write("taking a tick back", withdraw).await? {
        Withdrawn::NotTicked => Err(ApiProblem::unknown("attendance of", person)),
        Withdrawn::Told(lane) => {
            let why = format!("{lane} was told of it, and cannot be told that it was a mistake: mend it there");
            Err(ApiProblem::new(Kind::Conflict, why))
        }
        Withdrawn::Done(attendance) => {
            TickTakenBack { class: &class }.tell();
            let (change, told) = (AttendanceChange::Withdrawn, Box::new(attendance.clone()));
            // Nobody may be listening.
            let _listeners = console.handles.events.send(SiteEvent::Attendance { change, attendance: told });
            Ok(Json(attendance))
        }
    }
}
