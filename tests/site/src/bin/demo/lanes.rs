//! The ways into the club: turnstiles with controllers, and a side door with serial readers and a USB relay.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use site::pty::SerialLine;
use site::reader::{Dialect, Reader};
use site::relay::Relay;
use site::turnstile::{Turnstile, Way};

/// How long a gate may take to open: a thousand times what it needs.
const OPENS_WITHIN: Duration = Duration::from_secs(2);

/// How long a gate is watched that should stay shut: longer than a controller waits for the agent.
const STAYS_SHUT_FOR: Duration = Duration::from_millis(450);

/// How long a display may take to write a text.
const TEXT_STANDS_WITHIN: Duration = Duration::from_millis(120);

/// The side door's channel of its relay board.
pub(crate) const CHANNEL: u8 = 1;

/// One way in and out.
#[derive(Debug)]
pub(crate) enum Lane {
    /// A barrier, two readers and a display on a controller.
    Turnstile(Turnstile),
    /// A door with two readers on lines of their own: nobody sees who goes through it.
    SideDoor { relay: Relay, entry: SerialLine, exit: SerialLine },
}

/// A lane and what is remembered of it.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) gate: String,
    pub(crate) lane: Lane,
}

impl Entrance {
    /// A member holds a badge to a reader. Answers how long after it the gate opened.
    pub(crate) async fn ask(&self, way: Way, badge: &str, should_open: bool) -> Result<Option<Duration>> {
        let patience = if should_open { OPENS_WITHIN } else { STAYS_SHUT_FOR };
        match &self.lane {
            Lane::Turnstile(turnstile) => {
                let before = turnstile.look(|truth| truth.screens.len());
                let opened_after = turnstile.ask(way, badge, patience).await?;
                // The text of the last one may be that of this one.
                let _ = turnstile.wait_until(|truth| truth.screens.len() > before, TEXT_STANDS_WITHIN).await;
                Ok(opened_after)
            }
            Lane::SideDoor { relay, entry, exit } => {
                // The relay of the last person is off before the next one comes: two at once are for tests.
                relay.wait_off(CHANNEL, OPENS_WITHIN).await?;
                let before = relay.opens(CHANNEL);
                let shown = Instant::now();
                Reader::on(if way == Way::In { entry } else { exit }, Dialect::Rdm6300).read(badge)?;
                if relay.wait_opens(CHANNEL, before + 1, patience).await.is_err() {
                    return Ok(None);
                }
                let on = relay.log().last_on(CHANNEL).context("the relay went on")?;
                Ok(Some(on.saturating_duration_since(shown)))
            }
        }
    }

    /// Whoever it opened for goes through, and somebody else behind them if `followed`.
    pub(crate) async fn walk(&self, way: Way, badge: &str, followed: bool) -> Result<()> {
        // Through a door without a sensor people go unseen.
        let Lane::Turnstile(turnstile) = &self.lane else { return Ok(()) };
        let gone = turnstile.look(|truth| truth.rotations.len());
        turnstile.run(way, Some(badge));
        if followed {
            turnstile.run(way, None);
        }
        turnstile.wait_until(|truth| truth.rotations.len() > gone + usize::from(followed), OPENS_WITHIN * 5).await
    }

    /// What the display shows, if there is one.
    pub(crate) fn display(&self) -> Option<[String; 2]> {
        let Lane::Turnstile(turnstile) = &self.lane else { return None };
        Some(turnstile.look(|truth| truth.shows().map(str::to_owned)))
    }

    /// Whether somebody sees who goes through.
    pub(crate) fn turnstile(&self) -> Option<&Turnstile> {
        match &self.lane {
            Lane::Turnstile(turnstile) => Some(turnstile),
            Lane::SideDoor { .. } => None,
        }
    }

    /// How many went through with a badge, as the hardware saw it: turns of the barrier, pulses of the door's relay.
    pub(crate) fn went_through(&self) -> usize {
        match &self.lane {
            Lane::Turnstile(turnstile) => {
                turnstile.look(|truth| truth.rotations.iter().filter(|rotation| rotation.badge.is_some()).count())
            }
            Lane::SideDoor { relay, .. } => relay.opens(CHANNEL),
        }
    }

    /// How many went through without.
    pub(crate) fn slipped_through(&self) -> usize {
        let without = |it: &Turnstile| it.look(|truth| truth.rotations.iter().filter(|it| it.badge.is_none()).count());
        self.turnstile().map_or(0, without)
    }
}
