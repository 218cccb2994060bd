//! Tokens as Mywellness seems to make them: readable claims with a signature, good until their own end.
//!
//! Nothing is kept of a token that was given out, so that a long run costs no memory for the many that it gives.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// The maker and judge of a facility's tokens.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Of no other sandbox.
    key: RandomState,
    /// Tokens of an earlier one are not good any more.
    generation: u64,
    given: u64,
}

impl Tokens {
    /// The token to use next.
    pub(super) fn give(&mut self, at: Timestamp, life: Duration) -> String {
        self.given += 1;
        let expires_at = (at + life).as_microsecond();
        let claims = STANDARD.encode(format!("{}|{}|{expires_at}", self.generation, self.given));
        let signature = self.signature(&claims);
        format!("{claims}.{signature}")
    }

    /// Whether this one is good at that moment.
    pub(super) fn accepts(&self, token: &str, at: Timestamp, newest_only: bool) -> bool {
        let Some((generation, number, expires_at)) = self.claims(token) else { return false };
        generation == self.generation as i64
            && (!newest_only || number == self.given as i64)
            && at.as_microsecond() < expires_at
    }

    /// No token given so far is good any more.
    pub(super) fn expire(&mut self) {
        self.generation += 1;
    }

    fn claims(&self, token: &str) -> Option<(i64, i64, i64)> {
        let (claims, signature) = token.split_once('.')?;
        if signature != self.signature(claims) {
            return None;
        }
        let claims = String::from_utf8(STANDARD.decode(claims).ok()?).ok()?;
        let numbers: Vec<i64> = claims.split('|').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [generation, number, expires_at] = *numbers.as_slice() else { return None };
        Some((generation, number, expires_at))
    }

    fn signature(&self, claims: &str) -> String {
        format!("{:016x}", self.key.hash_one(claims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_its_end_and_nobody_else_can_make_one() {
        let mut tokens = Tokens::default();
        let start = Timestamp::UNIX_EPOCH;
        let (minute, later) = (Duration::from_secs(60), start + Duration::from_secs(60));
        let first = tokens.give(start, minute);
        let second = tokens.give(start, minute * 2);
        assert_ne!(first, second);
        let good = |tokens: &Tokens, token: &str, at| tokens.accepts(token, at, false);
        assert!(good(&tokens, &first, start) && !good(&tokens, &first, later) && good(&tokens, &second, later));
        assert!(!tokens.accepts(&first, start, true) && tokens.accepts(&second, start, true));
        let stranger = Tokens::default().give(start, minute);
        for bad in ["", ".", "x.y", &first[1..], &stranger, &format!("{first}0")] {
            assert!(!good(&tokens, bad, start), "{bad}");
        }
        tokens.expire();
        assert!(!good(&tokens, &second, start));
        let third = tokens.give(start, minute);
        assert!(good(&tokens, &third, start));
    }
}
