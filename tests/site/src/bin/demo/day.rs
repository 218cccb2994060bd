//! The day: people come and go, the cloud, the network and a cable fail in between, and at closing time everybody leaves.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use site::proxy::Cut;
use site::turnstile::Way;
use tokio::sync::watch;

use crate::account;
use crate::club::Club;
use crate::guests::{Guest, Guests};
use crate::lanes::Entrance;

/// How often the account tells what went upstream and what waits.
const TALLY_EVERY: Duration = Duration::from_secs(2);

/// The weather: what is broken, by share of the opening time in percent.
const MYWELLNESS_DOWN: std::ops::Range<u32> = 30..55;
const NETWORK_DOWN: std::ops::Range<u32> = 45..75;
const CABLE_CUT: std::ops::Range<u32> = 55..70;

/// Of a hundred people at a turnstile, how many are let in and do not go, and how many are followed by somebody.
const HESITATE: std::ops::Range<u32> = 0..6;
const ARE_FOLLOWED: std::ops::Range<u32> = 6..12;

/// After so long a turnstile has given up whoever hesitates, and everybody who comes late.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(5);

/// What somebody does whom the gate lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Goes,
    Hesitates,
    IsFollowed,
}

/// Lets people come and go for `open_for`, or until `asked_to_close`, then lets everybody leave.
pub(crate) async fn run(
    club: &Club,
    seed: u64,
    open_for: Duration,
    asked_to_close: &watch::Receiver<bool>,
) -> Result<Guests> {
    let mut day = Day::begin(club, seed);
    let mut told = Instant::now();
    while day.opened.elapsed() < open_for && !*asked_to_close.borrow() {
        let percent = (day.opened.elapsed().as_millis() * 100 / open_for.as_millis().max(1)) as u32;
        day.weather.change(club, percent, day.opened).await?;
        let Some((guest, way)) = day.guests.next(&mut day.chance) else { break };
        day.pass(guest, way).await?;
        if told.elapsed() >= TALLY_EVERY {
            account::tally(club, &day.guests, day.opened);
            told = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(day.chance.random_range(20..160))).await;
    }
    day.weather.change(club, 100, day.opened).await?;
    account::closing(&day.guests, day.opened);
    while let Some(guest) = day.guests.next_to_leave() {
        day.pass(guest, Way::Out).await?;
    }
    Ok(day.guests)
}

/// The day so far.
struct Day<'a> {
    club: &'a Club,
    chance: StdRng,
    guests: Guests,
    weather: Weather,
    opened: Instant,
    /// Until when somebody hesitates at each gate.
    occupied_until: Vec<Instant>,
}

impl<'a> Day<'a> {
    fn begin(club: &'a Club, seed: u64) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let guests = Guests::outside(&club.members, &club.blocked, &mut chance);
        let opened = Instant::now();
        let occupied_until = vec![opened; club.entrances.len()];
        Self { club, chance, guests, weather: Weather::default(), opened, occupied_until }
    }

    /// One person holds a badge to a reader and goes through, or not.
    async fn pass(&mut self, guest: Guest, way: Way) -> Result<()> {
        let place = self.choose(way)?;
        let entrance = &self.club.entrances[place];
        // Egress is never refused.
        let should_open = way == Way::Out || guest.may_enter();
        let opened_after = entrance.ask(way, &guest.member.badge, should_open).await?;
        let manner = if opened_after.is_some() { self.manner(entrance, way) } else { Manner::Goes };
        account::passage(self.club, &guest, way, entrance, opened_after, manner, self.opened).await;
        ensure!(
            opened_after.is_some() == should_open,
            "{} {} for {} ({:?})",
            entrance.gate,
            if opened_after.is_some() { "opened" } else { "stayed shut" },
            guest.member.external_id(),
            guest.member.situation
        );
        if manner == Manner::Hesitates {
            self.occupied_until[place] = Instant::now() + GIVEN_UP_AFTER;
            self.guests.hesitated(guest);
            return Ok(());
        }
        if opened_after.is_some() {
            entrance.walk(way, &guest.member.badge, manner == Manner::IsFollowed).await?;
        }
        match (way, opened_after) {
            (Way::In, Some(_)) => self.guests.entered(guest),
            (Way::In, None) => self.guests.refused(guest),
            (Way::Out, Some(_)) => self.guests.left(guest),
            (Way::Out, None) => bail!("somebody cannot get out"),
        }
        Ok(())
    }

    /// A gate where nobody hesitates. Nobody tries to enter where the display says that the gate is alone.
    fn choose(&mut self, way: Way) -> Result<usize> {
        let now = Instant::now();
        let usable = |place: &usize| {
            let is_alone = self.weather.is_alone && *place == CUT_AT;
            self.occupied_until[*place] <= now && !(is_alone && way == Way::In)
        };
        let usable: Vec<usize> = (0..self.club.entrances.len()).filter(usable).collect();
        usable.choose(&mut self.chance).copied().context("nobody hesitates at the side door")
    }

    fn manner(&mut self, entrance: &Entrance, way: Way) -> Manner {
        let is_seen = entrance.turnstile().is_some() && way == Way::In;
        let chance = self.chance.random_range(0..100);
        match chance {
            _ if is_seen && HESITATE.contains(&chance) => Manner::Hesitates,
            _ if is_seen && ARE_FOLLOWED.contains(&chance) => Manner::IsFollowed,
            _ => Manner::Goes,
        }
    }
}

/// The turnstile whose cable is cut.
const CUT_AT: usize = 1;

/// What is broken at present.
#[derive(Debug, Default)]
struct Weather {
    mywellness_down: bool,
    network_down: bool,
    cable_cut: bool,
    /// The turnstile with the cable has no agent.
    is_alone: bool,
}

impl Weather {
    async fn change(&mut self, club: &Club, percent: u32, opened: Instant) -> Result<()> {
        let (mywellness_down, network_down) = (MYWELLNESS_DOWN.contains(&percent), NETWORK_DOWN.contains(&percent));
        let cable_cut = CABLE_CUT.contains(&percent);
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
        if cable_cut != self.cable_cut {
            let entrance = &club.entrances[CUT_AT];
            account::weather(&format!("the cable to {}", entrance.gate), cable_cut, opened);
            let cable = entrance.turnstile().context("a turnstile has a cable")?.cable();
            if cable_cut { cable.unplug()? } else { cable.plug_in()? }
        }
        let is_alone = cable_cut || self.is_alone && !club.reaches(CUT_AT).await?;
        if self.is_alone && !is_alone {
            account::reached(&club.entrances[CUT_AT], opened);
        }
        *self = Self { mywellness_down, network_down, cable_cut, is_alone };
        Ok(())
    }
}
