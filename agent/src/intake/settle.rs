//! The second pass of an import: credentials that move between people of the same file.
//!
//! A line may claim a card that a later line gives up, and two people may exchange their cards. Such lines are held
//! until the whole file has been read. Then simple moves are tried again, and exchanges are written as one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::{ExternalId, Now, Person, Policy, read_alike};
use crate::store::{StoreError, Tx};

use super::alike::Claimants;
use super::import::{Import, ImportError, ImportNews};
use super::person::CheckedPerson;
use super::put::{Put, put_person, welcome};
use super::read::{BATCH_PEOPLE_MAX, Entry};
use super::refused::Refused;

/// Most lines held, and most bytes of them: what moves in a year fits; a file that renumbers the whole club is told to
/// be imported again, which settles the next so many.
const HELD_MAX: usize = 20_000;
/// Most bytes of held lines.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How often simple moves are tried, in alternating order: a chain is settled in one round whichever way it runs, and
/// what is left after a few rounds is an exchange or hopeless.
const ROUNDS_MAX: usize = 6;

/// Lines refused only because of credentials that somebody else has so far. One a person: the last.
#[derive(Default, Debug)]
pub(super) struct Held {
    by_line: BTreeMap<u64, (Entry, Refused)>,
    line_of: HashMap<ExternalId, u64>,
    bytes: usize,
}

impl Held {
    /// Holds a line; gives back those that cannot be held (any longer).
    pub(super) fn hold(&mut self, entry: Entry, refused: Refused) -> Vec<(Entry, Refused)> {
        let person = entry.external_id().clone();
        let mut out: Vec<_> = self.release(&person).into_iter().collect();
        if self.by_line.len() >= HELD_MAX || self.bytes + entry.bytes > HELD_BYTES_MAX {
            out.push((entry, refused));
            return out;
        }
        self.bytes += entry.bytes;
        self.line_of.insert(person, entry.line);
        self.by_line.insert(entry.line, (entry, refused));
        out
    }

    /// Stops holding a person's line.
    pub(super) fn release(&mut self, person: &ExternalId) -> Option<(Entry, Refused)> {
        let line = self.line_of.remove(person)?;
        let held = self.by_line.remove(&line)?;
        self.bytes -= held.0.bytes;
        Some(held)
    }

    /// What is held, in the order of lines.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (Entry, Refused)> {
        self.by_line.into_values()
    }
}

impl<T: FnMut(ImportNews) + Send> Import<'_, T> {
    /// Tries what is held again, until nothing moves any more.
    pub(super) async fn settle_moves(&mut self) -> Result<(), ImportError> {
        for round in 0..ROUNDS_MAX {
            let mut entries: Vec<_> = std::mem::take(&mut self.held).into_entries().map(|(entry, _)| entry).collect();
            if round % 2 == 1 {
                entries.reverse();
            }
            let before = entries.len();
            while !entries.is_empty() {
                let rest = entries.split_off(entries.len().min(BATCH_PEOPLE_MAX));
                self.take_people(std::mem::replace(&mut entries, rest)).await?;
            }
            if self.held.by_line.len() == before && round > 0 {
                break;
            }
        }
        Ok(())
    }

    /// Writes each circle of people who exchange credentials among themselves in one transaction.
    pub(super) async fn settle_exchanges(&mut self) -> Result<(), ImportError> {
        let people = self.held.by_line.values().map(|(entry, _)| entry);
        let held: HashMap<_, _> = people.map(|entry| (entry.external_id().clone(), entry.clone())).collect();
        let held = Arc::new(held);
        let first_lines: Vec<_> = self.held.by_line.values().map(|(entry, _)| entry.clone()).collect();
        for entry in first_lines {
            let first = entry.external_id().clone();
            if !self.held.line_of.contains_key(&first) {
                continue;
            }
            let (all, policy) = (Arc::clone(&held), Arc::clone(&self.policy));
            let written = self.write(move |tx, now| exchange(tx, &first, &all, &policy, now)).await?;
            for (person, put) in written.unwrap_or_default() {
                if let Some((entry, _)) = self.held.release(&person) {
                    self.written(&entry, put);
                }
            }
        }
        Ok(())
    }
}

/// Writes a person together with everybody of the file who has to give something up for it: first all without their
/// credentials, then all with their new ones. Everything, or none: somebody of them cannot be written.
fn exchange(
    tx: &Tx<'_>,
    first: &ExternalId,
    held: &HashMap<ExternalId, Entry>,
    policy: &Policy,
    now: Now,
) -> Result<Option<Vec<(ExternalId, Put)>>, StoreError> {
    let Some(circle) = circle_of(tx, first, held, policy, now)? else { return Ok(None) };
    let mut written = Vec::new();
    for it in &circle {
        let person = it.person();
        let created = tx.put_person(&Person { credentials: Vec::new(), ..person.clone() }, now.wall)?;
        written.push((person.external_id.clone(), Put { created, warnings: it.warnings().to_vec() }));
    }
    for it in &circle {
        if let Err(refused) = put_person(tx, it, now.wall)? {
            // The circle was closed a moment ago in this very transaction; an error rolls all of it back.
            return Err(StoreError::Unreadable { what: "exchanged credentials".to_owned(), why: refused.to_string() });
        }
    }
    Ok(Some(written))
}

/// Everybody who has to be written at once with `first`. None: one of them wants what somebody else keeps.
fn circle_of<'h>(
    tx: &Tx<'_>,
    first: &ExternalId,
    held: &'h HashMap<ExternalId, Entry>,
    policy: &Policy,
    now: Now,
) -> Result<Option<Vec<Cow<'h, CheckedPerson>>>, StoreError> {
    let document = |id: &ExternalId| match held.get(id) {
        Some(entry) => entry.document(tx, policy, now).map(Result::ok),
        None => Ok(None),
    };
    let mut circle: Vec<_> = document(first)?.into_iter().collect();
    let mut at = 0;
    while let Some(it) = circle.get(at) {
        if welcome(tx, it)?.is_err() {
            return Ok(None);
        }
        let claims = tx.claims_by_others(&it.person().external_id, &it.credential_values())?;
        at += 1;
        for claim in claims {
            let owner = document(&claim.owner)?.filter(|owner| !keeps(owner, &claim.value));
            let Some(owner) = owner else { return Ok(None) };
            if !circle.iter().any(|member| member.person().external_id == claim.owner) {
                circle.push(owner);
            }
        }
        if circle.len() > BATCH_PEOPLE_MAX {
            return Ok(None);
        }
    }
    Ok(nothing_claimed_twice(&circle).then_some(circle))
}

fn keeps(owner: &CheckedPerson, value: &str) -> bool {
    owner.credential_values().iter().any(|kept| read_alike(kept, value))
}

fn nothing_claimed_twice(circle: &[Cow<'_, CheckedPerson>]) -> bool {
    let mut claimants = Claimants::default();
    let mut claims = circle
        .iter()
        .enumerate()
        .flat_map(|(who, it)| it.credential_values().into_iter().map(move |value| (value, who)));
    claims.all(|(value, who)| claimants.claim(value, who).is_none())
}
