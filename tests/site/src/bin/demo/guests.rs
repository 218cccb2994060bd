//! Who is where, and what the gate should say to them: a second, much simpler opinion than the agent's.

use std::collections::VecDeque;

use rand::Rng;
use rand::rngs::StdRng;
use site::members::{Member, Situation};
use site::turnstile::Way;

/// How many people the club likes to have inside before they begin to leave in earnest.
const COMFORTABLE: usize = 25;

/// A member on the day of the demo.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) member: Member,
    /// Held by a CRM action.
    pub(crate) is_blocked: bool,
    /// Granted entries that begin a visit; every exit ends one.
    pub(crate) visits: usize,
    /// Refused entries.
    pub(crate) refusals: usize,
    /// Granted passages in either direction.
    pub(crate) passages: usize,
    /// Granted entries after which they did not go through.
    pub(crate) hesitations: usize,
}

impl Guest {
    /// Whether the gate should open at an entry.
    pub(crate) fn may_enter(&self) -> bool {
        let has_entries = match self.member.situation {
            Situation::PunchCard(left) => self.visits < usize::from(left),
            _ => true,
        };
        !self.is_blocked && has_entries && self.member.situation.is_welcome()
    }

    /// Whether their visits go to Mywellness.
    pub(crate) fn is_told_to_mywellness(&self) -> bool {
        self.member.situation.is_told_to_mywellness()
    }
}

/// Everybody, outside in the order they will come and inside in the order they will leave.
#[derive(Debug)]
pub(crate) struct Guests {
    outside: VecDeque<Guest>,
    inside: VecDeque<Guest>,
}

impl Guests {
    /// Everybody is outside, in an order of chance.
    pub(crate) fn outside(members: &[Member], blocked: &[String], chance: &mut StdRng) -> Self {
        let mut outside: Vec<Guest> = members.iter().map(|member| guest(member, blocked)).collect();
        rand::seq::SliceRandom::shuffle(outside.as_mut_slice(), chance);
        Self { outside: outside.into(), inside: VecDeque::new() }
    }

    /// Who comes next, and which way; they must be put back by one of the four below.
    pub(crate) fn next(&mut self, chance: &mut StdRng) -> Option<(Guest, Way)> {
        let share = self.inside.len() as f64 / (2.0 * COMFORTABLE as f64);
        let leaves = chance.random_bool(share.min(0.9));
        let leaving = if leaves { self.inside.pop_front() } else { None };
        match leaving {
            Some(guest) => Some((guest, Way::Out)),
            None => Some((self.outside.pop_front()?, Way::In)),
        }
    }

    /// Who leaves next at closing time.
    pub(crate) fn next_to_leave(&mut self) -> Option<Guest> {
        self.inside.pop_front()
    }

    /// They went in. Staff come in without a visit.
    pub(crate) fn entered(&mut self, mut guest: Guest) {
        guest.passages += 1;
        if guest.member.situation != Situation::Staff {
            guest.visits += 1;
        }
        self.inside.push_back(guest);
    }

    /// They went out, to come again after everybody else.
    pub(crate) fn left(&mut self, mut guest: Guest) {
        guest.passages += 1;
        self.outside.push_back(guest);
    }

    /// They were refused, and will try again after everybody else.
    pub(crate) fn refused(&mut self, mut guest: Guest) {
        guest.refusals += 1;
        self.outside.push_back(guest);
    }

    /// They were let in and did not go, and will try again after everybody else.
    pub(crate) fn hesitated(&mut self, mut guest: Guest) {
        guest.hesitations += 1;
        self.outside.push_back(guest);
    }

    /// How many are inside.
    pub(crate) fn inside(&self) -> usize {
        self.inside.len()
    }

    /// Everybody.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Guest> {
        self.outside.iter().chain(&self.inside)
    }
}

fn guest(member: &Member, blocked: &[String]) -> Guest {
    let is_blocked = blocked.iter().any(|person| person == member.external_id());
    Guest { member: member.clone(), is_blocked, visits: 0, refusals: 0, passages: 0, hesitations: 0 }
}
