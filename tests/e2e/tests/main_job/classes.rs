//! Classes: a booking opens the gate, the badge ticks its owner off, and upstreams hear of it once, however late.

use anyhow::{Context, Result, ensure};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use site::config;
use site::sandbox::{Booking, Class, Fault, Subscription, Work};
use toml_edit::{Array, value};

use crate::club::{Club, SOON, outcome, reasons};
use crate::people::member;

const CARD: &str = "0415AB12CD";

/// A club that ticks people off at its entry and knows how Mywellness wants to hear of it.
pub(crate) fn with_check_in(settings: &mut config::Club) {
    settings.change("reader", "entry-1")["attendance"] = value(true);
    settings.set("mywellness.send", Array::from_iter(["people", "memberships", "groups", "visits", "attendance"]));
    settings.set("mywellness.actions.check_in.path", "core/calendarevent/{{activity_id}}/CheckIn");
    let body = r#"{"userId": "{{user_id}}", "partitionDate": {{partition_date}}, "class": "{{class_id}}"}"#;
    settings.set("mywellness.actions.check_in.body", body);
}

pub(crate) async fn put(club: &Club, path: &str, document: Value) -> Result<Value> {
    let (status, answer) = club.api.put(path, &document).await?;
    ensure!(matches!(status, 200 | 201), "{path}: {status} {answer}");
    Ok(answer)
}

/// A class of yoga that begins so many minutes from now, for an hour.
pub(crate) async fn yoga_in(club: &Club, minutes: i64, different: Value) -> Result<()> {
    let starts_at = Timestamp::now() + SignedDuration::from_mins(minutes);
    let ends_at = starts_at + SignedDuration::from_hours(1);
    let mut document = json!({"product": "yoga", "starts_at": starts_at, "ends_at": ends_at, "zone": "gym"});
    document.as_object_mut().context("an object")?.extend(different.as_object().context("an object")?.clone());
    put(club, "classes/Y-1", document).await.map(drop)
}

async fn attendance_told(club: &Club, count: usize) -> Result<Vec<Value>> {
    club.central.wait_until(|seen| seen.of("attendance").count() >= count, SOON).await?;
    Ok(club.central.look(|seen| seen.of("attendance").map(|message| message.payload.clone()).collect()))
}

/// The row of attendance for Mywellness, once it is in a state.
async fn attendance_row(club: &Club, state: &str) -> Result<Value> {
    let look = async || {
        let rows = club.rows("mywellness", state).await?;
        Ok(rows.into_iter().find(|row| row["kind"] == "attendance"))
    };
    club.wait_for(&format!("attendance that is {state}"), look).await
}

#[tokio::test]
async fn a_class_that_is_mapped_late_is_checked_in_late_and_once() -> Result<()> {
    let club = Club::open(with_check_in).await?;
    club.sandbox.learn("CheckIn");
    club.put(&member("M-1001", CARD)).await?;
    put(&club, "classes/products/yoga", json!({"name": "Yoga", "opens_gate": true})).await?;
    yoga_in(&club, 10, json!({})).await?;
    put(&club, "classes/Y-1/bookings/M-1001", json!({})).await?;

    let passage = club.badge("entry-1", CARD).await?;
    assert_eq!(outcome(&passage), "passed");
    let visit = club.visit_told("M-1001").await?;
    assert_eq!((visit.data("class"), visit.data("membership")), (&json!("Y-1"), &Value::Null), "by the booking");
    let told = attendance_told(&club, 1).await?;
    assert_eq!((&told[0]["type"], &told[0]["data"]["class"]), (&json!("club.varco.attendance.v1"), &json!("Y-1")));
    assert_eq!((&told[0]["data"]["by"], &told[0]["data"]["person"]), (&json!("badge"), &json!("M-1001")));
    assert!(told[0]["source"].as_str().is_some_and(|source| source.ends_with("/readers/entry-1")), "{told:?}");

    // The visit does not wait for the mapping.
    let held = attendance_row(&club, "held").await?;
    assert_eq!(held["held_for"], "mapping");
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    club.badge("exit-1", CARD).await?;
    club.badge("entry-1", CARD).await?;
    assert_eq!(club.sandbox.look(|cloud| cloud.of("CheckIn").count()), 0);

    let mapped = json!({"name": "Yoga", "opens_gate": true, "mywellness_id": "act-7"});
    put(&club, "classes/products/yoga", mapped).await?;
    club.sandbox.wait_until(|cloud| cloud.of("CheckIn").count() == 1, SOON).await?;
    club.wait_for_rows("mywellness", "pending", 0).await?;
    club.wait_for_rows("mywellness", "held", 0).await?;
    club.wait_for_rows("mqtt", "pending", 0).await?;
    let (check_ins, user) = club.sandbox.look(|cloud| {
        let user = cloud.user("M-1001").map(|person| person.user_id.clone());
        (cloud.of("CheckIn").cloned().collect::<Vec<_>>(), user)
    });
    assert_eq!(check_ins.len(), 1, "once, though she passed twice");
    assert!(check_ins[0].path.ends_with("/core/calendarevent/act-7/CheckIn"), "{}", check_ins[0].path);
    assert_eq!(check_ins[0].body["userId"].as_str(), user.as_deref());
    assert!(check_ins[0].body["partitionDate"].is_u64(), "{}", check_ins[0].body);
    assert_eq!(attendance_told(&club, 1).await?.len(), 1);
    assert_eq!(club.api.list("classes/Y-1/attendance").await?.len(), 1);
    club.close().await
}

#[tokio::test]
async fn a_check_in_whose_answer_was_lost_is_parked_where_the_club_wants_to_look_first() -> Result<()> {
    let club = Club::open(|settings| {
        with_check_in(settings);
        settings.set("mywellness.on_lost_answer", "park");
    })
    .await?;
    club.sandbox.learn("CheckIn");
    club.put(&member("M-1001", CARD)).await?;
    put(&club, "classes/products/yoga", json!({"name": "Yoga", "mywellness_id": "act-7"})).await?;
    yoga_in(&club, 10, json!({})).await?;
    put(&club, "classes/Y-1/bookings/M-1001", json!({})).await?;
    club.sandbox.inject(Fault::Cut { work: Work::Done }.next(1).on("CheckIn"));
    club.badge("entry-1", CARD).await?;
    let visit = club.visit_told("M-1001").await?;
    assert_ne!(visit.data("membership"), &Value::Null, "this class opens nothing, yet it is ticked off");
    let parked = attendance_row(&club, "parked").await?;
    assert_eq!(club.sandbox.look(|cloud| cloud.of("CheckIn").count()), 1);
    let id = parked["id"].as_u64().context("a row has a number")?;
    assert_eq!(club.api.post(&format!("outbox/{id}/retry"), &json!({})).await?.0, 201);
    attendance_row(&club, "delivered").await?;
    assert_eq!(club.sandbox.look(|cloud| cloud.of("CheckIn").count()), 2, "an operator sent it again");
    club.close().await
}

#[tokio::test]
async fn the_desk_chooses_among_the_activities_that_are_there() -> Result<()> {
    let club = Club::open(|settings| {
        with_check_in(settings);
        settings.set("mywellness.actions.activities.path", "core/facility/{{facility_id}}/SearchCalendarEvents");
        settings.set("mywellness.actions.activities.body", r#"{"dateStart": "{{from_day}}", "eventType": "Class"}"#);
        settings.set("mywellness.actions.activities.items", "/eventItems");
    })
    .await?;
    let event = |id: &str, name: &str| json!({"id": id, "name": name, "partitionDate": 20261123});
    let (yoga, spinning) = (event("act-7", "Yoga"), event("act-8", "Spinning"));
    let found = json!({"eventItems": [yoga, spinning, yoga]});
    club.sandbox.learn_to_answer("SearchCalendarEvents", found);
    let listed = club.api.list("classes/activities").await?;
    let names: Vec<_> = listed.iter().filter_map(|it| Some((it["id"].as_str()?, it["name"].as_str()?))).collect();
    assert_eq!(names, [("act-8", "Spinning"), ("act-7", "Yoga")]);
    let asked = club.sandbox.look(|cloud| cloud.of("SearchCalendarEvents").next().cloned()).context("it was asked")?;
    assert_eq!(asked.body["dateStart"].as_str().map(str::len), Some(8), "{}", asked.body);
    club.put(&member("M-1001", CARD)).await?;
    club.badge("entry-1", CARD).await?;

    club.sandbox.down().await;
    let (status, problem) = club.api.get("classes/activities").await?;
    assert_eq!(status, 503, "{problem}");
    club.close().await
}

#[tokio::test]
async fn a_class_booked_in_the_members_app_opens_the_gate_until_it_is_left_there() -> Result<()> {
    const SECRET: &str = "0123456789abcdef01234567";
    let club = Club::open(|settings| {
        settings.set("mywellness.selection.mode", "everyone");
        let secret = settings.secret("hook-secret", SECRET).expect("a folder that can be written");
        let hook = settings.add("hook", "mywellness");
        for (key, text) in [("from", "mywellness"), ("proof", "path"), ("secret_file", &secret)] {
            hook[key] = value(text);
        }
        hook["class"] = toml_edit::table();
        hook["class"]["starts_at"] = value("/start_date");
        hook["class"]["ends_at"] = value("/end_date");
    })
    .await?;
    club.keep_secret([SECRET.to_owned()]);
    let told = format!("{}/hooks/mywellness/{SECRET}", club.agent().console());
    // Some senders repeat themselves.
    club.sandbox.notify(Subscription { copies: 2, attempts: 9, ..Subscription::to(told) })?;
    let mut anna = member("M-1001", CARD);
    anna["memberships"] = json!([]);
    club.put(&anna).await?;
    club.sandbox.wait_until(|cloud| cloud.user("M-1001").is_some(), SOON).await?;
    put(&club, "classes/products/yoga", json!({"name": "Yoga", "opens_gate": true, "mywellness_id": "act-7"})).await?;
    yoga_in(&club, 20, json!({})).await?;

    let local = |minutes| {
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        at.in_tz("Europe/Rome").map(|zoned| zoned.datetime())
    };
    let there = |minutes: i64| -> Result<Class> {
        let (start, end) = (local(minutes)?, local(minutes + 60)?);
        let date = start.date().strftime("%Y%m%d").to_string().parse()?;
        Ok(Class {
            id: "act-7".into(),
            partition_date: date,
            name: "Yoga".into(),
            event_type_id: "yoga".into(),
            start_date: start.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            end_date: end.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            room: "1".into(),
            max_participants: 20,
            participants: Vec::new(),
        })
    };
    let class = there(20)?;
    let which = ("act-7", class.partition_date);
    club.sandbox.put_class(class);
    let booked = async |status: &'static str| {
        let look = async || {
            let (_, booking) = club.api.get("classes/Y-1/bookings/M-1001").await?;
            Ok((booking["status"] == status).then_some(()))
        };
        club.wait_for(&format!("a booking that is {status}"), look).await
    };
    assert_eq!(club.sandbox.book_in_app("M-1001", which), Booking::Booked);
    booked("booked").await?;
    assert_eq!(outcome(&club.badge("entry-1", CARD).await?), "passed");
    assert_eq!(club.visit_told("M-1001").await?.data("class"), &json!("Y-1"));
    club.badge("exit-1", CARD).await?;
    assert_eq!(club.sandbox.unbook_in_app("M-1001", which), Booking::UnBooked);
    booked("cancelled").await?;
    assert_eq!(outcome(&club.badge("entry-1", CARD).await?), "denied");
    assert_eq!(club.sandbox.book_in_app("M-1001", which), Booking::Booked);
    booked("booked").await?;

    // Later, or earlier where later would be another day.
    let later = there(25)?;
    let moved = if later.partition_date == which.1 { later } else { there(15)? };
    let starts_at = moved.start_date.parse::<DateTime>()?.in_tz("Europe/Rome")?.timestamp().to_string();
    club.sandbox.put_class(moved);
    let there_too = async || {
        let (_, class) = club.api.get("classes/Y-1").await?;
        Ok((class["starts_at"] == starts_at).then_some(()))
    };
    club.wait_for("the class to be moved", there_too).await?;
    assert!(club.rows("mywellness", "parked").await?.is_empty());
    club.close().await
}

#[tokio::test]
async fn who_has_only_a_booking_comes_in_for_the_class_and_not_before() -> Result<()> {
    let club = Club::open(with_check_in).await?;
    let mut anna = member("M-1001", CARD);
    anna["memberships"] = json!([]);
    club.put(&anna).await?;
    put(&club, "classes/products/yoga", json!({"name": "Yoga", "opens_gate": true})).await?;
    yoga_in(&club, 45, json!({})).await?;
    put(&club, "classes/Y-1/bookings/M-1001", json!({"status": "waiting"})).await?;
    let passage = club.badge("entry-1", CARD).await?;
    assert_eq!((outcome(&passage), reasons(&passage)), ("denied", vec!["class_waiting_list"]));
    put(&club, "classes/Y-1/bookings/M-1001", json!({})).await?;
    let passage = club.badge("entry-1", CARD).await?;
    assert_eq!((outcome(&passage), reasons(&passage)), ("denied", vec!["class_too_early"]));
    yoga_in(&club, 20, json!({"status": "cancelled"})).await?;
    let passage = club.badge("entry-1", CARD).await?;
    assert_eq!((outcome(&passage), reasons(&passage)), ("denied", vec!["class_cancelled"]));
    yoga_in(&club, 20, json!({})).await?;
    let passage = club.badge("entry-1", CARD).await?;
    assert_eq!((outcome(&passage), reasons(&passage)), ("passed", vec![]));
    assert_eq!(attendance_told(&club, 1).await?.len(), 1);
    // Whoever is no member is nobody Mywellness is told of.
    attendance_row(&club, "suppressed").await?;
    club.close().await
}
