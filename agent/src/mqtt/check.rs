//! Whether the broker lets us in, for `varco check --online`.

use std::time::Duration;

use super::Config;
use super::wire::{self, Event, Role, Unreached};

/// How long the look may take: the library gives up a connection after five seconds.
const CHECK_MAX: Duration = Duration::from_secs(10);

/// Connects with the configured login and certificates, and leaves again. It uses the client id `{client_id}-check`, so
/// that an agent that is running keeps its session.
///
/// # Errors
/// When a file cannot be read, or the broker is not reached or refuses.
pub async fn check(config: &Config) -> Result<(), Unreached> {
    let late =
        || Unreached::Lost { broker: format!("{}:{}", config.host, config.port), why: "no answer in time".into() };
    tokio::time::timeout(CHECK_MAX, connect_and_leave(config)).await.unwrap_or_else(|_| Err(late()))
}

async fn connect_and_leave(config: &Config) -> Result<(), Unreached> {
    let (pen, mut link) = wire::prepare(config, Role::Check, 1).await?;
    loop {
        match link.event().await? {
            Event::Connected => pen.say_goodbye()?,
            Event::SaidGoodbye => return Ok(()),
            _ => {}
        }
    }
}
