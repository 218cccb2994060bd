//! What every handler of the console shares.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::store::Role;

use super::config::Config;
use super::handles::Handles;
use super::hooks::Hooks;
use super::tokens::Refusals;

/// Most watchers of `GET /events`: every desk of a big club with a few pages open.
const WATCHERS_MAX: usize = 64;
/// Imports at a time: two of them would only wait for each other.
const IMPORTS_MAX: usize = 1;

/// What every handler shares.
pub(super) struct Console {
    pub(super) handles: Handles,
    /// Where it listens, as configured.
    pub(super) listen: SocketAddr,
    /// What is wrong with how it is entered; none: all is well.
    pub(super) trouble: watch::Receiver<Option<String>>,
    /// A proxy says who its clients are.
    pub(super) behind_proxy: bool,
    pub(super) refusals: Refusals,
    pub(super) hooks: Hooks,
    pub(super) watchers: Arc<Semaphore>,
    pub(super) imports: Arc<Semaphore>,
    /// Writing requests under way; the console waits for them before it ends.
    pub(super) writing: TaskTracker,
    /// The console is to end.
    pub(super) stopping: CancellationToken,
}

/// How handlers get it.
pub(super) type Shared = State<Arc<Console>>;

/// Whose token a request came with.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The token's number.
    pub(super) token: i64,
    /// The token's name.
    pub(super) name: String,
    /// Its role.
    pub(super) role: Role,
}

/// How handlers get it.
pub(super) type CalledBy = Extension<Caller>;

impl Console {
    pub(super) fn new(
        handles: Handles,
        config: &Config,
        trouble: watch::Receiver<Option<String>>,
        stopping: CancellationToken,
    ) -> Self {
        let hooks = Hooks::new(&handles.hooks);
        Self {
            handles,
            listen: config.listen,
            trouble,
            behind_proxy: config.behind_proxy,
            refusals: Refusals::new(),
            hooks,
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            imports: Arc::new(Semaphore::new(IMPORTS_MAX)),
            writing: TaskTracker::new(),
            stopping,
        }
    }

    /// What the wall clock says.
    pub(super) fn now(&self) -> Timestamp {
        self.handles.clock.now().wall
    }
}
