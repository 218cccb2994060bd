//! People at every gate of a hall, one after the other, who do not know whether there is an agent.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use site::turnstile::{Way, Went};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::hall::Hall;

/// How long somebody stands before an entry: longer than a controller waits for the agent.
const STANDS: Duration = Duration::from_millis(1200);

/// An exit opens, whatever happens; a busy machine may need a while for it.
const GETS_OUT_WITHIN: Duration = Duration::from_secs(10);

/// After so long a controller has given up whoever it opened for, and whoever comes late: a second each, and more than half.
const GIVEN_UP_AFTER: Duration = Duration::from_millis(3000);

/// How people behave.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// Between two people at one gate.
    pub(crate) apart_ms: RangeInclusive<u64>,
    /// Who, of a hundred, is let through and does not go.
    pub(crate) hesitate: Range<u32>,
    /// Who, of a hundred, pushes through without a badge.
    pub(crate) push: Range<u32>,
}

impl Manners {
    /// As many as a gate can take, and not all of them behave.
    pub(crate) const HASTY: Self = Self { apart_ms: 5..=40, hesitate: 0..2, push: 2..5 };

    /// The full traffic of a turnstile: some twenty-five people a minute.
    pub(crate) const ORDERLY: Self = Self { apart_ms: 1500..=2200, hesitate: 0..0, push: 0..0 };
}

/// The people.
pub(crate) struct Crowd {
    people: JoinSet<Result<()>>,
    closing: watch::Sender<bool>,
}

impl Crowd {
    /// People begin to come to every gate. One seed is one order of people; how fast they are differs from run to run.
    pub(crate) fn comes_to(hall: &Arc<Hall>, manners: &Manners, seed: u64) -> Self {
        let (mut people, closing) = (JoinSet::new(), watch::Sender::new(false));
        for gate in 1..=hall.turnstiles.len() {
            let chance = StdRng::seed_from_u64(seed.wrapping_add(gate as u64));
            people.spawn(come_and_go(Arc::clone(hall), gate, manners.clone(), chance, closing.subscribe()));
        }
        Self { people, closing }
    }

    /// Time passes while people come; none of them may have a reason to stop.
    pub(crate) async fn passes_for(&mut self, time: Duration) -> Result<()> {
        match timeout(time, self.people.join_next()).await {
            Ok(Some(stopped)) => stopped?.context("people come for as long as the club is open"),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Nobody comes any more, and who is at a gate goes.
    pub(crate) async fn goes_home(self) -> Result<()> {
        self.closing.send_replace(true);
        self.people.join_all().await.into_iter().collect()
    }
}

async fn come_and_go(
    hall: Arc<Hall>,
    gate: usize,
    manners: Manners,
    mut chance: StdRng,
    closing: watch::Receiver<bool>,
) -> Result<()> {
    let (turnstile, members) = (hall.turnstile(gate), hall.members_at(gate));
    while !*closing.borrow() {
        let member = members.choose(&mut chance).context("everybody has a gate")?;
        let way = if chance.random_bool(0.5) { Way::In } else { Way::Out };
        match chance.random_range(0..100) {
            fate if manners.hesitate.contains(&fate) => {
                turnstile.present(way as usize, &member.badge)?;
                sleep(GIVEN_UP_AFTER).await;
            }
            fate if manners.push.contains(&fate) => {
                let gone = turnstile.look(|truth| truth.rotations.len());
                turnstile.run(way, None);
                turnstile.wait_until(|truth| truth.rotations.len() > gone, GETS_OUT_WITHIN).await?;
            }
            _ => {
                let patience = if way == Way::In { STANDS } else { GETS_OUT_WITHIN };
                let went = turnstile.pass(way, &member.badge, patience).await?;
                ensure!(way == Way::In || went != Went::Nowhere, "{} cannot get out", member.external_id());
            }
        }
        sleep(Duration::from_millis(chance.random_range(manners.apart_ms.clone()))).await;
    }
    Ok(())
}
