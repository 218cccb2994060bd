//! Signatures of Standard Webhooks, made and verified: HMAC-SHA256 over id, timestamp and body; pure.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// What secrets begin with, so that scanners find one that leaked.
const SECRET_PREFIX: &str = "whsec_";
/// How long a key is, in bytes, as the specification has it.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The one scheme of symmetric keys.
const SCHEME: &str = "v1,";
/// Signatures of one message that are looked at: two while a key is changed, and some to spare.
const SIGNATURES_MAX: usize = 8;

/// A key that messages are signed with. It prints as nothing.
#[derive(Clone)]
pub struct Key(Arc<SecretSlice<u8>>);

/// A text that is no key. The text itself is not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64")]
pub struct BadKey;

/// What a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The message's id: what receivers dedupe by.
    pub id: &'a str,
    /// When it was sent, in seconds since 1970.
    pub timestamp: i64,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl std::str::FromStr for Key {
    type Err = BadKey;

    /// Reads `whsec_` and base64; the prefix may be missing, as in the reference implementations.
    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bytes = STANDARD.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text)).map_err(|_| BadKey)?;
        if KEY_BYTES.contains(&bytes.len()) { Ok(Self(Arc::new(bytes.into()))) } else { Err(BadKey) }
    }
}

impl Key {
    /// The signature of a message, as it stands in `webhook-signature`.
    #[must_use]
    pub fn sign(&self, message: Signed<'_>) -> String {
        format!("{SCHEME}{}", STANDARD.encode(self.digest(message).finalize().into_bytes()))
    }

    /// Whether one of the signatures in a `webhook-signature` header is ours. Compares in constant time.
    #[must_use]
    pub fn verifies(&self, message: Signed<'_>, header: &str) -> bool {
        let ours = |signature: &str| {
            let claimed = signature.strip_prefix(SCHEME).and_then(|encoded| STANDARD.decode(encoded).ok());
            claimed.is_some_and(|claimed| self.digest(message).verify_slice(&claimed).is_ok())
        };
        header.split_ascii_whitespace().take(SIGNATURES_MAX).any(ours)
    }

    fn digest(&self, message: Signed<'_>) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of any length");
        mac.update(format!("{}.{}.", message.id, message.timestamp).as_bytes());
        mac.update(message.body);
        mac
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn key() -> Key {
        SECRET.parse().unwrap()
    }

    /// The vector that the reference implementations of Standard Webhooks publish in their tests.
    const PUBLISHED: Signed<'static> =
        Signed { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: br#"{"test": 2432232314}"# };

    #[test]
    fn the_published_vector_comes_out() {
        assert_eq!(key().sign(PUBLISHED), SIGNATURE);
        assert!(key().verifies(PUBLISHED, SIGNATURE));
        let among_others = format!("v1,AAAA v1a,{} {SIGNATURE}", &SIGNATURE[3..]);
        assert!(key().verifies(PUBLISHED, &among_others));
    }

    #[test]
    fn the_vector_shown_to_integrators_is_this_one() {
        let page = include_str!("../../../docs/integrating.md");
        let parts = [SECRET, SIGNATURE, PUBLISHED.id, "`1614265330`", r#"`{"test": 2432232314}`"#];
        assert!(parts.iter().all(|part| page.contains(part)));
    }

    #[test]
    fn what_was_changed_on_the_way_is_not_ours() {
        let other: Key = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
        assert!(!other.verifies(PUBLISHED, SIGNATURE));
        assert!(!key().verifies(Signed { id: "another", ..PUBLISHED }, SIGNATURE));
        assert!(!key().verifies(Signed { timestamp: 1_614_265_331, ..PUBLISHED }, SIGNATURE));
        assert!(!key().verifies(Signed { body: br#"{"test": 2432232315}"#, ..PUBLISHED }, SIGNATURE));
        for bad in ["", "v1,", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,g0hM9SsE", "v2,g0hM9SsE"] {
            assert!(!key().verifies(PUBLISHED, bad), "{bad}");
        }
        assert!(!key().verifies(PUBLISHED, &format!("{}{SIGNATURE}", "v1,AAAA ".repeat(SIGNATURES_MAX))));
    }

    #[test]
    fn a_secret_is_base64_of_a_sound_length_and_is_never_printed() {
        let unprefixed: Key = SECRET[6..].parse().unwrap();
        assert_eq!(unprefixed, key());
        for bad in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", &format!("whsec_{}", STANDARD.encode([7; 65]))] {
            assert_eq!(bad.parse::<Key>().err(), Some(BadKey), "{bad}");
        }
        assert_eq!(format!("{:?}", key()), "Key(***)");
    }

    proptest! {
        #[test]
        fn what_was_signed_is_verified_and_any_header_may_arrive(id: String, timestamp: i64, body: Vec<u8>, header: String) {
            let message = Signed { id: &id, timestamp, body: &body };
            prop_assert!(key().verifies(message, &key().sign(message)));
            prop_assert!(!key().verifies(message, &header));
        }
    }
}
