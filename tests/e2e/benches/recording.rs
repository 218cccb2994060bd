//! Durable passages a second, each with its visit, presence and outbox rows, beside two bare loops that commit in groups as
//! large: one writes the same rows without deciding anything, the other the least there is, two rows and an index.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod shared;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use jiff::Span;
use rusqlite::{Connection, params};
use shared::club::{Club, entry, open_day, policy, store_in};
use shared::{machine, table};
use varco::clock::Clock;
use varco::domain::{Audience, FactKind, LanePlan};
use varco::store::Store;

/// Passages measured with each number of gates.
const PASSAGES: usize = 10_000;
/// Each is measured so often, in turns, and the median counts: the machine may be busy with something else.
const ROUNDS: usize = 3;
/// Bytes of an outbox row's body, about as many as a visit's.
const BODY_BYTES: usize = 300;
/// Events in one transaction of the bare loop at most: as many as the store's writer takes.
const GROUP_MAX: usize = 512;

#[tokio::main]
async fn main() {
    let mut rows = Vec::new();
    for gates in [1_usize, 8, 64, 256] {
        let [mut ours, mut same, mut least] = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            ours.push(passages(gates).await);
            same.push(bare_loop(gates, our_tables, our_rows));
            least.push(bare_loop(gates, two_tables, two_rows));
        }
        let [ours, same, least] = [ours, same, least].map(median);
        let rates = [ours, same, least].map(|rate| format!("{rate:.0}"));
        let ratios = [ours / same, ours / least].map(|ratio| format!("{ratio:.2}"));
        rows.push([vec![gates.to_string()], rates.to_vec(), ratios.to_vec()].concat());
    }
    machine::describe();
    table(
        "Durable passages a second (passage + new visit + presence + two outbox rows), by gates recording at once",
        &[
            "gates",
            "varco",
            "bare loop, the same rows",
            "bare loop, 2 rows and an index",
            "÷ same rows",
            "÷ 2 rows (goal ≥ 0.7)",
        ],
        &rows,
    );
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
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
                let at = open_day() + Span::new().milliseconds(i64::try_from(number).expect("a small number"));
                let (policy, lanes, passage) = (Arc::clone(&policy), Arc::clone(&lanes), entry(number, at, &policy));
                let record = move |tx: &varco::store::Tx<'_>| tx.record(&passage, &policy, &*lanes, at);
                let recorded = store.write_through("recording a passage", record).await.expect("it is durable");
                assert!(recorded.new_visit.is_some(), "a first entry is a new visit");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    PASSAGES as f64 / begun.elapsed().as_secs_f64()
}

/// Writes what one event comes to.
type Write = fn(&Connection, i64) -> rusqlite::Result<()>;

/// A database with two tables and one index.
fn two_tables(path: &Path) -> Connection {
    let db = Connection::open(path).expect("the file opens");
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE visit (id INTEGER PRIMARY KEY, key TEXT UNIQUE, at INTEGER) STRICT;
         CREATE TABLE outbox (id INTEGER PRIMARY KEY, body TEXT) STRICT;",
    )
    .expect("the tables are made");
    db
}

/// The least there is to write: a visit with its key, and a body for the upstream.
fn two_rows(db: &Connection, number: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO visit (key, at) VALUES (?1, ?2)")?
        .execute(params![format!("key-{number}"), number])?;
    db.prepare_cached("INSERT INTO outbox (body) VALUES (?1)")?.execute(params!["x".repeat(BODY_BYTES)])?;
    Ok(())
}

/// A fresh store, in SQLite's hands alone.
fn our_tables(path: &Path) -> Connection {
    let folder = path.parent().expect("a file is in a folder");
    drop(Store::open(&store_in(folder), Clock::system()).expect("the store opens"));
    let db = Connection::open(folder.join("varco.db")).expect("the file opens");
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").expect("settings");
    db
}

/// The rows that the store writes for a first entry, with all their indexes, and nothing looked up or decided.
fn our_rows(db: &Connection, number: i64) -> rusqlite::Result<()> {
    let key = uuid::Uuid::now_v7();
    let id = key.as_bytes().as_slice();
    db.prepare_cached(
        "INSERT INTO visit (id, person, started_at, reader, gate, zone, club_day, clock, entries_taken, overdrawn)
         VALUES (?1, ?2, ?2, 'entry-1', 'turnstile-1', 'gym', '2026-06-02', 'synced', 0, 0)",
    )?
    .execute(params![id, number])?;
    db.prepare_cached("INSERT INTO presence (person, zone, since) VALUES (?1, 'gym', ?1)")?.execute([number])?;
    db.prepare_cached(
        "INSERT INTO passage (id, at, clock, gate, reader, direction, way, outcome, reasons, person, visit, trace)
         VALUES (?1, ?2, 'synced', 'turnstile-1', 'entry-1', 'in', 'in', 'passed', '[]', ?2, ?1, '[]')",
    )?
    .execute(params![id, number])?;
    for kind in ["passage", "visit"] {
        db.prepare_cached(
            "INSERT INTO outbox (lane, kind, key, person, state, written_at, changed_at, body)
             VALUES ('mqtt', ?1, ?2, ?3, 'pending', ?3, ?3, ?4)",
        )?
        .execute(params![kind, key.to_string(), number, "x".repeat(BODY_BYTES)])?;
    }
    Ok(())
}

/// Events a second of a thread that commits what `gates` others have sent it, and answers each: the least that a durable
/// store with group commit must do.
fn bare_loop(gates: usize, open: fn(&Path) -> Connection, write: Write) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = open(&folder.path().join("bare.db"));
    let (send, receive) = sync_channel(GROUP_MAX);
    let writer = thread::spawn(move || commit_in_groups(&db, &receive, write).expect("SQLite writes"));
    let next = AtomicI64::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..gates {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || send_in_turn(&send, next));
        }
    });
    let rate = PASSAGES as f64 / begun.elapsed().as_secs_f64();
    drop(send);
    writer.join().expect("the writer ends well");
    rate
}

/// An event, and where its answer goes.
type Event = (i64, SyncSender<()>);

fn commit_in_groups(db: &Connection, events: &Receiver<Event>, write: Write) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(64);
    while let Ok(first) = events.recv() {
        let group: Vec<_> = std::iter::once(first).chain(events.try_iter().take(GROUP_MAX - 1)).collect();
        db.execute_batch("BEGIN IMMEDIATE")?;
        group.iter().try_for_each(|(number, _)| write(db, *number))?;
        db.execute_batch("COMMIT")?;
        group.into_iter().for_each(|(_, answer)| answer.send(()).expect("the gate waits"));
    }
    Ok(())
}

/// One gate: an event, its answer, the next.
fn send_in_turn(events: &SyncSender<Event>, next: &AtomicI64) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= PASSAGES as i64 {
            return;
        }
        let (answer, answered) = sync_channel(1);
        events.send((number, answer)).expect("the writer listens");
        answered.recv().expect("the writer answers");
    }
}
