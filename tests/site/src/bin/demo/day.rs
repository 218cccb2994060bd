//! The day: people come and go, the cloud and the network fail in between, and at closing time everybody leaves.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use site::proxy::Cut;
use site::reader::{Dialect, Reader};
use tokio::sync::watch;

use crate::account;
use crate::club::{Club, GATES};
use crate::guests::{Guest, Guests, Way};

/// How long a gate may take to open: a thousand times what it needs.
const OPENS_WITHIN: Duration = Duration::from_secs(2);

/// How long the relay is watched after a badge that should be refused.
const STAYS_SHUT_FOR: Duration = Duration::from_millis(150);

/// How often the account tells what went upstream and what waits.
const TALLY_EVERY: Duration = Duration::from_secs(2);

/// The weather: what is broken, by share of the opening time in percent.
const MYWELLNESS_DOWN: std::ops::Range<u32> = 30..55;
const NETWORK_DOWN: std::ops::Range<u32> = 45..75;

/// Lets people come and go for `open_for`, or until `asked_to_close`, then lets everybody leave.
pub(crate) async fn run(
    club: &Club,
    seed: u64,
    open_for: Duration,
    asked_to_close: &watch::Receiver<bool>,
) -> Result<Guests> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut guests = Guests::outside(&club.members, &club.blocked, &mut chance);
    let mut weather = Weather::default();
    let opened = Instant::now();
    let mut told = Instant::now();
    while opened.elapsed() < open_for && !*asked_to_close.borrow() {
        let percent = (opened.elapsed().as_millis() * 100 / open_for.as_millis().max(1)) as u32;
        weather.change(club, percent, opened).await?;
        let Some((guest, way)) = guests.next(&mut chance) else { break };
        let gate = chance.random_range(1..=GATES);
        pass(club, &mut guests, guest, way, gate, opened).await?;
        if told.elapsed() >= TALLY_EVERY {
            account::tally(club, &guests, opened);
            told = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(chance.random_range(20..160))).await;
    }
    weather.change(club, 100, opened).await?;
    account::closing(&guests, opened);
    while let Some(guest) = guests.next_to_leave() {
        let gate = chance.random_range(1..=GATES);
        pass(club, &mut guests, guest, Way::Out, gate, opened).await?;
    }
    Ok(guests)
}

/// One person holds a badge to a reader and goes through, or not.
async fn pass(club: &Club, guests: &mut Guests, guest: Guest, way: Way, gate: u8, opened: Instant) -> Result<()> {
    let lines = if way == Way::In { &club.entries } else { &club.exits };
    let line = &lines[usize::from(gate) - 1];
    // The relay of the last person is off before the next one comes: two at once are for tests.
    club.relay.wait_off(gate, OPENS_WITHIN).await?;
    let before = club.relay.opens(gate);
    let shown = Instant::now();
    Reader::on(line, Dialect::Rdm6300).read(&guest.member.badge)?;

    // Egress is never refused.
    let should_open = way == Way::Out || guest.may_enter();
    let patience = if should_open { OPENS_WITHIN } else { STAYS_SHUT_FOR };
    let did_open = club.relay.wait_opens(gate, before + 1, patience).await.is_ok();
    let after = club.relay.log().last_on(gate).map(|at| at.saturating_duration_since(shown));
    account::passage(club, &guest, way, gate, did_open.then_some(after).flatten(), opened).await;
    ensure!(
        did_open == should_open,
        "turnstile-{gate} {} for {} ({:?})",
        if did_open { "opened" } else { "stayed shut" },
        guest.member.external_id(),
        guest.member.situation
    );
    match (way, did_open) {
        (Way::In, true) => guests.entered(guest),
        (Way::In, false) => guests.refused(guest),
        (Way::Out, true) => guests.left(guest),
        (Way::Out, false) => bail!("somebody cannot get out"),
    }
    Ok(())
}

/// What is broken at present.
#[derive(Debug, Default)]
struct Weather {
    mywellness_down: bool,
    network_down: bool,
}

impl Weather {
    async fn change(&mut self, club: &Club, percent: u32, opened: Instant) -> Result<()> {
        let (mywellness_down, network_down) = (MYWELLNESS_DOWN.contains(&percent), NETWORK_DOWN.contains(&percent));
        if mywellness_down != self.mywellness_down {
            account::weather("Mywellness", mywellness_down, opened);
            if mywellness_down { club.sandbox.down().await } else { club.sandbox.up().await? }
        }
        if network_down != self.network_down {
            account::weather("the network to the central system", network_down, opened);
            if network_down {
                club.network.refuse().await;
                club.network.cut(Cut::Reset);
            } else {
                club.network.accept()?;
            }
        }
        *self = Self { mywellness_down, network_down };
        Ok(())
    }
}
