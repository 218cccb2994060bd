//! One flush serves everybody who waits, one failure harms nobody else, and a full disk loses no passage.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use tokio::task::JoinSet;

use super::*;
use crate::store::StoreState;
use crate::store::error::during;
use crate::store::queue::{CALLERS_MAX, THROUGH_MAX};

/// Keeps the writer busy until released, so that what is queued meanwhile goes into one group.
struct Blocker {
    release: mpsc::SyncSender<()>,
    job: tokio::task::JoinHandle<()>,
}

async fn block(store: &Store) -> Blocker {
    let (release, released) = mpsc::sync_channel(1);
    let (started, has_started) = tokio::sync::oneshot::channel();
    let (store, mut started, released) = (store.clone(), Some(started), Mutex::new(released));
    let job = tokio::spawn(async move {
        let blocked = store.write_through("blocking", move |_| {
            // A group that is undone runs again, and then nothing is left to wait for.
            let Some(started) = started.take() else { return Ok(()) };
            started.send(()).expect("the story waits for it");
            released.lock().expect("one user").recv().expect("the story releases it");
            Ok(())
        });
        blocked.await.expect("nothing fails");
    });
    has_started.await.expect("the job starts");
    Blocker { release, job }
}

impl Blocker {
    async fn release(self) {
        self.release.send(()).expect("the job waits");
        self.job.await.expect("the job ends well");
    }
}

fn a_bug() -> u64 {
    panic!("a bug")
}

fn put(store: &Store, id: &'static str) -> impl Future<Output = Result<bool, StoreError>> {
    store.write("putting", move |tx| tx.put_person(&person(id, id), at("09:00")))
}

#[tokio::test]
async fn a_job_that_fails_or_breaks_is_undone_and_harms_no_other_of_its_group() {
    let club = club();
    let store = &club.store;
    let blocker = block(store).await;
    let fails = store.write("failing", |tx| {
        tx.put_person(&person("M-2", "A2"), at("09:00"))?;
        Err::<(), _>(StoreError::Unreadable { what: "a story".to_owned(), why: "it says so".to_owned() })
    });
    let breaks = store.write("breaking", |tx| {
        tx.put_person(&person("M-3", "A3"), at("09:00"))?;
        Ok(a_bug())
    });

    let (first, failed, broke, last, ()) =
        tokio::join!(put(store, "M-1"), fails, breaks, put(store, "M-4"), blocker.release());

    assert!(first.is_ok() && last.is_ok());
    assert!(matches!(failed, Err(StoreError::Unreadable { .. })));
    assert!(matches!(broke, Err(StoreError::Broken { doing: "breaking" })));
    let there = club.read(|view| view.people(None, None, 10)).await;
    let there: Vec<_> = there.items.iter().map(|it| it.person.external_id.as_str()).collect();
    assert_eq!(there, ["M-1", "M-4"]);
}

#[tokio::test]
async fn what_waits_together_is_committed_together_and_told_once() {
    let club = club();
    let mut changes = club.store.outbox_changes();
    let blocker = block(&club.store).await;
    changes.borrow_and_update();
    let enqueue = |key: &'static str| {
        club.store
            .write("enqueueing", move |tx| tx.enqueue(&name("mqtt"), FactKind::Alarm, key, None, "{}", at("09:00")))
    };

    let (a, b, c, ()) = tokio::join!(enqueue("a"), enqueue("b"), enqueue("c"), blocker.release());

    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(*changes.borrow_and_update(), 1);
}

#[tokio::test]
async fn a_passage_goes_ahead_of_every_ordinary_write_that_waits() {
    let club = club();
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let order = order.clone();
        move |_: &Tx<'_>| {
            order.lock().expect("one writer").push(what);
            Ok(())
        }
    };
    let blocker = block(&club.store).await;

    let (a, b, passage, ()) = tokio::join!(
        club.store.write("a", note("import")),
        club.store.write("b", note("import")),
        club.store.write_through("c", note("passage")),
        blocker.release()
    );

    assert!(a.is_ok() && b.is_ok() && passage.is_ok());
    assert_eq!(*order.lock().expect("done"), ["passage", "import", "import"]);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_take_the_write_along() {
    let club = club();
    let blocker = block(&club.store).await;
    {
        let mut leaving = pin!(put(&club.store, "M-1"));
        let polled = poll_fn(|cx| Poll::Ready(leaving.as_mut().poll(cx).is_pending())).await;
        assert!(polled, "it waits for the writer");
    }

    blocker.release().await;
    club.write(|_| Ok(())).await;

    assert_eq!(club.read(|view| view.people_count()).await, 1);
}

#[tokio::test]
async fn a_look_sees_one_moment_and_one_that_breaks_stops_no_other() {
    let club = club();
    let (seen, has_seen) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = mpsc::sync_channel(1);
    let looking = club.store.read("looking", move |view| {
        let before = view.people_count()?;
        seen.send(()).expect("the story waits");
        may_go_on.recv().expect("the story goes on");
        Ok((before, view.people_count()?))
    });
    let writing = async {
        has_seen.await.expect("the look began");
        put(&club.store, "M-1").await.expect("readers hold no writer up");
        go_on.send(()).expect("the look waits");
    };

    let (looked, ()) = tokio::join!(looking, writing);

    assert_eq!(looked.expect("a look"), (0, 0));
    let broke = club.store.read("breaking", |_| Ok(a_bug())).await;
    assert!(matches!(broke, Err(StoreError::Broken { doing: "breaking" })));
    assert_eq!(club.read(|view| view.people_count()).await, 1);
}

/// Lets the file grow by so many pages and no more, as a full disk would.
fn leave_pages(tx: &Tx<'_>, pages: i64) -> Result<(), StoreError> {
    during("limiting the file", || {
        let used: i64 = tx.sql("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
        tx.all(&format!("PRAGMA max_page_count = {}", used + pages), [], |_| Ok(()))
    })
    .map(drop)
}

fn write_a_mebibyte(tx: &Tx<'_>) -> Result<(), StoreError> {
    tx.enqueue(&name("mqtt"), FactKind::Alarm, "big", None, &"x".repeat(1 << 20), at("09:00"))
}

#[tokio::test]
async fn a_full_disk_refuses_imports_keeps_passages_and_recovers_by_itself() {
    let club = club();
    let ballast = club.folder.path().join("varco.db.ballast");
    let mut states = club.store.states();
    club.write(|tx| leave_pages(tx, 8)).await;
    assert!(ballast.exists());

    let refused = club.store.write("importing", write_a_mebibyte).await;
    assert!(matches!(refused, Err(StoreError::Full { doing: "committing" | "adding an outbox row" })), "{refused:?}");
    assert_eq!(club.store.state(), StoreState::Full);
    assert!(!ballast.exists(), "its space is for passages");
    assert!(matches!(put(&club.store, "M-1").await, Err(StoreError::Full { .. })), "refused at once");

    // The disk has space again when the passage is tried for the third time.
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let kept = club.store.write_through("recording", move |tx| {
        if counted.fetch_add(1, Ordering::Relaxed) == 2 {
            leave_pages(tx, 10_000)?;
        }
        write_a_mebibyte(tx)
    });
    kept.await.expect("it is durable in the end");

    assert_eq!(tries.load(Ordering::Relaxed), 3);
    states.wait_for(|state| *state == StoreState::Ready).await.expect("the store lives");
    assert!(ballast.exists(), "the ballast is taken again first");
    put(&club.store, "M-1").await.expect("imports are welcome again");
    assert_eq!(club.number("SELECT count(*) FROM outbox").await, 1);
}

#[tokio::test]
async fn when_the_queue_of_passages_is_full_as_well_it_is_said_and_nothing_queued_is_lost() {
    let club = club();
    let full = Arc::new(AtomicBool::new(true));
    let record = |key: usize| {
        let (store, full) = (club.store.clone(), full.clone());
        async move {
            let recording = store.write_through("recording", move |tx| {
                if full.load(Ordering::Relaxed) {
                    return Err(StoreError::Full { doing: "a story" });
                }
                tx.enqueue(&name("mqtt"), FactKind::Alarm, &key.to_string(), None, "{}", at("09:00"))
            });
            recording.await
        }
    };
    let mut states = club.store.states();

    let first = tokio::spawn(record(0));
    states.wait_for(|state| *state == StoreState::Full).await.expect("the store lives");
    let queued: Vec<_> = (1..THROUGH_MAX).map(|key| tokio::spawn(record(key))).chain([first]).collect();
    states.wait_for(|state| *state == StoreState::Overflowing).await.expect("the store lives");
    assert!(matches!(record(THROUGH_MAX).await, Err(StoreError::Full { .. })));

    full.store(false, Ordering::Relaxed);
    for job in queued {
        job.await.expect("no panic").expect("durable in the end");
    }
    states.wait_for(|state| *state == StoreState::Ready).await.expect("the store lives");
    assert_eq!(club.number("SELECT count(*) FROM outbox").await, i64::try_from(THROUGH_MAX).expect("small"));
}

#[tokio::test]
async fn a_disk_that_hangs_gathers_only_so_many_callers() {
    let club = club();
    let blocker = block(&club.store).await;
    let room = THROUGH_MAX - 1 + CALLERS_MAX; // The blocker holds a slot.
    let too_many = 10;
    let mut callers = JoinSet::new();
    for _ in 0..room + too_many {
        let store = club.store.clone();
        callers.spawn(async move { store.write_through("recording", |_| Ok(())).await });
    }

    for _ in 0..too_many {
        let refused = callers.join_next().await.expect("callers are left").expect("no panic");
        assert!(matches!(refused, Err(StoreError::Full { doing: "recording" })), "{refused:?}");
    }
    blocker.release().await;
    let served = callers.join_all().await;
    assert_eq!(served.len(), room);
    assert!(served.iter().all(Result::is_ok), "whoever was let in is served");
}

#[tokio::test]
async fn an_import_beside_the_running_agent_is_waited_for_and_its_rows_are_noticed() {
    let club = club();
    let mut changes = club.store.outbox_changes();
    let import = Store::open(&config(&club.folder), Clock::system()).expect("a second process may open it");
    let blocker = block(&import).await;

    let (put, ()) = tokio::join!(put(&club.store, "M-1"), blocker.release());
    put.expect("the lock was waited for");
    import
        .write("enqueueing", |tx| tx.enqueue(&name("mqtt"), FactKind::Alarm, "a", None, "{}", at("09:00")))
        .await
        .expect("both write in turn");

    changes.changed().await.expect("the store lives");
    import.close().await;
}

#[tokio::test]
async fn a_close_finishes_what_is_queued_and_answers_what_comes_later() {
    let club = club();
    let blocker = block(&club.store).await;

    let (written, (), ()) =
        tokio::join!(put(&club.store, "M-1"), async { club.store.close().await }, blocker.release());

    written.expect("it was queued before the close");
    assert!(matches!(put(&club.store, "M-2").await, Err(StoreError::Closed { .. })));
    assert!(matches!(club.store.read("looking", |view| view.people_count()).await, Err(StoreError::Closed { .. })));
    let again = Store::open(&config(&club.folder), Clock::system()).expect("the store opens again");
    assert_eq!(again.read("counting", |view| view.people_count()).await.expect("a look"), 1);
}
