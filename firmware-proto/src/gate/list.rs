//! The list of credentials that may enter while the agent is silent: hashes, so that no card number lies in a gate.

use core::hash::Hasher;

use heapless::Vec;
use siphasher::sip::SipHasher24;

use crate::uptime::Uptime;

/// The hash by which a credential is on the list: SipHash-2-4 of its bytes, under a key that the agent keeps. Whoever
/// takes the controller from the wall takes the key as well, so the key is of one controller and of no other use.
#[must_use]
pub fn hash(key: &[u8; 16], credential: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(credential);
    hasher.finish()
}

/// A list of at most `N` credentials.
#[derive(Debug)]
pub struct List<const N: usize> {
    hashes: Vec<u64, N>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// None, or one that was refused: too long, not in order, of another count.
    Unusable,
    /// Parts are arriving.
    Arriving { version: u32 },
    /// Complete; the agent said so of it at this time.
    Complete { version: u32, good_at: Uptime },
}

impl<const N: usize> Default for List<N> {
    fn default() -> Self {
        Self { hashes: Vec::new(), state: State::Unusable }
    }
}

impl<const N: usize> List<N> {
    /// A new list begins.
    pub fn begin(&mut self, version: u32) {
        self.hashes.clear();
        self.state = State::Arriving { version };
    }

    /// A part of it arrives.
    pub fn part(&mut self, hashes: &[[u8; 8]]) {
        for hash in hashes.iter().map(|bytes| u64::from_be_bytes(*bytes)) {
            let rises = self.hashes.last().is_none_or(|last| *last < hash);
            if !rises || self.hashes.push(hash).is_err() {
                self.state = State::Unusable;
            }
        }
    }

    /// It is complete, if it is.
    pub fn end(&mut self, version: u32, count: u32, now: Uptime) {
        let is_whole = self.state == State::Arriving { version } && usize::try_from(count) == Ok(self.hashes.len());
        self.state = if is_whole { State::Complete { version, good_at: now } } else { State::Unusable };
    }

    /// The agent says that the list of this version is still good; any other is not.
    pub fn is_good(&mut self, good: u32, now: Uptime) {
        if let State::Complete { version, good_at } = &mut self.state {
            if *version == good {
                *good_at = now;
            } else {
                self.state = State::Unusable;
            }
        }
    }

    /// Whether a credential of this hash may enter; `None` if there is no list that may be asked.
    #[must_use]
    pub fn holds(&self, hash: u64, age_s_max: u32, now: Uptime) -> Option<bool> {
        match self.state {
            State::Complete { good_at, .. } if now.since(good_at) <= u64::from(age_s_max) * 1000 => {
                Some(self.hashes.binary_search(&hash).is_ok())
            }
            State::Complete { .. } | State::Arriving { .. } | State::Unusable => None,
        }
    }

    /// The version of a complete list, or 0.
    #[must_use]
    pub fn version(&self) -> u32 {
        match self.state {
            State::Complete { version, .. } => version,
            State::Arriving { .. } | State::Unusable => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(hashes: &[u64], count: u32) -> List<4> {
        let mut list = List::default();
        list.begin(7);
        hashes
            .chunks(2)
            .for_each(|part| list.part(&part.iter().map(|it| it.to_be_bytes()).collect::<std::vec::Vec<_>>()));
        list.end(7, count, Uptime(0));
        list
    }

    #[test]
    fn a_whole_list_is_asked_until_it_is_too_old() {
        let mut list = with(&[1, 5, 9], 3);
        assert_eq!((list.holds(5, 10, Uptime(10_000)), list.holds(6, 10, Uptime(0))), (Some(true), Some(false)));
        assert_eq!(list.holds(5, 10, Uptime(10_001)), None);
        list.is_good(7, Uptime(10_001));
        assert_eq!(list.holds(5, 10, Uptime(20_000)), Some(true));
        list.is_good(8, Uptime(20_000));
        assert_eq!(list.holds(5, 10, Uptime(20_000)), None);
    }

    #[test]
    fn a_list_with_a_gap_out_of_order_or_too_long_is_never_asked() {
        for list in [with(&[1, 5], 3), with(&[5, 1], 2), with(&[1, 1], 2), with(&[1, 2, 3, 4, 5], 5)] {
            assert_eq!((list.holds(1, 10, Uptime(0)), list.version()), (None, 0));
        }
    }

    #[test]
    fn hashes_are_those_of_the_published_siphash() {
        // Vector 7 of the reference implementation: key 00..0f, message 00..06.
        let key = core::array::from_fn(|at| at as u8);
        assert_eq!(hash(&key, &[0, 1, 2, 3, 4, 5, 6]), 0xAB02_00F5_8B01_D137);
    }
}
