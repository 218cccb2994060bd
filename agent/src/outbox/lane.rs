//! The life of one lane: session, loss, back-off, session, until the agent ends.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::facts::{LaneDrained, LaneLost};
use super::{Deliver, Feed, Jitter, LaneStatus, SessionLost, delay_after};
use crate::clock::Clock;
use crate::domain::{LaneId, Uptime};
use crate::store::Store;
use crate::telemetry::Fact;

/// How long a session may take to finish what is outstanding when the agent ends. What it does not finish is sent
/// again at the next start.
const DRAIN_GRACE: Duration = Duration::from_secs(10);
/// A session that lasted so long was a good one, even if there was nothing to send.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// Runs one lane until `cancel`: outages are states, shown in `status` and tried again; only the end of the agent ends
/// it. At most one task may run a lane.
pub async fn run(
    lane: LaneId,
    mut deliver: impl Deliver,
    store: Store,
    clock: Clock,
    status: watch::Sender<LaneStatus>,
    cancel: CancellationToken,
) {
    let flow = (deliver.window(), deliver.order());
    let mut feed = Feed::new(lane.clone(), flow, (store, clock.clone()), status.clone(), cancel.clone());
    feed.recover().await;
    let mut tries = 0;
    while !cancel.is_cancelled() {
        let before = (feed.acknowledged(), clock.now().uptime);
        let ended = session(&mut deliver, &mut feed, &status, &cancel).await;
        feed.end_session().await;
        if cancel.is_cancelled() {
            break;
        }
        let lasted = clock.now().uptime.since(before.1);
        if feed.acknowledged() > before.0 || (was_online(&status) && lasted >= STEADY_AFTER) {
            tries = 0;
        }
        let why = ended.err().unwrap_or_else(|| SessionLost("the session ended by itself".into()));
        let wait = delay_after(tries, Jitter::draw());
        LaneLost { lane: &lane, why: &why.0, tries, next_attempt_in: wait }.tell();
        show_lost(&status, &why, clock.now().uptime.after(wait));
        tries = tries.saturating_add(1);
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    status.send_modify(|status| status.online_since = None);
    LaneDrained { lane: &lane }.tell();
}

/// One session; at the agent's end it has [`DRAIN_GRACE`] if it reached its upstream, and nothing to finish if it did not.
async fn session(
    deliver: &mut impl Deliver,
    feed: &mut Feed,
    status: &watch::Sender<LaneStatus>,
    cancel: &CancellationToken,
) -> Result<(), SessionLost> {
    let grace_over = async {
        cancel.cancelled().await;
        if was_online(status) {
            tokio::time::sleep(DRAIN_GRACE).await;
        }
    };
    tokio::select! {
        biased;
        ended = deliver.session(feed) => ended,
        () = grace_over => Err(SessionLost("the session did not end in time".into())),
    }
}

fn was_online(status: &watch::Sender<LaneStatus>) -> bool {
    status.borrow().online_since.is_some()
}

fn show_lost(status: &watch::Sender<LaneStatus>, why: &SessionLost, next_attempt_at: Uptime) {
    status.send_modify(|status| {
        status.online_since = None;
        status.last_error = Some(why.0.clone());
        status.next_attempt_at = Some(next_attempt_at);
        status.rows_per_second = 0;
    });
}
