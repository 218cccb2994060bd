//! Bearer tokens: how they are made, that only their hash is kept, and how guessing is slowed down.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// What every token begins with, so that scanners find one that leaked.
pub(super) const TOKEN_PREFIX: &str = "varco_";
/// Random bytes of a token: nobody guesses 256 bits.
const TOKEN_BYTES: usize = 32;
/// Refused tokens that a peer may send in a row before it is told to wait: a handful of typing errors.
const REFUSALS_IN_A_ROW: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// How long it takes until a peer may send one more.
const REFUSAL_REGAINED: Duration = Duration::from_secs(6);
/// Most peers remembered; when more knock at once, the rest share one allowance.
const PEERS_MAX: usize = 4096;

/// A token just made, to be shown once.
pub struct NewToken(SecretString);

impl NewToken {
    /// Makes one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn make() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes)?;
        let mut token = TOKEN_PREFIX.to_owned();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
        Ok(Self(token.into()))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash_of(self.reveal())
    }

    /// The token itself, for the one who asked for it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What is kept of a token. Tokens have 256 bits of their own, so one round without salt leaves nothing to guess, and
/// looking a hash up in an index tells no attacker how much of a token was right.
pub(super) fn hash_of(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Counts refused tokens by peer.
pub(super) struct Refusals {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
}

impl Refusals {
    pub(super) fn new() -> Self {
        let quota = Quota::with_period(REFUSAL_REGAINED).expect("the period is not zero");
        Self { limiter: RateLimiter::hashmap(quota.allow_burst(REFUSALS_IN_A_ROW)) }
    }

    /// Counts one; how long to wait if it was one too many. A right token is never refused for its peer's sake: behind
    /// a proxy everybody is one peer.
    pub(super) fn count(&self, peer: IpAddr) -> Result<(), Duration> {
        if self.limiter.len() >= PEERS_MAX {
            self.limiter.retain_recent();
        }
        let key = if self.limiter.len() >= PEERS_MAX { Ipv6Addr::UNSPECIFIED.into() } else { network_of(peer) };
        self.limiter.check_key(&key).map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
pub(super) fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognisable_and_only_its_hash_leads_back_to_it() {
        let (token, other) = (NewToken::make().unwrap(), NewToken::make().unwrap());
        assert!(token.reveal().starts_with(TOKEN_PREFIX));
        assert_eq!(token.reveal().len(), TOKEN_PREFIX.len() + 43);
        assert_ne!(token.reveal(), other.reveal());
        assert_eq!(hash_of(token.reveal()), token.hash());
    }

    #[test]
    fn a_peer_that_guesses_is_told_to_wait_and_others_are_not() {
        let refusals = Refusals::new();
        let guesser: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..REFUSALS_IN_A_ROW.get() {
            assert_eq!(refusals.count(guesser), Ok(()));
        }
        assert!(refusals.count(guesser).unwrap_err() <= REFUSAL_REGAINED);
        assert_eq!(refusals.count("192.0.2.2".parse().unwrap()), Ok(()));
    }

    #[test]
    fn changing_the_address_within_a_network_gains_nothing() {
        let refusals = Refusals::new();
        let refused = (0..20).filter(|n| refusals.count(format!("2001:db8::{n:x}").parse().unwrap()).is_err()).count();
        assert_eq!(refused, 10);
    }

    #[test]
    fn a_flood_of_peers_does_not_fill_the_memory() {
        let refusals = Refusals::new();
        for n in 0..20_000_u32 {
            let _waits_or_not = refusals.count(IpAddr::V4(n.into()));
        }
        assert!(refusals.limiter.len() <= PEERS_MAX + 1, "{} peers are remembered", refusals.limiter.len());
    }
}
