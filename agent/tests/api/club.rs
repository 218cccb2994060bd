//! A club with a console: a store in a folder of its own, gates that follow orders, a client for each role.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::civil::time;
use jiff::tz::TimeZone;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use varco::access::Texts;
use varco::clock::Clock;
use varco::console::{Config, Handles, Hook, NewToken, Proof, serve};
use varco::domain::*;
use varco::store::{Role, Store};
use varco::sync::{GroupMaster, Mode, Rules, Selection};
use varco::telemetry::start_metrics;
use varco::turnstile::{
    Desk, DoorStates, GATE_ORDERS_MAX, GateOrder, GateState, LaneLink, Opened, OrderRefused, ReaderState,
    SITE_EVENTS_MAX, SiteEvent,
};

pub(crate) struct Club {
    pub(crate) store: Store,
    pub(crate) address: SocketAddr,
    pub(crate) events: broadcast::Sender<SiteEvent>,
    pub(crate) ready: watch::Sender<bool>,
    /// What gates were told, in order.
    pub(crate) orders: Arc<Mutex<Vec<String>>>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<()>,
    client: reqwest::Client,
    tokens: BTreeMap<&'static str, String>,
    _folder: TempDir,
}

/// An answer: its status and its document, null if it has none.
pub(crate) type Answer = (u16, Value);

pub(crate) async fn club() -> Club {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let config = varco::store::Config {
        path: folder.path().join("varco.db"),
        keep: varco::store::Retention::default(),
        ballast_bytes: 64 * 1024,
    };
    let clock = Clock::system();
    let store = Store::open(&config, clock.clone()).unwrap();
    let orders = Arc::default();
    let (events, _) = broadcast::channel(SITE_EVENTS_MAX);
    let ready = watch::Sender::new(false);
    let handles = Handles {
        store: store.clone(),
        clock,
        policy: watch::Sender::new(Arc::new(policy())).subscribe(),
        texts: watch::Sender::new(Arc::new(Texts::default())).subscribe(),
        desk: Desk::new(store.clone()),
        gates: watch::Sender::new(Arc::new(gates(&orders))).subscribe(),
        doors: watch::Sender::new(doors()).subscribe(),
        sync: Some(Arc::new(rules())),
        lanes: watch::Sender::new(BTreeMap::from([("mqtt".parse().unwrap(), LaneLink::Connecting)])).subscribe(),
        plans: Arc::new([LanePlan {
            lane: "mywellness".parse().unwrap(),
            facts: vec![FactKind::Attendance],
            audience: Audience::KnownPeople,
        }]),
        hooks: hooks().into(),
        enquiries: None,
        events: events.clone(),
        metrics: start_metrics(),
        ready: ready.subscribe(),
    };
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    let config = Config { listen: "127.0.0.1:0".parse().unwrap(), behind_proxy: false, tls: None };
    let address = serve(&config, handles, &mut tasks, &stop).await.address.unwrap();
    let mut club = Club {
        store,
        address,
        events,
        ready,
        orders,
        stop,
        tasks,
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        tokens: BTreeMap::new(),
        _folder: folder,
    };
    for (name, role) in
        [("admin", Role::Admin), ("operator", Role::Operator), ("gateway", Role::Gateway), ("viewer", Role::Viewer)]
    {
        let token = NewToken::make().unwrap();
        let (hash, now) = (token.hash(), "2026-11-21T12:00:00Z".parse().unwrap());
        club.store.write("a story", move |tx| tx.insert_token(name, role, &hash, now)).await.unwrap();
        club.tokens.insert(name, token.reveal().to_owned());
    }
    club
}

impl Club {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn token(&self, role: &str) -> &str {
        self.tokens.get(role).map_or("", String::as_str)
    }

    pub(crate) fn request(&self, role: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, self.url(path));
        if role.is_empty() { request } else { request.bearer_auth(self.token(role)) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request("admin", Method::GET, path)).await
    }

    pub(crate) async fn put(&self, path: &str, document: Value) -> Answer {
        answer(self.request("admin", Method::PUT, path).json(&document)).await
    }

    pub(crate) async fn post(&self, path: &str, document: Value) -> Answer {
        answer(self.request("admin", Method::POST, path).json(&document)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer(self.request("admin", Method::DELETE, path)).await
    }
}

/// The secret of the hook `signed`, and that in the address of the hook `by-path`.
pub(crate) const HOOK_SECRETS: [&str; 2] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "0123456789abcdef01234567"];

fn hooks() -> Vec<Hook> {
    let ear = varco::mywellness::Ear {
        lane: "mywellness".parse().unwrap(),
        facility_url: "clubmilano".into(),
        rules: rules(),
        timezone: TimeZone::get("Europe/Rome").unwrap(),
        classes: None,
    };
    let of_classes = varco::mywellness::ClassForm {
        starts_at: Some("/starts_at".into()),
        ..varco::mywellness::ClassForm::default()
    };
    let classes = varco::mywellness::Ear { classes: Some(of_classes), ..ear.clone() };
    let signed = Proof::Signature(vec![HOOK_SECRETS[0].parse().unwrap()]);
    let by_path = Proof::Path(Sha256::digest(HOOK_SECRETS[1]).into());
    vec![
        Hook { id: "signed".into(), proof: signed, ear: ear.clone() },
        Hook { id: "by-path".into(), proof: by_path.clone(), ear },
        Hook { id: "classes".into(), proof: by_path, ear: classes },
    ]
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let text = response.text().await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(kind, "application/problem+json", "{status}: {text}");
        assert_eq!(document["status"], status.as_u16(), "a problem repeats the status");
    }
    (status.as_u16(), document)
}

pub(crate) fn anna(id: &str) -> Value {
    json!({"external_id": id, "first_name": "Anna", "last_name": "Rossi", "email": "anna@example.org",
        "credentials": [{"value": format!("0415{}", id.len())}],
        "memberships": [{"id": "S-1", "kind": "subscription"}]})
}

/// `turnstile` follows orders, `broken` cannot, and `gone` is configured but has no loop.
fn gates(orders: &Arc<Mutex<Vec<String>>>) -> BTreeMap<GateId, mpsc::Sender<GateOrder>> {
    let gate = |name: &'static str| (name.parse().unwrap(), follow(name, Arc::clone(orders)));
    BTreeMap::from([gate("turnstile"), gate("broken")])
}

fn follow(name: &'static str, orders: Arc<Mutex<Vec<String>>>) -> mpsc::Sender<GateOrder> {
    let (sender, mut receiver) = mpsc::channel(GATE_ORDERS_MAX);
    tokio::spawn(async move {
        while let Some(order) = receiver.recv().await {
            let unreachable = || OrderRefused::Unreachable("unplugged".into());
            match order {
                GateOrder::Open(it) => {
                    let told =
                        format!("{name} opens at {} for {:?}: {} ({})", it.reader, it.person, it.reason, it.operator);
                    orders.lock().unwrap().push(told);
                    let opened = Opened {
                        passage_id: PassageId(uuid::Uuid::from_u128(1)),
                        at: "2026-11-21T12:00:00Z".parse().unwrap(),
                        new_visit: None,
                    };
                    it.answer.send(if name == "broken" { Err(unreachable()) } else { Ok(opened) }).unwrap();
                }
                GateOrder::Mode(it) => {
                    orders.lock().unwrap().push(format!("{name} is {:?}: {} ({})", it.mode, it.reason, it.operator));
                    it.answer.send(if name == "broken" { Err(unreachable()) } else { Ok(()) }).unwrap();
                }
            }
        }
    });
    sender
}

fn doors() -> DoorStates {
    DoorStates {
        readers: BTreeMap::from([("entry".parse().unwrap(), ReaderState::default())]),
        gates: BTreeMap::from([("turnstile".parse().unwrap(), GateState::default())]),
    }
}

fn policy() -> Policy {
    let gate = |id: &str| {
        let (open_for, passage_timeout) = (Duration::from_millis(500), Duration::from_secs(8));
        let id: GateId = id.parse().unwrap();
        (id.clone(), Gate { id, confirm: Confirm::Assumed, passage_timeout, open_for, free_exit: false })
    };
    let reader = |id: &str, gate: &str, direction| {
        let id: ReaderId = id.parse().unwrap();
        let badge = BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None };
        let (gate, zone, device_type) = (gate.parse().unwrap(), Some("gym".parse().unwrap()), "turnstile".into());
        let (new_visit, display, minimum_age, attendance) = (true, Display::None, None, true);
        let reader =
            Reader { id, gate, direction, new_visit, zone, device_type, display, attendance, minimum_age, badge };
        (reader.id.clone(), reader)
    };
    let gym = Zone { id: "gym".parse().unwrap(), capacity: None, parent: None, hours: Vec::new() };
    Policy {
        site: Site {
            id: "milano".parse().unwrap(),
            name: "Milano".into(),
            timezone: TimeZone::get("Europe/Rome").unwrap(),
            locale: Locale::It,
            club_day_starts: time(4, 0, 0, 0),
            maximum_stay: None,
        },
        zones: BTreeMap::from([(gym.id.clone(), gym)]),
        gates: BTreeMap::from([gate("turnstile"), gate("broken"), gate("gone")]),
        readers: BTreeMap::from([
            reader("entry", "turnstile", Direction::In),
            reader("exit", "turnstile", Direction::Out),
            reader("side", "broken", Direction::In),
            reader("back", "gone", Direction::In),
        ]),
        repeat_window: Duration::from_secs(3),
        anti_passback: Level::Off,
        fee: Level::Off,
        dues: DuesRule::default(),
        certificate: CertificateRule::default(),
        classes: ClassesRule::default(),
    }
}

/// Members are told of, by themselves, with everything required.
fn rules() -> Rules {
    Rules {
        mode: Mode::Automatic,
        send: vec![FactKind::Person, FactKind::Membership, FactKind::Groups, FactKind::Visit],
        takes_back: Vec::new(),
        group_ids: BTreeMap::from([("Gold".to_owned(), 12)]),
        group_master: GroupMaster::Off,
        email_required: true,
        gender_required: true,
        selection: Selection::Everyone,
    }
}
