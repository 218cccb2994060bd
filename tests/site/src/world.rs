//! The world around the agent runs on a runtime of its own, so that a test that blocks does not stop it.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Threads that move bytes between the parts; the parts wait far more than they compute.
const WORKERS: usize = 2;

/// The runtime on which proxies, brokers' watchers, the sandbox and child processes live.
pub fn handle() -> &'static Handle {
    static WORLD: OnceLock<Runtime> = OnceLock::new();
    WORLD
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(WORKERS)
                .thread_name("world")
                .enable_all()
                .build()
                .expect("a machine that runs tests can start two threads")
        })
        .handle()
}

/// Starts a task of the world.
pub fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    handle().spawn(task)
}

/// A task that ends when its owner goes.
#[derive(Debug)]
pub struct Task(JoinHandle<()>);

impl Task {
    /// Starts `task` and keeps it for as long as the returned value lives.
    pub fn start(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(spawn(task))
    }

    /// Ends the task and waits until what it held is dropped.
    pub async fn end(mut self) {
        self.0.abort();
        // An aborted task answers with its cancellation, which is what was asked for.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until `wanted` holds of a watched value, at most `within`; the error shows the last value through `describe`.
pub async fn wait_for<T>(
    mut watched: watch::Receiver<T>,
    wanted: impl FnMut(&T) -> bool,
    within: Duration,
    describe: impl FnOnce(&T) -> String,
) -> Result<()> {
    let outcome = tokio::time::timeout(within, watched.wait_for(wanted)).await.map(|held| held.is_ok());
    match outcome {
        Ok(true) => Ok(()),
        Ok(false) => bail!("its source ended first: {}", describe(&watched.borrow())),
        Err(_) => bail!("not within {within:?}: {}", describe(&watched.borrow())),
    }
}
