//! Durable passages a second, each with its visit, presence and outbox rows, beside a bare loop that commits two rows
//! in groups as large: what the store's own work costs.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use jiff::{Span, Timestamp};
use rusqlite::{Connection, params};
use shared::{Club, open_day, policy, table};
use varco::domain::{
    Audience, ClockQuality, Decision, Direction, FactKind, Grant, GrantKind, LanePlan, Origin, Passage, PassageId,
    PassageOutcome, PersonId, Policy, Verdict, Way,
};

/// Passages measured with each number of gates.
const PASSAGES: usize = 20_000;
/// Rows in one transaction of the bare loop at most: as many as the store's writer takes.
const GROUP_MAX: usize = 512;

#[tokio::main]
async fn main() {
    let mut rows = Vec::new();
    for gates in [1_usize, 8, 64, 256] {
        let bare = bare_loop(gates);
        let ours = passages(gates).await;
        rows.push(vec![gates.to_string(), format!("{ours:.0}"), format!("{bare:.0}"), format!("{:.2}", ours / bare)]);
    }
    table(
        "Durable passages a second (passage + new visit + presence + two outbox rows), by gates recording at once",
        &["gates", "varco, passages/s", "bare SQLite loop, 2 rows and an index, events/s", "ratio"],
        &rows,
    );
}

async fn passages(gates: usize) -> f64 {
    let club = Club::of(PASSAGES).await;
    let plan = LanePlan {
        lane: "mqtt".parse().expect("a name"),
        facts: vec![FactKind::Visit, FactKind::Passage],
        audience: Audience::Everybody,
    };
    let (policy, lanes) = (Arc::new(policy()), Arc::new([plan]));
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..gates {
        let (store, policy, lanes, next) =
            (club.store.clone(), Arc::clone(&policy), Arc::clone(&lanes), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= PASSAGES {
                    return;
                }
                let (policy, lanes, passage) = (Arc::clone(&policy), Arc::clone(&lanes), entry(number, &policy));
                let record = move |tx: &varco::store::Tx<'_>| tx.record(&passage, &policy, &*lanes);
                let recorded = store.write_through("recording a passage", record).await.expect("it is durable");
                assert!(recorded.new_visit.is_some(), "a first entry is a new visit");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    PASSAGES as f64 / begun.elapsed().as_secs_f64()
}

/// The first entry of the member with a number.
fn entry(number: usize, policy: &Policy) -> Passage {
    let reader = policy.readers.values().next().expect("the policy has a reader");
    let at: Timestamp = open_day() + Span::new().milliseconds(i64::try_from(number).expect("a small number"));
    // Members are rows 1, 2, 3 … of a fresh store.
    let person = PersonId(i64::try_from(number).expect("a small number") + 1);
    let grant = Grant { kind: GrantKind::Member, entitlement: None, enters: None };
    let verdict = Verdict::Grant(grant);
    Passage {
        id: PassageId(uuid::Uuid::now_v7()),
        at,
        clock: ClockQuality::Synced,
        gate: reader.gate.clone(),
        reader: Some(reader.id.clone()),
        direction: Some(Direction::In),
        way: Way::In,
        outcome: PassageOutcome::Passed,
        person: Some(person),
        unknown_badge: None,
        decision: Some(Decision {
            verdict,
            person: Some(person),
            way: Way::In,
            at,
            texts: Vec::new(),
            trace: Vec::new(),
        }),
        shown: Vec::new(),
        origin: Origin::Agent,
    }
}

/// Events a second of a thread that commits what `gates` others have sent it, and answers each: the least that a durable
/// store with group commit must do.
fn bare_loop(gates: usize) -> f64 {
    type Answer = std::sync::mpsc::SyncSender<()>;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bare.db");
    let (send, receive) = std::sync::mpsc::sync_channel::<(usize, Answer)>(GROUP_MAX);
    let writer = std::thread::spawn(move || {
        let db = Connection::open(path).expect("the file opens");
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE visit (id INTEGER PRIMARY KEY, key TEXT UNIQUE, at INTEGER) STRICT;
             CREATE TABLE outbox (id INTEGER PRIMARY KEY, body TEXT) STRICT;",
        )
        .expect("the tables are made");
        while let Ok(first) = receive.recv() {
            db.execute_batch("BEGIN IMMEDIATE").expect("it begins");
            let group: Vec<_> = std::iter::once(first).chain(receive.try_iter().take(GROUP_MAX - 1)).collect();
            for (number, _) in &group {
                let mut visit = db.prepare_cached("INSERT INTO visit (key, at) VALUES (?1, ?2)").expect("it is SQL");
                visit
                    .execute(params![format!("key-{number}"), i64::try_from(*number).expect("small")])
                    .expect("it inserts");
                let mut outbox = db.prepare_cached("INSERT INTO outbox (body) VALUES (?1)").expect("it is SQL");
                outbox.execute(params!["x".repeat(300)]).expect("it inserts");
            }
            db.execute_batch("COMMIT").expect("it commits");
            group.into_iter().for_each(|(_, answer)| answer.send(()).expect("the gate waits"));
        }
    });
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let gates: Vec<_> = (0..gates)
        .map(|_| {
            let (send, next) = (send.clone(), Arc::clone(&next));
            std::thread::spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= PASSAGES {
                        return;
                    }
                    let (answer, answered) = std::sync::mpsc::sync_channel(1);
                    send.send((number, answer)).expect("the writer listens");
                    answered.recv().expect("the writer answers");
                }
            })
        })
        .collect();
    gates.into_iter().for_each(|gate| gate.join().expect("a gate's thread ends well"));
    let rate = PASSAGES as f64 / begun.elapsed().as_secs_f64();
    drop(send);
    writer.join().expect("the writer ends well");
    rate
}
