//! Lanes as configured: which facts each relays, its task, and its connection for whoever wants to look.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Audience, FactKind, LaneId, LanePlan};
use crate::mqtt::{self, Mqtt};
use crate::mywellness::{Enquiries, Mywellness};
use crate::outbox::{self, Deliver, LaneStatus};
use crate::store::Store;
use crate::syncer::Syncer;
use crate::turnstile::{LaneLink, SiteEvent};
use crate::webhook::Webhook;

/// What the central system is told.
const TOLD_TO_CENTRAL: [FactKind; 4] = [FactKind::Passage, FactKind::Visit, FactKind::Attendance, FactKind::Alarm];

/// The lane of the central system's broker.
fn mqtt_lane() -> LaneId {
    "mqtt".parse().expect("a name of a-z")
}

/// The lane of Mywellness.
fn mywellness_lane() -> LaneId {
    "mywellness".parse().expect("a name of a-z")
}

/// Which facts each configured lane relays.
pub(super) fn plans(config: &Config) -> Vec<LanePlan> {
    let mqtt = config.mqtt.as_ref().map(|_| LanePlan {
        lane: mqtt_lane(),
        facts: TOLD_TO_CENTRAL.to_vec(),
        audience: Audience::Everybody,
    });
    let mywellness = config.mywellness.as_ref().map(|config| LanePlan {
        lane: mywellness_lane(),
        facts: config.rules.send.clone(),
        audience: Audience::KnownPeople,
    });
    let webhooks = config.webhooks.iter().map(|webhook| LanePlan {
        lane: webhook.lane.clone(),
        facts: webhook.facts.clone(),
        audience: Audience::Everybody,
    });
    mqtt.into_iter().chain(mywellness).chain(webhooks).collect()
}

/// The connection of each configured lane.
pub(super) type Links = watch::Receiver<BTreeMap<LaneId, LaneLink>>;

/// The configured lanes while they are started.
pub(super) struct Lanes<'a> {
    pub(super) store: &'a Store,
    pub(super) clock: &'a Clock,
    /// What the central system's commands are obeyed with.
    pub(super) commands: mqtt::Commands,
    pub(super) events: &'a broadcast::Sender<SiteEvent>,
    pub(super) tasks: &'a mut JoinSet<()>,
    pub(super) cancel: &'a CancellationToken,
}

impl Lanes<'_> {
    /// Starts every configured lane; returns their connections, and where questions to Mywellness are asked.
    ///
    /// # Errors
    /// When a lane's address or key can never work.
    pub(super) fn start(mut self, config: &Config) -> anyhow::Result<(Links, Option<Enquiries>)> {
        let (links, mut enquiries) = (watch::Sender::new(BTreeMap::new()), None);
        if let Some(config) = &config.mqtt {
            self.lane(mqtt_lane(), Mqtt::new(config.clone(), self.clock.clone()), &links);
            let commands = config.commands.then(|| self.commands.clone());
            if commands.is_some() || config.confirm != mqtt::Confirm::Puback {
                let (store, clock, cancel) = (self.store.clone(), self.clock.clone(), self.cancel.clone());
                self.tasks.spawn(mqtt::run_inbound(mqtt_lane(), config.clone(), commands, store, clock, cancel));
            }
        }
        if let Some(mywellness) = &config.mywellness {
            let timezone = config.policy.site.timezone.clone();
            let edge = Mywellness::new(mywellness.clone(), timezone, self.clock.clone()).context("[mywellness]")?;
            enquiries = Some(edge.enquiries());
            self.lane(mywellness_lane(), edge, &links);
            let syncer = Syncer {
                store: self.store.clone(),
                clock: self.clock.clone(),
                lane: mywellness_lane(),
                rules: Arc::new(mywellness.rules.clone()),
                timezone: config.policy.site.timezone.clone(),
                compare_at: mywellness.compare_at,
            };
            self.tasks.spawn(syncer.run(self.cancel.clone()));
        }
        for config in &config.webhooks {
            self.lane(config.lane.clone(), Webhook::new(config.clone(), self.clock.clone()), &links);
        }
        let configured = links.borrow().keys().cloned().collect();
        let measured = outbox::measure(configured, self.store.clone(), self.clock.clone(), self.cancel.clone());
        self.tasks.spawn(measured);
        Ok((links.subscribe(), enquiries))
    }

    fn lane(&mut self, lane: LaneId, edge: impl Deliver, links: &watch::Sender<BTreeMap<LaneId, LaneLink>>) {
        let status = watch::Sender::new(LaneStatus::starting(lane.clone()));
        links.send_modify(|links| drop(links.insert(lane.clone(), LaneLink::Connecting)));
        self.tasks.spawn(follow(status.subscribe(), links.clone(), self.clock.clone(), self.events.clone()));
        let (store, clock, cancel) = (self.store.clone(), self.clock.clone(), self.cancel.clone());
        self.tasks.spawn(outbox::run(lane, edge, store, clock, status, cancel));
    }
}

/// Pins up a lane's connection and tells the live feed when it changes; ends with the lane.
async fn follow(
    mut status: watch::Receiver<LaneStatus>,
    links: watch::Sender<BTreeMap<LaneId, LaneLink>>,
    clock: Clock,
    events: broadcast::Sender<SiteEvent>,
) {
    while status.changed().await.is_ok() {
        let LaneStatus { lane, online_since, is_idle, last_error, .. } = status.borrow_and_update().clone();
        let before = links.borrow().get(&lane).cloned();
        let link = match (online_since, last_error, &before) {
            (Some(since), _, _) => LaneLink::Online { since },
            (None, None, _) if is_idle => LaneLink::Idle,
            (None, None, _) => LaneLink::Connecting,
            (None, Some(why), Some(LaneLink::Offline { since, .. })) => LaneLink::Offline { since: *since, why },
            (None, Some(why), _) => LaneLink::Offline { since: clock.now().wall, why },
        };
        if before.as_ref() != Some(&link) {
            links.send_modify(|links| drop(links.insert(lane.clone(), link.clone())));
            // Nobody may be listening.
            let _listeners = events.send(SiteEvent::Lane { lane, link });
        }
    }
}
