//! Who may enter by the controller's own decision while the agent is silent: whom the rules would let in now, those who
//! came last first, as many as the controller holds.
//!
//! The list is made page by page on the thread of the console, never on the gate's, and sent only when it has changed.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::super::Site;
use super::super::gate_loop::Going;
use crate::access::{self, GateCondition, Records, Reservations};
use crate::domain::{
    Badge, CredentialStatus, Direction, GateId, GateMode, Identified, Policy, Reader, Standing, Verdict,
};
use crate::door::{OfflineEntry, list_hash};
use crate::store::{Likely, StoreError};

/// How often the store is asked whether it has changed: a card that was revoked opens for no longer than this after the
/// agent falls silent for good.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After how many looks a list is made even so, ten minutes: memberships run out and hours pass by themselves.
const MAKE_EVERY: u32 = 120;
/// People looked at in one read: a millisecond of the console's thread.
const PAGE_PEOPLE: u32 = 64;
/// People looked at for each place on the list: a club whose members are mostly shut out is not searched whole.
const PEOPLE_FOR_A_PLACE: usize = 8;
/// How many bytes the numbers of cards have that a controller reads.
const NUMBER_BYTES: RangeInclusive<usize> = 3..=8;

/// The list of one gate.
pub(super) struct Listing {
    key: [u8; 16],
    good_for: Duration,
    size: usize,
    version: u32,
    sent: Option<Arc<[u64]>>,
    making: Option<Going<Made>>,
    /// What the store said when the list was made last, and how often it has been looked at since.
    seen: Option<i64>,
    looks: u32,
}

/// A list, if it was time for one.
struct Made {
    seen: Option<i64>,
    hashes: Option<Vec<u64>>,
}

impl Listing {
    /// None where nobody enters while the agent is silent. The key is of this run: the controller gets it with the list.
    pub(super) fn of(offline: OfflineEntry) -> Option<Self> {
        let OfflineEntry::List { good_for, size } = offline else { return None };
        let mut key = [0; 16];
        // Without entropy there is no key that is worth anything, and then no list.
        getrandom::fill(&mut key).ok()?;
        let version = getrandom::u32().ok()?;
        let (sent, making, seen, looks) = (None, None, None, 0);
        Some(Self { key, good_for, size: size.into(), version, sent, making, seen, looks })
    }

    /// The key of the hashes, and how long the list is good.
    pub(super) fn terms(&self) -> ([u8; 16], Duration) {
        (self.key, self.good_for)
    }

    /// The controller has no list, or none that is good: the next one is made at once, and sent whatever it says.
    pub(super) fn begin_anew(&mut self) {
        (self.sent, self.making, self.seen) = (None, None, None);
    }

    /// The list with a new version, if the controller does not have it.
    pub(super) fn news(&mut self, hashes: Vec<u64>) -> Option<(u32, Arc<[u64]>)> {
        if self.sent.as_deref() == Some(&hashes) {
            return None;
        }
        self.version = self.version.checked_add(1).unwrap_or(1);
        let hashes: Arc<[u64]> = hashes.into();
        self.sent = Some(hashes.clone());
        Some((self.version, hashes))
    }

    async fn next(&mut self, site: &Site, gate: &GateId, mode: GateMode) -> Vec<u64> {
        loop {
            let making = self.making.get_or_insert_with(|| {
                let pause = if self.sent.is_some() { LOOK_EVERY } else { Duration::ZERO };
                let seen = self.seen.filter(|_| self.looks < MAKE_EVERY);
                let asked = Asked { gate: gate.clone(), mode, key: self.key, size: self.size };
                Box::pin(make_after(pause, site.clone(), asked, seen))
            });
            let Made { seen, hashes } = making.await;
            (self.making, self.seen) = (None, seen);
            self.looks = if hashes.is_some() { 0 } else { self.looks + 1 };
            if let Some(hashes) = hashes {
                return hashes;
            }
        }
    }
}

/// The next list that is made; for ever pending where there is none. May be dropped and called again.
pub(super) async fn next(listing: &mut Option<Listing>, site: &Site, gate: &GateId, mode: GateMode) -> Vec<u64> {
    match listing {
        Some(listing) => listing.next(site, gate, mode).await,
        None => std::future::pending().await,
    }
}

/// For which list.
#[derive(Clone)]
struct Asked {
    gate: GateId,
    mode: GateMode,
    key: [u8; 16],
    size: usize,
}

async fn make_after(pause: Duration, site: Site, asked: Asked, seen: Option<i64>) -> Made {
    tokio::time::sleep(pause).await;
    let changes = site.store.read("looking for changes", |view| view.changes()).await.ok();
    if changes.is_some() && changes == seen {
        return Made { seen, hashes: None };
    }
    match make(&site, &asked).await {
        Ok(hashes) => Made { seen: changes, hashes: Some(hashes) },
        Err(error) => {
            tracing::warn!(gate = %asked.gate, %error, "no list was made for the gate controller");
            tokio::time::sleep(LOOK_EVERY).await;
            Made { seen: None, hashes: None }
        }
    }
}

async fn make(site: &Site, asked: &Asked) -> Result<Vec<u64>, StoreError> {
    let (mut hashes, mut people, mut page) = (Vec::new(), HashSet::new(), Some(Likely::default()));
    let mut looked_at = 0;
    while let Some(from) = page.filter(|_| hashes.len() < asked.size && looked_at < asked.size * PEOPLE_FOR_A_PLACE) {
        let (policy, of_whom, now) = (site.policy.borrow().clone(), asked.clone(), site.clock.now().wall);
        let read = move |view: &crate::store::View<'_>| {
            let (standings, next) = view.likely_visitors(from, PAGE_PEOPLE, now)?;
            let numbers =
                standings.into_iter().map(|it| (it.id, numbers(it, &of_whom, &policy, now))).collect::<Vec<_>>();
            Ok((numbers, next))
        };
        let (found, next) = site.store.read("making a list for a gate controller", read).await?;
        looked_at += usize::try_from(PAGE_PEOPLE).unwrap_or(usize::MAX);
        for (person, numbers) in found {
            if people.insert(person) {
                hashes.extend(numbers.iter().map(|number| list_hash(&asked.key, number)));
            }
        }
        page = next;
    }
    hashes.truncate(asked.size);
    hashes.sort_unstable();
    hashes.dedup();
    Ok(hashes)
}

/// The numbers of a person's cards that would open every entry of the gate now.
fn numbers(standing: Standing, asked: &Asked, policy: &Policy, now: jiff::Timestamp) -> Vec<Vec<u8>> {
    let is_entry = |reader: &&Reader| reader.gate == asked.gate && reader.direction != Direction::Out;
    let entries: Vec<&Reader> = policy.readers.values().filter(is_entry).collect();
    let gate = GateCondition { mode: asked.mode, records: Records::Open };
    let mut numbers = Vec::new();
    for credential in standing.person.credentials.clone() {
        if credential.status != CredentialStatus::Active {
            continue;
        }
        let who = Identified::Known(Box::new(Standing { credential: Some(credential.clone()), ..standing.clone() }));
        let opens = |reader: &&Reader| {
            let decision = access::decide(&who, reader, gate, policy, &Reservations::default(), now);
            matches!(decision.verdict, Verdict::Grant(_))
        };
        if entries.is_empty() || !entries.iter().all(opens) {
            continue;
        }
        for written in std::iter::once(&credential.value).chain(&credential.aliases) {
            for reader in &entries {
                numbers.extend(Badge::numbers_of(written, &reader.badge, NUMBER_BYTES));
            }
        }
    }
    numbers
}
