//! The whole MQTT lane with real parts: the store on a disk, a Mosquitto that dies, a connection that is cut.

#![allow(clippy::unwrap_used, reason = "a panic in a test is a failed test with a line number")]

#[path = "mqtt_lane/broker.rs"]
mod broker;
#[path = "mqtt_lane/central.rs"]
mod central;
#[path = "mqtt_lane/certificates.rs"]
mod certificates;
#[path = "mqtt_lane/proxy.rs"]
mod proxy;

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use broker::Broker;
use central::{Central, Kept, Receipts};
use proxy::Proxy;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use varco::clock::Clock;
use varco::domain::{FactKind, LaneId, LaneSummary, Person};
use varco::mqtt::{self, Confirm, Mqtt};
use varco::outbox::{self, LaneStatus};
use varco::store::{self, Store};

const ANYBODY: &str = "allow_anonymous true";

/// A club whose lane runs.
struct Club {
    folder: TempDir,
    store: Store,
    clock: Clock,
    lane: LaneId,
}

struct RunningLane {
    tasks: Vec<JoinHandle<()>>,
    status: watch::Receiver<LaneStatus>,
    cancel: CancellationToken,
}

impl Club {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let config = store::Config {
            path: folder.path().join("varco.db"),
            keep: varco::store::Retention::default(),
            ballast_bytes: 64 * 1024,
        };
        let store = Store::open(&config, clock.clone()).unwrap();
        Self { folder, store, clock, lane: "mqtt".parse().unwrap() }
    }

    /// Writes visits numbered `from..to` to the outbox.
    async fn visits(&self, from: u32, to: u32) {
        let (lane, now) = (self.lane.clone(), self.clock.now().wall);
        let write = self.store.write("writing visits of a test", move |tx| {
            (from..to).try_for_each(|n| tx.enqueue(&lane, FactKind::Visit, &id(n), None, &body(n), now))
        });
        write.await.unwrap();
    }

    fn config(&self, port: u16, confirm: Confirm) -> mqtt::Config {
        mqtt::Config {
            host: "127.0.0.1".into(),
            port,
            tls: None,
            client_id: "club".into(),
            login: None,
            topic_prefix: "varco/v1".into(),
            site: "club".parse().unwrap(),
            include_person: false,
            confirm,
            commands: false,
        }
    }

    fn run(&self, config: mqtt::Config) -> RunningLane {
        let cancel = CancellationToken::new();
        let (status, shown) = watch::channel(LaneStatus::starting(self.lane.clone()));
        let deliver = Mqtt::new(config.clone(), self.clock.clone());
        let (lane, store, clock) = (self.lane.clone(), self.store.clone(), self.clock.clone());
        let receipts = mqtt::run_inbound(lane.clone(), config, None, store.clone(), clock.clone(), cancel.clone());
        let sending = outbox::run(lane, deliver, store, clock, status, cancel.clone());
        RunningLane { tasks: vec![tokio::spawn(sending), tokio::spawn(receipts)], status: shown, cancel }
    }

    async fn summary(&self) -> LaneSummary {
        let lane = self.lane.clone();
        let lanes = self.store.read("looking at a lane", move |view| view.lanes(&[lane])).await.unwrap();
        lanes.into_iter().next().expect("a configured lane has a summary")
    }

    /// Waits until the store says so of the lane.
    async fn until(&self, what: &str, holds: impl Fn(&LaneSummary) -> bool) {
        for _ in 0..3_000 {
            if holds(&self.summary().await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what} did not happen: {:?}", self.summary().await);
    }

    async fn until_delivered(&self, rows: u64) {
        let all = |lane: &LaneSummary| (lane.delivered, lane.waiting, lane.sent, lane.parked) == (rows, 0, 0, 0);
        self.until(&format!("delivery of {rows} rows"), all).await;
    }
}

impl RunningLane {
    async fn until(&mut self, what: &str, holds: impl FnMut(&LaneStatus) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.status.wait_for(holds)).await;
        waited.unwrap_or_else(|_| panic!("{what} did not happen")).expect("the lane runs");
    }

    /// Ends in order, as at SIGTERM.
    async fn end(self) {
        self.cancel.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// Ends as a process does that is killed.
    fn kill(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn id(n: u32) -> String {
    format!("01932d5e-7c00-7000-8000-{n:012}")
}

fn body(n: u32) -> String {
    format!(
        r#"{{"visit_id":"{}","person":"M-{n}","started_at":"2026-11-21T08:00:00Z","reader":"entry-1","gate":"turnstile-1",
        "zone":"gym","club_day":"2026-11-21","clock":"synced","membership":"S-1","entries_taken":0}}"#,
        id(n)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_waiting_visits_arrive_once_each_and_in_order() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    club.visits(0, 5_000).await;
    let lane = club.run(club.config(broker.port, Confirm::Puback));
    central.until("the backlog", |seen| seen.facts >= 5_000).await;
    club.until_delivered(5_000).await;
    club.visits(5_000, 5_001).await;
    central.until("a visit written while the lane is idle", |seen| seen.facts >= 5_001).await;
    club.until_delivered(5_001).await;
    assert_eq!(central.seen.ids, (0..5_001).map(id).collect::<Vec<_>>());
    assert_eq!(central.seen.repeats(), 0);
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_in_the_middle_of_a_burst_lose_nothing_and_repeat_at_most_a_window_each() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let proxy = Proxy::start(broker.port, 4, 300_000).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    club.visits(0, 5_000).await;
    let lane = club.run(club.config(proxy.port, Confirm::Puback));
    central.until("the backlog", |seen| seen.ids.len() == 5_000).await;
    club.until_delivered(5_000).await;
    assert_eq!(proxy.cuts_made.load(Ordering::SeqCst), 4);
    assert_eq!(central.seen.ids, (0..5_000).map(id).collect::<Vec<_>>(), "first arrivals keep their order");
    assert!(central.seen.repeats() <= 4 * 512, "{} repeats", central.seen.repeats());
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_forgets_everything_loses_nothing_for_a_club_that_waits_for_receipts() {
    let club = Club::open();
    let mut broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Given).await;
    club.visits(0, 5_000).await;
    let mut lane = club.run(club.config(broker.port, Confirm::Receipt { timeout: Duration::from_secs(2) }));
    central.until("the first thousand", |seen| seen.facts >= 1_000).await;
    broker.kill();
    lane.until("noticing the loss", |status| status.online_since.is_none()).await;
    broker.start_again().await;
    lane.until("coming back", |status| status.online_since.is_some()).await;
    central.until("all of them", |seen| seen.ids.len() == 5_000).await;
    club.until_delivered(5_000).await;
    assert_eq!(central.seen.ids.iter().cloned().collect::<HashSet<_>>(), (0..5_000).map(id).collect());
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_killed_in_the_middle_of_a_drain_goes_on_where_the_store_stands() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    club.visits(0, 5_000).await;
    for enough in [500, 1_500, 3_000] {
        let lane = club.run(club.config(broker.port, Confirm::Puback));
        central.until("some of them", |seen| seen.facts >= enough).await;
        lane.kill();
    }
    let lane = club.run(club.config(broker.port, Confirm::Puback));
    central.until("all of them", |seen| seen.ids.len() == 5_000).await;
    club.until_delivered(5_000).await;
    assert_eq!(central.seen.ids, (0..5_000).map(id).collect::<Vec<_>>());
    assert!(central.seen.repeats() <= 3 * 512, "{} repeats", central.seen.repeats());
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_whose_receipt_is_missing_are_published_again_until_it_comes() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    club.visits(0, 2).await;
    let lane = club.run(club.config(broker.port, Confirm::Receipt { timeout: Duration::from_millis(500) }));
    central.until("each visit three times", |seen| seen.facts >= 6).await;
    assert_eq!(club.summary().await.delivered, 0, "the broker's word alone makes nothing done");
    for bad in ["", "no json", r#"{"ids":7}"#, r#"{"ids":["nobody knows this one"]}"#] {
        central.say_on_the_receipt_topic(bad, Kept::Passing).await;
    }
    let both = format!(r#"{{"ids":["{}","{}"]}}"#, id(0), id(1));
    central.say_on_the_receipt_topic(both, Kept::Passing).await;
    club.until_delivered(2).await;
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retained_receipt_is_refused() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    let stale = format!(r#"{{"ids":["{}"]}}"#, id(0));
    central.say_on_the_receipt_topic(stale, Kept::Retained).await;
    club.visits(0, 2).await;
    let lane = club.run(club.config(broker.port, Confirm::Receipt { timeout: Duration::from_millis(500) }));
    central.until("each visit twice", |seen| seen.facts >= 4).await;
    // A live receipt for the second row comes behind the retained one, and is taken.
    let live = format!(r#"{{"ids":["{}"]}}"#, id(1));
    central.say_on_the_receipt_topic(live, Kept::Passing).await;
    club.until("the live receipt", |lane| lane.delivered > 0).await;
    assert_eq!(club.summary().await.delivered, 1);
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_too_large_to_take_does_not_shut_out_those_behind_it() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    club.visits(0, 1).await;
    let lane = club.run(club.config(broker.port, Confirm::Receipt { timeout: Duration::from_millis(500) }));
    central.until("the visit twice, so that receipts are awaited", |seen| seen.facts >= 2).await;
    central.say_on_the_receipt_topic(vec![b'x'; 2 << 20], Kept::Passing).await;
    let receipt = format!(r#"{{"ids":["{}"]}}"#, id(0));
    // What the broker kept for us is forgotten together with the large one; a central system that sees the visit again
    // gives its receipt again.
    for _ in 0..600 {
        central.say_on_the_receipt_topic(receipt.clone(), Kept::Passing).await;
        if club.summary().await.delivered == 1 {
            return lane.end().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no receipt is taken any more: {:?}", club.summary().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_topic_says_online_then_offline_both_after_an_orderly_end_and_after_a_kill() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    let lane = club.run(club.config(broker.port, Confirm::Puback));
    central.until("online", |seen| seen.statuses == [true]).await;
    lane.end().await;
    central.until("goodbye", |seen| seen.statuses == [true, false]).await;
    let lane = club.run(club.config(broker.port, Confirm::Puback));
    central.until("online again", |seen| seen.statuses == [true, false, true]).await;
    lane.kill();
    central.until("the last will", |seen| seen.statuses == [true, false, true, false]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_can_never_be_published_is_parked_and_the_others_go() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    let (lane_id, now) = (club.lane.clone(), club.clock.now().wall);
    let large = format!(r#"{{"at":"2026-11-21T08:00:00Z","what":"{}"}}"#, "x".repeat(200_000));
    let write = club.store.write("writing a row that is too large", move |tx| {
        tx.enqueue(&lane_id, FactKind::Alarm, "a-1", None, &large, now)
    });
    write.await.unwrap();
    club.visits(0, 3).await;
    let lane = club.run(club.config(broker.port, Confirm::Puback));
    central.until("the visits", |seen| seen.facts >= 3).await;
    club.until("parking", |lane| (lane.waiting, lane.parked, lane.delivered) == (0, 1, 3)).await;
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_says_in_words_what_is_wrong_with_the_broker() {
    let club = Club::open();
    let passwords = club.folder.path().join("passwords");
    std::fs::write(&passwords, "").unwrap();
    let extra = format!("allow_anonymous false\npassword_file {}", passwords.display());
    let broker = Broker::start(club.folder.path(), &extra).await;
    let config = club.config(broker.port, Confirm::Puback);
    let refused = mqtt::check(&config).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("broker 127.0.0.1:{} refuses the connection: this client is not authorized", broker.port)
    );
    let port = broker.port;
    drop(broker);
    let nobody = mqtt::check(&config).await.unwrap_err().to_string();
    assert!(nobody.starts_with(&format!("connection to broker 127.0.0.1:{port}: ")), "{nobody}");
    assert!(nobody.contains("refused"), "{nobody}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_looked_up_when_they_are_sent_so_that_an_erased_person_has_none() {
    let club = Club::open();
    let broker = Broker::start(club.folder.path(), ANYBODY).await;
    let mut central = Central::listen(broker.port, Receipts::Withheld).await;
    let now = club.clock.now().wall;
    let anna: Person =
        serde_json::from_str(r#"{"external_id":"M-0","first_name":"Anna","last_name":"Rossi"}"#).unwrap();
    let known = anna.external_id.clone();
    let write = club.store.write("writing a person and a visit", move |tx| {
        tx.put_person(&anna, now)?;
        let person = tx.person_id(&anna.external_id)?;
        tx.enqueue(&"mqtt".parse().unwrap(), FactKind::Visit, &id(0), person, &body(0), now)?;
        Ok(person)
    });
    let person = write.await.unwrap();
    let lane = club.run(mqtt::Config { include_person: true, ..club.config(broker.port, Confirm::Puback) });
    central.until("the visit with a name", |seen| seen.facts == 1).await;
    let data = &central.seen.newest["data"];
    assert_eq!(
        (&data["first_name"], &data["last_name"], &data["member_number"]),
        (&"Anna".into(), &"Rossi".into(), &"M-0".into())
    );
    let erase = club.store.write("erasing the person, who then has a late row", move |tx| {
        tx.erase_person(&known, now)?;
        tx.enqueue(&"mqtt".parse().unwrap(), FactKind::Visit, &id(1), person, &body(1), now)
    });
    erase.await.unwrap();
    central.until("the visit without", |seen| seen.facts == 2).await;
    assert_eq!(central.seen.newest["data"].get("first_name"), None);
    lane.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_both_sides_show_a_certificate_and_the_host_name_is_verified() {
    let club = Club::open();
    let files = certificates::make(club.folder.path());
    let extra = format!(
        "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n{ANYBODY}",
        files.ca.display(),
        files.broker.0.display(),
        files.broker.1.display()
    );
    let broker = Broker::start(club.folder.path(), &extra).await;
    let tls = mqtt::Tls { ca_file: Some(files.ca.clone()), client: Some(files.agent.clone()) };
    let config =
        mqtt::Config { host: "localhost".into(), tls: Some(tls.clone()), ..club.config(broker.port, Confirm::Puback) };
    club.visits(0, 100).await;
    let lane = club.run(config.clone());
    club.until_delivered(100).await;
    lane.end().await;

    let elsewhere = mqtt::Config { host: "127.0.0.1".into(), ..config.clone() };
    let refused = mqtt::check(&elsewhere).await.unwrap_err().to_string();
    assert!(refused.contains("not valid for name"), "{refused}");
    let unknown =
        mqtt::Config { tls: Some(mqtt::Tls { ca_file: Some(files.agent.0.clone()), ..tls.clone() }), ..config.clone() };
    let refused = mqtt::check(&unknown).await.unwrap_err().to_string();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
    let nameless = mqtt::Config { tls: Some(mqtt::Tls { client: None, ..tls.clone() }), ..config.clone() };
    assert!(mqtt::check(&nameless).await.is_err(), "the broker wants our certificate");
    let missing = club.folder.path().join("missing.pem");
    let broken = mqtt::Config { tls: Some(mqtt::Tls { ca_file: Some(missing.clone()), client: None }), ..config };
    let refused = mqtt::check(&broken).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("reading the authorities from {}: ", missing.display())), "{refused}");
}
