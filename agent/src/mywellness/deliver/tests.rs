//! Stories of the whole lane: the real store and outbox on this side, a pretended Mywellness on the other.

mod belongings;
mod deleting;
mod failing;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::OnLostAnswer;
use super::super::pretend::{self, Pretend, Reply};
use super::*;
use crate::domain::{LaneId, OutboxEntry, Person, PersonId, RowId};
use crate::outbox::{self, LaneStatus};
use crate::store::{self, Link, LinkSaved, Store};
use crate::sync::Selection;

/// How long a story may take before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// One club: its store, and its lane once it runs.
struct Club {
    _folder: tempfile::TempDir,
    store: Store,
    clock: Clock,
    config: Config,
    pretend: Pretend,
    lane: LaneId,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Club {
    async fn open() -> Self {
        let (folder, clock, pretend) = (tempfile::tempdir().unwrap(), Clock::system(), Pretend::start().await);
        let config =
            store::Config { path: folder.path().join("varco.db"), keep: store::Retention::default(), ballast_bytes: 0 };
        let store = Store::open(&config, clock.clone()).unwrap();
        let lane = "mywellness".parse().unwrap();
        let config = pretend::config(&pretend.url);
        Self { _folder: folder, store, clock, config, pretend, lane, running: None }
    }

    /// A person with changes to Anna's document, and a visit of theirs in the outbox.
    async fn visited(&self, external_id: &str, changes: Value) -> PersonId {
        let mut document = serde_json::to_value(pretend::anna()).unwrap();
        document["external_id"] = json!(external_id);
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let person: Person = serde_json::from_value(document).unwrap();
        let now = self.clock.now().wall;
        let writing = self.store.write("setting the scene", move |tx| {
            tx.put_person(&person, now)?;
            Ok(tx.person_id(&person.external_id)?.expect("written a line above"))
        });
        let id = writing.await.unwrap();
        self.visit(id, "2026-11-21T10:00:00Z").await;
        id
    }

    async fn visit(&self, person: PersonId, at: &str) {
        let visit = json!({
            "visit_id": "01890a5d-ac96-774b-bcce-b302099a8057", "person": null, "started_at": at, "reader": "entry-1",
            "gate": "turnstile-1", "zone": null, "club_day": "2026-11-21", "clock": "synced", "membership": null,
            "entries_taken": 0,
        });
        let (lane, key, now) = (self.lane.clone(), format!("visit at {at}"), self.clock.now().wall);
        let writing = self.store.write("setting the scene", move |tx| {
            tx.enqueue(&lane, FactKind::Visit, &key, Some(person), &visit.to_string(), now)
        });
        writing.await.unwrap();
    }

    async fn known_as(&self, person: PersonId, user: &str) {
        let (lane, now) = (self.lane.clone(), self.clock.now().wall);
        let link =
            Link { user_id: user.into(), facility_user_id: format!("f{user}"), permanent_token: None, linked_at: now };
        let saving = self.store.write("setting the scene", move |tx| tx.save_link(&lane, person, &link));
        assert_eq!(saving.await.unwrap(), LinkSaved::Saved);
    }

    fn start(&mut self) {
        let timezone = TimeZone::get("Europe/Rome").unwrap();
        let edge = Mywellness::new(self.config.clone(), timezone, self.clock.clone()).unwrap();
        let (status, cancel) = (watch::Sender::new(LaneStatus::starting(self.lane.clone())), CancellationToken::new());
        let (lane, store, clock) = (self.lane.clone(), self.store.clone(), self.clock.clone());
        let task = tokio::spawn(outbox::run(lane, edge, store, clock, status, cancel.clone()));
        self.running = Some((cancel, task));
    }

    async fn rows(&self) -> Vec<OutboxEntry> {
        let page = self.store.read("looking at rows", |view| view.outbox(None, None, None, 100)).await.unwrap();
        page.items
    }

    /// Waits until no row will be sent by itself any more, and tells each row in a line.
    async fn settled(&self) -> String {
        let stuck_at = self.clock.now().uptime.after(STUCK_AFTER);
        loop {
            let rows = self.rows().await;
            let line = |row: &OutboxEntry| {
                let (kind, state) = (row.kind.as_str(), row.state.as_str());
                let person = row.person.as_ref().map_or("nobody", |it| it.as_str());
                format!("{kind} of {person}: {state} {}\n", row.last_error.as_deref().unwrap_or_default())
            };
            let told: String = rows.iter().map(line).collect();
            if !rows.iter().any(|row| row.state.blocks_later_rows()) {
                return told;
            }
            assert!(self.clock.now().uptime < stuck_at, "stuck with\n{told}{:?}", self.pretend.actions());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn stop(&mut self) {
        let (cancel, task) = self.running.take().expect("the lane was started");
        cancel.cancel();
        task.await.unwrap();
    }

    /// What was asked of Mywellness but logins.
    fn asked(&self) -> Vec<String> {
        self.pretend.actions().into_iter().filter(|action| action != "AccessIntegration").collect()
    }
}

fn created(user: &str) -> Reply {
    matched("Created", user)
}

fn matched(result: &str, user: &str) -> Reply {
    Reply::Said(200, json!({"data": {"result": result, "userId": user, "facilityUserId": format!("f{user}")}}))
}

fn fine() -> Reply {
    Reply::Said(200, json!({"data": {"result": "Success"}}))
}

#[tokio::test]
async fn a_first_visit_makes_the_person_known_and_is_told_after_that() {
    let mut club = Club::open().await;
    club.visited("M-1", json!({"memberships": [{"id": "S-1", "kind": "subscription", "gives_membership": true}]}))
        .await;
    club.pretend.calls([created("u-1")]);
    club.start();
    let told = club.settled().await;
    expect_test::expect![[r#"
        visit of M-1: delivered 
        person of M-1: delivered 
        membership of M-1: delivered 
    "#]]
    .assert_eq(&told);
    assert_eq!(club.asked(), ["CreateFacilityUserFromThirdParty", "Update", "SaveMembership", "Visit"]);
    let asked = club.pretend.asked();
    let visit = asked.iter().find(|it| it.path.ends_with("/Visit")).unwrap();
    assert_eq!(visit.path, "/clubmilano/core/user/u-1/Visit");
    assert_eq!(visit.body, json!({"visitDate": "2026-11-21 11:00:00 +01:00"}));
    club.stop().await;
}

#[tokio::test]
async fn of_several_candidates_none_is_picked_and_the_visit_waits() {
    let mut club = Club::open().await;
    club.visited("M-1", json!({})).await;
    let several =
        json!({"result": "UserEmailAndDataMatchFound", "matchedUsers": [{"userId": "u-1"}, {"userId": "u-2"}]});
    club.pretend.calls([Reply::Said(200, json!({ "data": several }))]);
    club.start();
    let told = club.settled().await;
    expect_test::expect![[r#"
        visit of M-1: held 
        person of M-1: parked ambiguous match: 2 candidates
    "#]]
    .assert_eq(&told);
    assert_eq!(club.asked(), ["CreateFacilityUserFromThirdParty"]);
    club.stop().await;
}

#[tokio::test]
async fn a_match_that_is_linked_to_somebody_else_is_parked_and_names_them() {
    let mut club = Club::open().await;
    let twin = club.visited("M-1", json!({})).await;
    club.known_as(twin, "u-1").await;
    club.visited("M-2", json!({})).await;
    club.pretend.calls([fine(), matched("MatchFound", "u-1")]);
    club.start();
    let told = club.settled().await;
    expect_test::expect![[r#"
        visit of M-1: delivered 
        visit of M-2: held 
        person of M-2: parked the person found at Mywellness is already linked to M-1
    "#]]
    .assert_eq(&told);
    assert_eq!(club.asked(), ["Visit", "CreateFacilityUserFromThirdParty"]);
    club.stop().await;
}

#[tokio::test]
async fn a_visit_whose_answer_was_lost_is_sent_again_and_counts_the_try() {
    let mut club = Club::open().await;
    club.visited("M-1", json!({})).await;
    club.config.rules.send = vec![FactKind::Person, FactKind::Visit];
    club.pretend.calls([created("u-1"), fine(), Reply::Cut]);
    club.start();
    club.settled().await;
    let again = ["GetFacilityUserByExternalID", "Visit"];
    assert_eq!(club.asked(), [["CreateFacilityUserFromThirdParty", "Update", "Visit"].as_slice(), &again].concat());
    assert_eq!(club.rows().await[0].attempts, 2);
    club.stop().await;
}

#[tokio::test]
async fn a_visit_whose_answer_was_lost_is_parked_where_the_club_wants_that() {
    let mut club = Club::open().await;
    club.visited("M-1", json!({})).await;
    club.config.rules.send = vec![FactKind::Person, FactKind::Visit];
    club.config.on_lost_answer = OnLostAnswer::Park;
    club.pretend.calls([created("u-1"), fine(), Reply::Bytes(504, "text/html", Vec::new())]);
    club.start();
    let told = club.settled().await;
    assert!(told.contains("visit of M-1: parked the answer was lost: it may stand at Mywellness already"), "{told}");
    assert_eq!(club.asked().iter().filter(|action| *action == "Visit").count(), 1);
    club.stop().await;
}

#[tokio::test]
async fn a_visit_whose_answer_contradicts_itself_is_not_sent_again_unseen() {
    let mut club = Club::open().await;
    let mut both = pretend::refusal("TokenNotValid");
    both["data"] = json!({"result": "Success"});
    club.pretend.calls([Reply::Said(200, both)]);
    club.config.on_lost_answer = OnLostAnswer::Park;
    let person = club.visited("M-1", json!({})).await;
    club.known_as(person, "u-1").await;
    club.start();
    let told = club.settled().await;
    assert_eq!(told, "visit of M-1: parked the answer was lost: it may stand at Mywellness already\n");
    assert_eq!(club.asked(), ["Visit"], "a refused token would have had it sent again at once");
    club.stop().await;
}

#[tokio::test]
async fn a_lost_answer_to_a_creation_is_looked_up_before_another() {
    let mut club = Club::open().await;
    club.visited("M-1", json!({})).await;
    club.config.rules.send = vec![FactKind::Person, FactKind::Visit];
    club.pretend.calls([Reply::CutWithin, matched("Success", "u-1")]);
    club.start();
    club.settled().await;
    let asked = ["CreateFacilityUserFromThirdParty", "GetFacilityUserByExternalID", "Update", "Visit"];
    assert_eq!(club.asked(), asked);
    club.stop().await;
}

#[tokio::test]
async fn an_incomplete_person_is_never_sent_and_their_visit_waits() {
    let mut club = Club::open().await;
    club.visited("M-1", json!({"birth_date": null, "email": null})).await;
    club.start();
    let told = club.settled().await;
    expect_test::expect![[r#"
        visit of M-1: held 
        person of M-1: parked required by Mywellness and missing: birth_date, email
    "#]]
    .assert_eq(&told);
    assert_eq!(club.asked(), Vec::<String>::new());
    club.stop().await;
}

#[tokio::test]
async fn an_outage_costs_no_visit_and_leaves_none_in_doubt() {
    let mut club = Club::open().await;
    club.visited("M-1", json!({})).await;
    club.config.rules.send = vec![FactKind::Person, FactKind::Visit];
    club.pretend.logins([Reply::Cut, Reply::Busy(503, 0), Reply::Bytes(200, "text/html", b"<html>".to_vec())]);
    club.pretend.calls([created("u-1")]);
    club.start();
    club.settled().await;
    assert_eq!(club.asked(), ["CreateFacilityUserFromThirdParty", "Update", "Visit"]);
    assert_eq!(club.rows().await[0].attempts, 1);
    club.stop().await;
}

#[tokio::test]
async fn a_no_said_while_a_visit_waits_for_the_link_suppresses_both() {
    let mut club = Club::open().await;
    let person = club.visited("M-1", json!({"allow_sync": false})).await;
    let (lane, now) = (club.lane.clone(), club.clock.now().wall);
    let waiting = club.store.write("waiting for a link", move |tx| {
        tx.settle(&[(RowId(1), RowOutcome::Held(Hold::Link))], now)?;
        tx.enqueue(&lane, FactKind::Person, "M-1", Some(person), "", now)
    });
    waiting.await.unwrap();
    club.start();
    let told = loop {
        let told = club.settled().await;
        if !told.contains("held") {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    expect_test::expect![[r#"
        visit of M-1: suppressed the person's allow_sync is off
        person of M-1: suppressed the person's allow_sync is off
    "#]]
    .assert_eq(&told);
    assert_eq!(club.asked(), Vec::<String>::new());
    club.stop().await;
}

#[tokio::test]
async fn who_is_not_selected_is_not_made_known() {
    let mut club = Club::open().await;
    club.config.rules.selection = Selection::Members;
    club.visited("M-1", json!({})).await;
    club.start();
    let told = club.settled().await;
    assert_eq!(told, "visit of M-1: suppressed not selected: no active subscription gives membership\n");
    club.stop().await;
}

#[tokio::test]
async fn visits_written_while_others_are_told_are_each_told_once() {
    let mut club = Club::open().await;
    let person = club.visited("M-1", json!({})).await;
    club.known_as(person, "u-1").await;
    club.start();
    for minute in 1..=40 {
        club.visit(person, &format!("2026-11-21T10:{minute:02}:00Z")).await;
    }
    club.settled().await;
    let asked = club.pretend.asked();
    let mut visits: Vec<_> = asked.iter().filter(|it| it.path == "/clubmilano/core/user/u-1/Visit").collect();
    let told = visits.len();
    visits.sort_by_key(|it| it.body.to_string());
    visits.dedup();
    assert_eq!((told, visits.len()), (41, 41));
    club.stop().await;
}

/// What the club hears of a user who was made there for somebody here.
async fn hear(club: &Club, user: &str, external_id: &str) -> Heard {
    let (facility_url, rules) = (club.config.facility_url.clone(), club.config.rules.clone());
    let timezone = TimeZone::get("Europe/Rome").unwrap();
    let ear = Ear { lane: club.lane.clone(), facility_url, rules, timezone, classes: None };
    let body = json!({"facility_url": "clubmilano", "facility_user_id": user, "facility_user_externalId": external_id});
    let (news, now) = (ear.read(body.to_string().as_bytes()).unwrap(), club.clock.now().wall);
    club.store.write("hearing news", move |tx| ear.hear(tx, &news, now)).await.unwrap()
}

async fn approve(club: &Club, person: &'static str) {
    let now = club.clock.now().wall;
    let approving = club.store.write("an operator's step", move |tx| {
        let command = sync::Command::Synchronize;
        tx.command_sync(&person.parse().unwrap(), command, store::HeldVisits::Send, "desk", now)
    });
    approving.await.unwrap().unwrap();
}

#[tokio::test]
async fn news_of_somebody_an_operator_approved_are_followed_in_operator_mode_too() {
    let mut club = Club::open().await;
    club.config.rules.mode = sync::Mode::Operator;
    club.visited("M-1", json!({})).await;
    club.visited("M-2", json!({})).await;
    assert_eq!(hear(&club, "u-2", "M-2").await, Heard::Parked);
    approve(&club, "M-1").await;
    assert_eq!(hear(&club, "u-1", "M-1").await, Heard::Asked);
}

/// An operator retries the first row, and the lane does what it can with it.
async fn retried(club: &mut Club) -> String {
    let now = club.clock.now().wall;
    let retrying = club.store.write("an operator's retry", move |tx| tx.retry_row(RowId(1), "desk", now));
    assert!(retrying.await.unwrap());
    club.start();
    let told = club.settled().await;
    club.stop().await;
    told.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn news_that_wait_for_somebody_are_heard_again_when_an_operator_retries_them() {
    let mut club = Club::open().await;
    club.config.rules.mode = sync::Mode::Operator;
    for _ in 0..2 {
        assert_eq!(hear(&club, "fu-1", "M-1").await, Heard::Parked);
    }
    assert_eq!(club.rows().await.len(), 1, "one note");
    assert_eq!(retried(&mut club).await, format!("person of nobody: parked {}", hook::NOBODY), "as before");

    let anna = club.visited("M-1", json!({})).await;
    let told = retried(&mut club).await;
    assert!(
        told.starts_with("person of nobody: parked made there for a person who waits for an operator's step"),
        "{told}"
    );
    approve(&club, "M-1").await;
    club.known_as(anna, "u-1").await;
    assert_eq!(retried(&mut club).await, "person of nobody: delivered ", "they are linked as it said");
    assert!(club.asked().iter().all(|action| action == "Visit"), "nobody was asked for: {:?}", club.asked());
}

#[tokio::test]
async fn nothing_is_left_of_a_note_about_somebody_who_is_erased() {
    let club = Club::open().await;
    assert_eq!(hear(&club, "fu-1", "M-1").await, Heard::Parked);
    club.visited("M-1", json!({})).await;
    let now = club.clock.now().wall;
    let erasing = club.store.write("an erasure", move |tx| tx.erase_person(&"M-1".parse().unwrap(), now));
    assert!(erasing.await.unwrap());
    let note = club.rows().await.remove(0);
    assert_eq!((note.key.as_str(), note.state.as_str(), note.last_error), ("", "erased", None));
}
