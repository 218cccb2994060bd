//! What goes on at Mywellness without the agent, and how its webhooks tell of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use site::sandbox::{Booking, Class, Known, Options, Sandbox, Subscription, Topic};

use crate::caller::{Caller, errors, person};

const SOON: Duration = Duration::from_secs(10);

/// What a receiver was told, and what it answers first; after that, 200.
#[derive(Default)]
struct Heard {
    posts: Vec<(Option<String>, Value)>,
    answers: VecDeque<StatusCode>,
}

/// A receiver of webhooks that takes everything.
struct Receiver {
    url: String,
    heard: Arc<Mutex<Heard>>,
}

impl Receiver {
    async fn start(answers: impl IntoIterator<Item = StatusCode>) -> Result<Self> {
        let heard = Arc::new(Mutex::new(Heard { posts: Vec::new(), answers: answers.into_iter().collect() }));
        let hear = async |State(heard): State<Arc<Mutex<Heard>>>, headers: HeaderMap, Json(body): Json<Value>| {
            let secret = headers.get("x-secret").and_then(|it| it.to_str().ok().map(str::to_owned));
            let mut heard = heard.lock().expect("nobody panics while holding it");
            heard.posts.push((secret, body));
            heard.answers.pop_front().unwrap_or(StatusCode::OK)
        };
        let routes = axum::Router::new().route("/hook", axum::routing::post(hear)).with_state(Arc::clone(&heard));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, heard })
    }

    fn told(&self, field: &str) -> Vec<Value> {
        self.heard
            .lock()
            .expect("nobody panics while holding it")
            .posts
            .iter()
            .map(|(_, body)| body[field].clone())
            .collect()
    }
}

fn carla() -> Known {
    Known {
        first_name: "Carla".into(),
        last_name: "Rossi".into(),
        birth_date: "1990-04-12".into(),
        gender: "F".into(),
        email: "carla@elsewhere.example".into(),
        external_id: None,
    }
}

fn yoga(places: u32) -> Class {
    Class {
        id: "c-yoga".into(),
        partition_date: 20_261_122,
        name: "Yoga".into(),
        event_type_id: "t-yoga".into(),
        start_date: "2026-11-22T18:00:00".into(),
        end_date: "2026-11-22T19:00:00".into(),
        room: "Sala 1".into(),
        max_participants: places,
        participants: Vec::new(),
    }
}

async fn posted(sandbox: &Sandbox, times: usize) -> Result<()> {
    sandbox.wait_until(|book| book.posts().len() == times, SOON).await
}

#[tokio::test]
async fn whoever_makes_a_person_of_the_facility_the_webhook_tells_of_it_once() -> Result<()> {
    let receiver = Receiver::start([]).await?;
    let mut caller = Caller::new(Options::default()).await?;
    caller.sandbox.know_elsewhere([carla()]);
    let headers = [("X-Secret".to_owned(), "of the club".to_owned())].into();
    caller.sandbox.notify(Subscription { headers, ..Subscription::to(&receiver.url) })?;
    caller.anna().await?;
    caller.anna().await?;
    caller.create(person("M-3", "Carla")).await?;
    caller.sandbox.create_in_portal(&Known { first_name: "Bruno".into(), ..carla() }).context("there is room")?;
    posted(&caller.sandbox, 3).await?;
    assert_eq!(receiver.told("facility_user_externalId"), [json!("M-1"), json!("M-3"), Value::Null]);
    assert_eq!(receiver.told("by_application"), ["thirdparties", "thirdparties", "professional"]);
    let first = receiver.heard.lock().expect("nobody panics while holding it").posts[0].clone();
    assert_eq!(first.0.as_deref(), Some("of the club"));
    let fields: Vec<&str> = first.1.as_object().context("an object")?.keys().map(String::as_str).collect();
    let documented = [
        "by_application",
        "facility_lat",
        "facility_lon",
        "facility_name",
        "facility_url",
        "facility_user_externalId",
        "facility_user_id",
        "facility_user_status",
        "when_utc",
    ];
    assert_eq!(fields, documented);
    assert_eq!(first.1["facility_user_id"], json!(caller.sandbox.users()[1].facility_user_id));
    assert_eq!(first.1["facility_user_status"], 0);
    Ok(())
}

#[tokio::test]
async fn classes_are_booked_left_and_changed_in_the_app_and_told_with_id_and_date() -> Result<()> {
    let receiver = Receiver::start([]).await?;
    let mut caller = Caller::new(Options { weak_actions: true, ..Options::default() }).await?;
    caller.anna().await?;
    caller.create(person("M-2", "Bruna")).await?;
    let topics = vec![Topic::Booked, Topic::Unbooked, Topic::Changed];
    caller.sandbox.notify(Subscription { topics, ..Subscription::to(&receiver.url) })?;
    caller.sandbox.put_class(yoga(1));
    let class = ("c-yoga", 20_261_122);
    let told = [
        caller.sandbox.book_in_app("M-1", class),
        caller.sandbox.book_in_app("M-1", class),
        caller.sandbox.book_in_app("M-2", class),
        caller.sandbox.book_in_app("M-2", ("c-yoga", 20_261_123)),
        caller.sandbox.unbook_in_app("M-1", class),
        caller.sandbox.unbook_in_app("M-1", class),
        caller.sandbox.book_in_app("M-2", class),
    ];
    use Booking::{Booked, BookingNotAvailable, EventNotExists, ToMuchParticipants, UnBooked, UserAlreadyBooked};
    let expected =
        [Booked, UserAlreadyBooked, ToMuchParticipants, EventNotExists, UnBooked, BookingNotAvailable, Booked];
    assert_eq!(told, expected);

    let search = format!("core/facility/{}/SearchCalendarEvents", caller.facility_id);
    let custom = |from: &str, to: &str| json!({ "timeScope": "Custom", "dateStart": from, "dateLimit": to, "eventType": "Class" });
    let found = caller.post(&search, custom("20261101", "20261130")).await?["data"]["eventItems"].take();
    assert_eq!((&found[0]["id"], &found[0]["availablePlaces"]), (&json!("c-yoga"), &json!(0)));
    assert_eq!(caller.post(&search, custom("20261201", "20261231")).await?["data"]["eventItems"], json!([]));
    let sloppy = errors(&caller.post(&search, custom("2026-12-01", "20261232")).await?);
    assert_eq!(sloppy, ["dateStart Validation", "dateLimit Validation"]);

    caller.sandbox.put_class(yoga(20));
    posted(&caller.sandbox, 4).await?;
    assert_eq!(receiver.told("event"), ["Booked", "Unbooked", "Booked", "Changed"]);
    let people = receiver.told("facility_user_externalId");
    assert_eq!(people, [json!("M-1"), json!("M-1"), json!("M-2"), Value::Null]);
    assert!(receiver.told("calendar_event_id").iter().all(|id| id == "c-yoga"));
    assert!(receiver.told("calendar_event_partition_date").iter().all(|date| *date == 20_261_122));
    Ok(())
}

#[tokio::test]
async fn posts_come_twice_or_again_until_they_are_taken_if_a_story_wants_it() -> Result<()> {
    let failing = Receiver::start([StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE]).await?;
    let sandbox = Sandbox::start(Options::default()).await?;
    let twice = Subscription { copies: 2, attempts: 3, ..Subscription::to(&failing.url) };
    sandbox.notify(twice)?;
    sandbox.create_in_portal(&carla()).context("there is room")?;
    posted(&sandbox, 4).await?;
    let told: Vec<_> = sandbox.look(|book| book.posts().iter().map(|post| post.status).collect());
    assert_eq!(told, [Some(500), Some(503), Some(200), Some(200)]);

    let bad = [("X Secret".to_owned(), String::new())].into();
    assert!(sandbox.notify(Subscription { headers: bad, ..Subscription::to(&failing.url) }).is_err());
    Ok(())
}

#[tokio::test]
async fn look_ups_that_one_weak_source_names_are_there_only_if_asked_for() -> Result<()> {
    let mut strict = Caller::new(Options::default()).await?;
    let ids = strict.anna().await?;
    let id = |ids: &Value, field: &str| ids[field].as_str().unwrap_or_default().to_owned();
    let table = |caller: &Caller, ids: &Value| {
        let facility = format!("core/facility/{}", caller.facility_id);
        let (user, facility_user) = (id(ids, "userId"), id(ids, "facilityUserId"));
        [
            (format!("{facility}/GetFacilityUserFromExternalId"), json!({ "externalId": "M-1" })),
            (format!("{facility}/GetFacilityUser"), json!({ "userId": user })),
            (format!("{facility}/GetFacilityUserFromUserId"), json!({ "userId": user })),
            (format!("core/facilityuser/{facility_user}/details"), json!({})),
            (format!("core/user/{user}/GetUserProfile"), json!({})),
        ]
    };
    for (path, mut body) in table(&strict, &ids) {
        body["token"] = json!(strict.token);
        assert_eq!(strict.raw(&path, &body).await?.status(), 404, "{path}");
    }
    let mut caller = Caller::new(Options { weak_actions: true, ..Options::default() }).await?;
    let ids = caller.anna().await?;
    for (path, body) in table(&caller, &ids) {
        assert_eq!(caller.post(&path, body).await?["data"]["facilityUserId"], ids["facilityUserId"], "{path}");
    }
    let search = format!("core/facility/{}/SearchUsers", caller.facility_id);
    let found = caller.post(&search, json!({ "email": "Anna@example.org" })).await?["data"]["users"].take();
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    let details = format!("core/facilityuser/{}/details", id(&ids, "facilityUserId"));
    let dates = json!({ "memberSince": "2021-09-01", "startOn": "2026-01-01", "expiresOn": "2026-12-31" });
    let mut membership = dates.clone();
    membership["operation"] = json!("Subscribe");
    caller.post(&details.replace("details", "SaveMembership"), membership).await?;
    let read = caller.post(&details, json!({})).await?["data"].take();
    assert!(dates.as_object().into_iter().flatten().all(|(field, date)| read[field] == *date), "{read}");
    assert_eq!(read["isFrozen"], false);
    Ok(())
}

#[tokio::test]
async fn an_action_outside_the_contract_cannot_be_about_nobody() -> Result<()> {
    let mut caller = Caller::new(Options { extra_actions: vec!["CheckIn".into()], ..Options::default() }).await?;
    let ids = caller.anna().await?;
    let user = ids["userId"].as_str().context("an id")?;
    let good = format!("core/user/{user}/CheckIn");
    assert_eq!(caller.post(&good, json!({ "any": "field" })).await?["data"]["result"], "Success");
    assert_eq!(errors(&caller.post("core/user/nobody/CheckIn", json!({})).await?), ["userId NotFound"]);
    let in_body = json!({ "facilityUserId": "nobody" });
    assert_eq!(errors(&caller.post("core/class/x/CheckIn", in_body).await?), ["facilityUserId NotFound"]);
    Ok(())
}
