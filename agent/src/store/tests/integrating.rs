//! Stories about how people stand with Mywellness: what is planned, what answers make of it, and what operators do.

mod in_the_way;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, date};
use serde_json::json;

use super::{Club, at, club, name, person};
use crate::domain::*;
use crate::store::{DeletionOrdered, HeldVisits, Link, Planned, Retention, SyncFilter, SyncRefused};
use crate::sync::{
    Attempt, Candidate, Cause, Command, GroupMaster, Mode, Occasion, Personalia, PhotoTold, Rules, Selection, SyncState,
};

const LANE: &str = "mywellness";
const TODAY: Date = date(2026, 11, 23);

pub(super) fn rules() -> Rules {
    Rules {
        mode: Mode::Automatic,
        send: vec![FactKind::Person, FactKind::Membership, FactKind::Groups, FactKind::Visit],
        takes_back: Vec::new(),
        group_ids: BTreeMap::from([("Gold".to_owned(), 12)]),
        group_master: GroupMaster::On,
        email_required: true,
        gender_required: true,
        selection: Selection::Members,
    }
}

/// Noon of a day at the club.
fn noon(day: Date) -> jiff::Zoned {
    day.at(12, 0, 0, 0).in_tz("Europe/Rome").expect("a moment of that zone")
}

/// A member of whom everything required is known.
pub(super) fn anna() -> Person {
    Person {
        birth_date: Some(date(1990, 4, 12)),
        gender: Some(Gender::F),
        memberships: serde_json::from_value(json!([{"id": "gold", "kind": "subscription", "gives_membership": true}]))
            .expect("a membership"),
        ..person("M-1", "A1")
    }
}

impl Club {
    async fn plan_by(&self, rules: Rules) -> Planned {
        let rules = Arc::new(rules);
        self.write(move |tx| tx.plan_due(&name(LANE), (100, 100), &rules, &noon(TODAY))).await
    }

    async fn plan(&self) -> Planned {
        self.plan_by(rules()).await
    }

    /// State and cause of the one person.
    async fn state(&self) -> (SyncState, Option<Cause>) {
        let it = self.read(|view| view.sync_details(&name("M-1"))).await.expect("Anna is known").entry.integration;
        (it.state, it.cause)
    }

    /// How many are still to be planned or told.
    async fn remaining(&self) -> u64 {
        self.read(|view| view.sync_counts(at("10:00"))).await.remaining
    }

    async fn marks(&self) -> Vec<FactKind> {
        let rows = self.read(|view| view.waiting_rows(&name(LANE), RowId(0), 100)).await;
        rows.into_iter().filter(|row| row.body.is_empty()).map(|row| row.kind).collect()
    }

    /// Answers the first waiting mark of a kind.
    async fn answer(&self, kind: FactKind, outcome: RowOutcome, told: Option<String>) {
        let rows = self.read(|view| view.waiting_rows(&name(LANE), RowId(0), 100)).await;
        let row = rows.into_iter().find(|row| row.kind == kind).expect("such a row waits");
        let cause = matches!(outcome, RowOutcome::Never(_)).then_some(Cause::Refused);
        let person = row.person.expect("a mark is somebody's");
        let attempt = Attempt { person, kind, outcome: outcome.clone(), cause, told, candidates: Vec::new() };
        self.write(move |tx| {
            tx.settle(&[(row.id, outcome.clone())], at("10:01"))?;
            tx.note_attempts(&name(LANE), std::slice::from_ref(&attempt), at("10:01"))
        })
        .await;
    }

    async fn link(&self, person: PersonId) {
        let link = Link {
            user_id: "u".to_owned(),
            facility_user_id: "f".to_owned(),
            permanent_token: None,
            linked_at: at("09:30"),
        };
        self.write(move |tx| tx.save_link(&name(LANE), person, &link)).await;
    }

    /// Anna, known there, with all of her told.
    async fn enabled(&self) -> PersonId {
        let id = self.put(anna()).await;
        self.plan().await;
        self.link(id).await;
        self.answer(FactKind::Person, RowOutcome::Delivered, Some(told(&anna()))).await;
        self.write(move |tx| tx.make_due(&[id])).await;
        self.plan().await;
        let membership =
            r#"{"phase":"active","member_since":"2026-11-23","starts_on":"2026-11-23","ends_on":"2099-12-31"}"#;
        self.answer(FactKind::Membership, RowOutcome::Delivered, Some(membership.to_owned())).await;
        assert_eq!((self.state().await, self.marks().await), ((SyncState::Enabled, None), vec![]));
        id
    }

    async fn command(&self, command: Command, visits: HeldVisits) -> Result<SyncState, SyncRefused> {
        self.write(move |tx| tx.command_sync(&name("M-1"), command, visits, "Sara", at("11:00"))).await
    }

    async fn visit(&self, person: PersonId, key: &'static str) {
        self.write(move |tx| tx.enqueue(&name(LANE), FactKind::Visit, key, Some(person), "{}", at("10:30"))).await;
    }

    /// What became of each visit: its key, state, and what it says.
    async fn visits(&self) -> Vec<String> {
        let rows = self.read(|view| view.outbox(Some(&name(LANE)), None, None, 100)).await.items;
        let visits = rows.into_iter().filter(|row| row.kind == FactKind::Visit);
        visits.map(|row| format!("{} {} {:?}", row.key, row.state.as_str(), row.held_for)).collect()
    }
}

fn told(person: &Person) -> String {
    serde_json::to_string(&Personalia::of(person)).expect("it is texts")
}

#[tokio::test]
async fn a_new_person_is_planned_once_and_enabled_when_all_of_them_is_told() {
    let club = club();
    let id = club.put(anna()).await;
    assert_eq!(club.state().await, (SyncState::New, None));
    assert_eq!(club.plan().await, Planned { looked_at: 1, marks: 1, ..Planned::default() });
    assert_eq!(club.plan().await, Planned::default(), "nobody is due any more");
    assert_eq!(club.marks().await, [FactKind::Person]);
    club.link(id).await;
    club.write(move |tx| tx.enqueue(&name(LANE), FactKind::Membership, "M-1", Some(id), "", at("10:00"))).await;
    club.answer(FactKind::Person, RowOutcome::Delivered, Some(told(&anna()))).await;
    assert_eq!(club.state().await.0, SyncState::ToUpdate, "the membership is on its way");
    club.answer(FactKind::Membership, RowOutcome::Delivered, None).await;
    assert_eq!(club.state().await, (SyncState::Enabled, None));
}

#[tokio::test]
async fn changes_are_one_mark_of_each_kind_that_differs_and_none_if_nothing_does() {
    let club = club();
    club.enabled().await;
    club.put(anna()).await;
    assert_eq!(club.plan().await, Planned::default(), "the same document changes nothing");
    for mobile in ["+39 333 1", "+39 333 2"] {
        club.put(Person { mobile: Some(mobile.to_owned()), ..anna() }).await;
        club.plan().await;
    }
    assert_eq!((club.state().await.0, club.marks().await), (SyncState::ToUpdate, vec![FactKind::Person]));
    let moved = Person { mobile: Some("+39 333 2".to_owned()), groups: vec!["Gold".to_owned()], ..anna() };
    club.put(moved).await;
    club.plan().await;
    assert_eq!(club.marks().await, [FactKind::Person, FactKind::Groups]);

    // Taken back before it was told: the marks that wait ask for nothing, and that is what the lane finds.
    club.answer(FactKind::Person, RowOutcome::Delivered, None).await;
    club.answer(FactKind::Groups, RowOutcome::Delivered, None).await;
    club.put(anna()).await;
    assert_eq!(club.plan().await.up_to_date, 1);
    assert_eq!(club.state().await, (SyncState::Enabled, None));
}

#[tokio::test]
async fn a_change_while_a_mark_is_in_flight_is_not_lost() {
    let club = club();
    club.enabled().await;
    let first = Person { mobile: Some("+39 333 1".to_owned()), ..anna() };
    club.put(first.clone()).await;
    club.plan().await;
    let row = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 1)).await[0].id;
    club.write(move |tx| tx.begin_row(row, at("10:00"))).await;
    club.put(Person { mobile: Some("+39 333 2".to_owned()), ..anna() }).await;
    club.answer(FactKind::Person, RowOutcome::Delivered, Some(told(&first))).await;
    assert_eq!(club.state().await.0, SyncState::ToUpdate);
    club.plan().await;
    assert_eq!(club.marks().await, [FactKind::Person], "what was rendered before the change did not tell it");
}

#[tokio::test]
async fn an_incomplete_person_is_never_sent_is_listed_and_goes_once_mended() {
    let club = club();
    club.put(Person { email: None, gender: None, ..anna() }).await;
    assert_eq!(club.plan().await, Planned { looked_at: 1, barred: 1, ..Planned::default() });
    assert_eq!(
        (club.state().await, club.marks().await),
        ((SyncState::CreationFailed, Some(Cause::Incomplete)), vec![])
    );
    let filter = SyncFilter { state: Some(SyncState::CreationFailed), limit: 10, ..SyncFilter::default() };
    let listed = club.read(move |view| view.sync_people(&filter)).await.items.remove(0);
    let why = "required by Mywellness and missing: email, gender";
    assert_eq!(listed.integration.reason.as_deref(), Some(why));
    club.put(Person { credentials: Vec::new(), email: None, gender: None, ..anna() }).await;
    assert_eq!(club.plan().await, Planned::default(), "another card mends nothing");
    club.put(anna()).await;
    club.plan().await;
    assert_eq!(club.marks().await, [FactKind::Person]);
}

#[tokio::test]
async fn a_refusal_is_an_error_with_its_reason_until_the_kind_that_was_refused_is_told() {
    let club = club();
    let id = club.enabled().await;
    club.put(Person { mobile: Some("+39 333 1".to_owned()), memberships: Vec::new(), ..anna() }).await;
    club.plan_by(Rules { selection: Selection::Everyone, ..rules() }).await;
    assert_eq!(club.marks().await, [FactKind::Person, FactKind::Membership]);
    club.answer(FactKind::Membership, RowOutcome::Never("refused: expiresOn".to_owned()), None).await;
    assert_eq!(club.state().await, (SyncState::InError, Some(Cause::Refused)));
    club.answer(FactKind::Person, RowOutcome::Delivered, None).await;
    assert_eq!(club.state().await, (SyncState::InError, Some(Cause::Refused)), "the membership is not mended by that");
    assert_eq!(club.command(Command::Synchronize, HeldVisits::Send).await, Ok(SyncState::ToUpdate));
    club.plan_by(Rules { selection: Selection::Everyone, ..rules() }).await;
    assert_eq!(
        club.marks().await,
        [FactKind::Membership, FactKind::Person, FactKind::Groups],
        "everything is told anew"
    );
    for kind in [FactKind::Person, FactKind::Membership, FactKind::Groups] {
        club.answer(kind, RowOutcome::Delivered, None).await;
    }
    assert_eq!(club.state().await, (SyncState::Enabled, None));
    let it = club.read(move |view| view.integration(id)).await.expect("Anna is known");
    assert!(!it.complete, "and from then on only what differs");
}

#[tokio::test]
async fn whoever_waits_for_a_persons_word_is_planned_no_longer_and_leaves_room_for_others() {
    let in_the_way = [
        RowOutcome::Never("ambiguous match: 2 candidates".to_owned()),
        RowOutcome::Held(Hold::Approval),
        RowOutcome::Suppressed("the person was erased".to_owned()),
    ];
    for outcome in in_the_way {
        let club = club();
        club.put(anna()).await;
        club.plan().await;
        assert_eq!(club.remaining().await, 1);
        club.answer(FactKind::Person, outcome.clone(), None).await;
        assert_eq!(club.remaining().await, 0, "{outcome:?}");
    }
    let club = club();
    club.put(anna()).await;
    club.plan().await;
    club.answer(FactKind::Person, RowOutcome::Later("status 503".to_owned()), None).await;
    assert_eq!(club.remaining().await, 1, "it will be told by itself");
}

#[tokio::test]
async fn a_suspension_holds_everything_and_its_end_sends_or_gives_up_the_visits() {
    for (visits, expected) in [
        (HeldVisits::Send, ["before pending None", "unsure unsure None", "during pending None"]),
        (HeldVisits::Discard, ["before discarded None", "unsure discarded None", "during discarded None"]),
    ] {
        let club = club();
        let id = club.enabled().await;
        club.visit(id, "before").await;
        club.visit(id, "unsure").await;
        let rows = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 10)).await;
        let unsure = rows[1].id;
        club.write(move |tx| tx.settle(&[(unsure, RowOutcome::Unsure("reset".to_owned()))], at("10:40"))).await;
        assert_eq!(club.command(Command::Suspend, HeldVisits::Send).await, Ok(SyncState::Suspended));
        club.visit(id, "during").await;
        let during = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 10)).await[0].id;
        club.write(move |tx| tx.settle(&[(during, RowOutcome::Held(Hold::Suspension))], at("10:50"))).await;
        let held = ["before", "unsure", "during"].map(|it| format!("{it} held Some(Suspension)"));
        assert_eq!(club.visits().await, held);
        club.put(Person { mobile: Some("+39 333 1".to_owned()), ..anna() }).await;
        club.plan().await;
        assert_eq!((club.marks().await, club.state().await.0), (vec![], SyncState::Suspended), "nothing is planned");
        assert!(club.read(move |view| view.link(id)).await.is_some(), "the link stays");

        assert_eq!(club.command(Command::Enable, visits).await, Ok(SyncState::ToUpdate));
        if visits == HeldVisits::Send {
            let turn = ["before", "unsure", "during"].map(|it| format!("{it} held Some(Data)"));
            assert_eq!(club.visits().await, turn);
        }
        club.plan().await;
        assert_eq!(club.marks().await, [FactKind::Person], "what changed meanwhile is told");
        club.answer(FactKind::Person, RowOutcome::Delivered, None).await;
        assert_eq!(club.visits().await, expected, "after it");
        let history = club.read(|view| view.sync_details(&name("M-1"))).await.expect("Anna is known").history;
        let enabled = history.iter().find(|it| it.what == "enable").expect("it is in the history");
        assert_eq!(enabled.operator.as_deref(), Some("Sara"));
        let refused = club.command(Command::Enable, visits).await.expect_err("she is suspended no longer");
        assert!(refused.to_string().contains("only a suspended one can be enabled"), "{refused}");
    }
}

#[tokio::test]
async fn a_deleted_link_is_gone_at_once_and_comes_back_only_by_an_operator() {
    let club = club();
    let id = club.enabled().await;
    club.visit(id, "waiting").await;
    assert_eq!(club.command(Command::Delete, HeldVisits::Send).await, Ok(SyncState::New));
    assert_eq!(club.read(move |view| view.link(id)).await, None);
    assert_eq!(club.visits().await, ["waiting discarded None"]);
    assert_eq!(club.state().await, (SyncState::New, Some(Cause::Deleted)));
    club.put(Person { mobile: Some("+39 333 1".to_owned()), ..anna() }).await;
    club.plan().await;
    assert_eq!(club.marks().await, [], "a change does not bring it back");
    assert_eq!(club.command(Command::Synchronize, HeldVisits::Send).await, Ok(SyncState::ToUpdate));
    club.plan().await;
    assert_eq!(club.marks().await, [FactKind::Person]);
}

#[tokio::test]
async fn a_deletion_there_waits_until_it_is_acknowledged_and_outlives_the_person() {
    let club = club();
    club.enabled().await;
    assert_eq!(club.command(Command::DeleteThere, HeldVisits::Send).await, Ok(SyncState::ToDelete));
    let refused = club.command(Command::Synchronize, HeldVisits::Send).await.expect_err("it waits");
    assert!(refused.to_string().contains("to_delete"), "{refused}");
    let row = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 10)).await.remove(0);
    assert_eq!((row.kind, row.body.as_str()), (FactKind::Erasure, r#"{"facility_user_id":"f"}"#));
    club.answer(FactKind::Erasure, RowOutcome::Delivered, None).await;
    assert_eq!(club.state().await, (SyncState::New, Some(Cause::Deleted)));

    let other = super::club();
    other.enabled().await;
    other
        .write(|tx| {
            assert_eq!(tx.order_remote_deletion(&name("M-1"), at("12:00"))?, DeletionOrdered::Known);
            tx.erase_person(&name("M-1"), at("12:00"))
        })
        .await;
    let row = other.read(|view| view.waiting_rows(&name(LANE), RowId(0), 10)).await.remove(0);
    assert_eq!((row.kind, row.person), (FactKind::Erasure, None));
    for table in ["integration", "integration_event", "told", "link"] {
        let left = match table {
            "integration" => other.number("SELECT count(*) FROM integration").await,
            "integration_event" => other.number("SELECT count(*) FROM integration_event").await,
            "told" => other.number("SELECT count(*) FROM told").await,
            _ => other.number("SELECT count(*) FROM link").await,
        };
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test]
async fn in_operator_mode_a_person_is_held_until_approved() {
    let operator = || Rules { mode: Mode::Operator, ..rules() };
    let club = club();
    club.put(anna()).await;
    club.plan_by(operator()).await;
    club.answer(FactKind::Person, RowOutcome::Held(Hold::Approval), None).await;
    assert_eq!(club.state().await.0, SyncState::New);
    club.put(Person { mobile: Some("+39 333 1".to_owned()), ..anna() }).await;
    club.plan_by(operator()).await;
    assert_eq!(club.marks().await, [], "a change approves nobody");
    assert_eq!(club.command(Command::Synchronize, HeldVisits::Send).await, Ok(SyncState::ToUpdate));
    club.plan_by(operator()).await;
    assert_eq!(club.marks().await, [FactKind::Person]);
    assert_eq!(club.number("SELECT count(*) FROM outbox").await, 1, "the one that was held");
}

#[tokio::test]
async fn a_candidate_of_an_ambiguous_match_is_chosen_once_and_only_if_free() {
    let club = club();
    let id = club.put(anna()).await;
    club.plan().await;
    let row = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 1)).await[0].id;
    let candidate = |user: &str| Candidate {
        user_id: user.to_owned(),
        facility_user_id: format!("f{user}"),
        email: Some("a***@example.org".to_owned()),
    };
    let attempt = Attempt {
        person: id,
        kind: FactKind::Person,
        outcome: RowOutcome::Never("ambiguous match: 2 candidates".to_owned()),
        cause: Some(Cause::Ambiguous),
        told: None,
        candidates: vec![candidate("u-1"), candidate("u-2")],
    };
    club.write(move |tx| {
        tx.settle(&[(row, attempt.outcome.clone())], at("10:01"))?;
        tx.note_attempts(&name(LANE), std::slice::from_ref(&attempt), at("10:01"))
    })
    .await;
    assert_eq!(club.state().await, (SyncState::CreationFailed, Some(Cause::Ambiguous)));
    let choose = async |candidate: &'static str| {
        club.write(move |tx| tx.choose_match(&name("M-1"), candidate, "Sara", at("11:00"))).await
    };
    assert!(choose("fu-9").await.is_err(), "nobody of that id was found");
    let other = club.put(Person { first_name: "Bruna".to_owned(), ..person("M-2", "B2") }).await;
    let taken = Link {
        user_id: "u-1".to_owned(),
        facility_user_id: "fu-1".to_owned(),
        permanent_token: None,
        linked_at: at("09:30"),
    };
    club.write(move |tx| tx.save_link(&name(LANE), other, &taken)).await;
    let refused = choose("fu-1").await.expect_err("M-2 is that one");
    assert_eq!(refused.to_string(), "this candidate is linked to M-2 already");
    assert_eq!(choose("fu-2").await, Ok(SyncState::ToUpdate));
    assert_eq!(club.read(move |view| view.candidates(id)).await, []);
    club.plan().await;
    assert!(club.marks().await.contains(&FactKind::Person), "the row that was refused is tried again");
}

#[tokio::test]
async fn the_history_keeps_the_newest_twenty_and_what_is_old_goes() {
    let club = club();
    club.enabled().await;
    for _ in 0..15 {
        club.command(Command::Suspend, HeldVisits::Send).await.expect("it goes");
        club.command(Command::Enable, HeldVisits::Send).await.expect("it ends");
    }
    let history = club.read(|view| view.sync_details(&name("M-1"))).await.expect("Anna is known").history;
    assert_eq!((history.len(), history[0].what.as_str()), (20, "enable"));
    let keep = Retention { sync_history: std::time::Duration::ZERO, ..Retention::default() };
    assert_eq!(club.write(move |tx| tx.prune(&keep, at("12:00"), 100)).await, 20);
}

#[tokio::test]
async fn another_photo_or_badge_is_planned_for_who_is_known_there_and_only_where_it_is_told() {
    let club = club();
    let id = club.enabled().await;
    let all = || Rules { send: [rules().send, vec![FactKind::Photo, FactKind::Badge]].concat(), ..rules() };
    let photo = |taken_at| Some(Photo { taken_at, jpeg_base64: "/9j/".to_owned() });
    let with = |credential: &str, taken_at| Person {
        credentials: person("M-1", credential).credentials,
        allow_photo_publish: Some(true),
        photo: photo(taken_at),
        ..anna()
    };
    club.put(with("B2", at("08:00"))).await;
    assert_eq!(club.plan().await, Planned { looked_at: 1, up_to_date: 1, ..Planned::default() }, "neither is told");
    let differing = async |rules: Rules| {
        club.read(move |view| view.differing_people(PersonId(0), 9, (&rules, Occasion::Night), &noon(TODAY))).await.1
    };
    assert_eq!(differing(rules()).await, []);
    assert_eq!(differing(all()).await, [id], "the comparison finds what nobody was told yet");
    club.write(move |tx| tx.make_due(&[id])).await;
    club.plan_by(all()).await;
    assert_eq!(
        (club.state().await.0, club.marks().await),
        (SyncState::Enabled, vec![FactKind::Photo, FactKind::Badge])
    );
    club.answer(FactKind::Badge, RowOutcome::Delivered, Some(r#"{"badge":"B2"}"#.to_owned())).await;
    let told = serde_json::to_string(&PhotoTold { taken_at: Some(at("08:00")) }).expect("plain data");
    club.answer(FactKind::Photo, RowOutcome::Delivered, Some(told)).await;
    assert_eq!((club.state().await, club.marks().await), ((SyncState::Enabled, None), vec![]));
    assert_eq!(differing(all()).await, []);

    club.put(with("B2", at("08:30"))).await;
    assert_eq!(club.state().await.0, SyncState::ToUpdate);
    club.plan_by(all()).await;
    assert_eq!(club.marks().await, [FactKind::Photo]);
    club.put(with("C3", at("08:30"))).await;
    club.plan_by(all()).await;
    assert_eq!(club.marks().await, [FactKind::Photo, FactKind::Badge]);
    club.answer(FactKind::Photo, RowOutcome::Never("refused: too large".to_owned()), None).await;
    assert_eq!(club.state().await, (SyncState::InError, Some(Cause::Refused)));
}

#[tokio::test]
async fn the_comparison_finds_who_differs_and_nobody_else() {
    let club = club();
    let id = club.enabled().await;
    club.put(Person { email: None, ..Person { external_id: name("M-2"), credentials: Vec::new(), ..anna() } }).await;
    club.plan().await;
    let differing = async |today: Date, rules: Rules| {
        club.read(move |view| view.differing_people(PersonId(0), 100, (&rules, Occasion::Night), &noon(today))).await
    };
    let (compared, found, _) = differing(TODAY, rules()).await;
    assert_eq!((compared, found), (2, vec![]), "who is known there, and who is incomplete");
    let frozen = json!([{"id": "gold", "kind": "subscription", "gives_membership": true,
        "frozen": {"from": "2026-12-24"}, "auto_renew": true}]);
    club.put(Person { memberships: serde_json::from_value(frozen).expect("a membership"), ..anna() }).await;
    club.plan().await;
    assert_eq!(differing(TODAY, rules()).await.1, [], "not frozen yet");
    assert_eq!(differing(date(2026, 12, 24), rules()).await.1, [id], "nobody saved anything on that day");
}
