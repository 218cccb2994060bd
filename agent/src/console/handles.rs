//! What the console is given to reach the rest of the agent: the store, orders to gates, and states to look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};

use crate::access::Texts;
use crate::clock::Clock;
use crate::domain::{GateId, LaneId, LanePlan, Policy};
use crate::mywellness::Enquiries;
use crate::store::Store;
use crate::sync::Rules;
use crate::telemetry::MetricsPage;
use crate::turnstile::{Desk, DoorStates, GateOrder, LaneLink, SiteEvent};

use super::hooks::Hook;

/// How each gate is reached; each queue holds [`crate::turnstile::GATE_ORDERS_MAX`]. Replaced as a whole when gates
/// are rebuilt.
pub type GateOrders = Arc<BTreeMap<GateId, mpsc::Sender<GateOrder>>>;

/// All that the console reaches. Cheap to clone.
#[derive(Clone)]
pub struct Handles {
    /// The store.
    pub store: Store,
    /// The clocks.
    pub clock: Clock,
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The member texts in force.
    pub texts: watch::Receiver<Arc<Texts>>,
    /// Where decisions are made.
    pub desk: Desk,
    /// Orders to gates.
    pub gates: watch::Receiver<GateOrders>,
    /// Lines of readers and gates, and modes.
    pub doors: watch::Receiver<DoorStates>,
    /// Who is told of to Mywellness, and what; none: it is not configured.
    pub sync: Option<Arc<Rules>>,
    /// Every configured lane and its connection.
    pub lanes: watch::Receiver<BTreeMap<LaneId, LaneLink>>,
    /// Which facts each lane relays.
    pub plans: Arc<[LanePlan]>,
    /// From whom news are taken.
    pub hooks: Arc<[Hook]>,
    /// Where questions to Mywellness are asked, if the club uses it.
    pub enquiries: Option<Enquiries>,
    /// What happens at the site; its channel holds [`crate::turnstile::SITE_EVENTS_MAX`].
    pub events: broadcast::Sender<SiteEvent>,
    /// Counters and gauges.
    pub metrics: MetricsPage,
    /// Whether the store is open and every reader has been tried.
    pub ready: watch::Receiver<bool>,
}
