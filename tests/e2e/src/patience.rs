//! Waiting for something to become true, with an end.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{interval, timeout};

/// How long anything may take on a machine that is busy with other tests. The lanes' longest pause in the first minute
/// of an outage is ten seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks again and again until the answer is yes.
pub async fn eventually<F>(what: &str, mut asked: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let mut looks = interval(LOOK_EVERY);
    let yes = async {
        loop {
            looks.tick().await;
            if asked().await? {
                return anyhow::Ok(());
            }
        }
    };
    timeout(PATIENCE, yes).await.with_context(|| format!("{what}: not within {PATIENCE:?}"))?
}
