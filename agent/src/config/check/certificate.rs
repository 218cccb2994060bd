//! From when until when a certificate is valid: the one thing of X.509 that a check before start needs.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The first and the last moment at which a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Validity {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// DER tags of X.690 and of RFC 5280 §4.1.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Reads the validity of a DER certificate. None: it is none.
///
/// `Certificate ::= { tbs { version?, serial, algorithm, issuer, validity { from, until }, … }, … }`, RFC 5280 §4.1.
pub(super) fn validity(der: &[u8]) -> Option<Validity> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    let after_version = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_serial, rest) = element(after_version, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (until, _) = time(rest)?;
    Some(Validity { from, until })
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    // A length up to 127 is one byte; beyond, the low bits say how many bytes it takes.
    let (length, rest) = match short {
        0..0x80 => (usize::from(short), rest),
        _ => {
            let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7F))?;
            let fits = !bytes.is_empty() && bytes.len() <= 4;
            (fits.then(|| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))?, rest)
        }
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

/// `YYMMDDHHMMSSZ` (years 1950 to 2049) or `YYYYMMDDHHMMSSZ`, RFC 5280 §4.1.2.5.
fn time(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (digits, rest, format) = match *der.first()? {
        UTC_TIME => {
            let (text, rest) = element(der, UTC_TIME)?;
            let century = if text.first()? >= &b'5' { "19" } else { "20" };
            (format!("{century}{}", std::str::from_utf8(text).ok()?), rest, "%Y%m%d%H%M%SZ")
        }
        GENERALIZED_TIME => {
            let (text, rest) = element(der, GENERALIZED_TIME)?;
            (std::str::from_utf8(text).ok()?.to_owned(), rest, "%Y%m%d%H%M%SZ")
        }
        _ => return None,
    };
    let moment = DateTime::strptime(format, &digits).ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some((moment.timestamp(), rest))
}
