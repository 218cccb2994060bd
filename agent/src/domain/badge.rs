//! A badge as a reader delivers it, and the one written form in which it is compared.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// In which form a reader's data is written and compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BadgeForm {
    /// Upper-case hexadecimal without separators.
    Hex,
    /// Decimal digits without leading zeros.
    Decimal,
    /// The text itself.
    Text,
}

/// In which order the reader sends the bytes of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadgeOrder {
    /// As they arrive.
    #[default]
    AsSent,
    /// Last byte first: some readers send the UID of one card backwards (Mifare 1EA68671 arrives as 7186A61E).
    Reversed,
}

/// How a reader's data becomes a badge value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadgeFormat {
    /// The written form.
    pub form: BadgeForm,
    /// The order of bytes (numbers only).
    pub order: BadgeOrder,
    /// A text that stands before every value and is no part of it, such as a scanner's code identifier.
    pub strip: Option<String>,
    /// Only the last so many bytes count (numbers; characters of a text): 4 gives the number printed on an RDM6300 fob.
    pub take: Option<usize>,
}

/// Why a frame holds no badge in the configured form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnreadableBadge {
    /// Nothing is left of it.
    #[error("nothing is left of the value")]
    Empty,
    /// A number was expected.
    #[error("the value is no hexadecimal number; is `badge.form` right for this reader?")]
    NotHex,
    /// A decimal number was expected.
    #[error("the value is no decimal number; is `badge.form` right for this reader?")]
    NotDecimal,
    /// More than 128 characters.
    #[error("the value is longer than 128 characters")]
    TooLong,
}

/// The longest badge value, in characters: a QR code of a member app fits, a runaway scanner does not.
pub const BADGE_CHARS_MAX: usize = 128;

/// A normalised badge value together with its form. Prints masked: card numbers stay out of logs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Badge {
    form: BadgeForm,
    value: Box<str>,
}

impl Badge {
    /// A badge from bytes a reader sent as a number (RDM6300, ID-12, Wiegand).
    ///
    /// # Errors
    /// When nothing is left after `take`.
    pub fn from_bytes(bytes: &[u8], format: &BadgeFormat) -> Result<Self, UnreadableBadge> {
        let mut number = bytes.to_vec();
        if format.order == BadgeOrder::Reversed {
            number.reverse();
        }
        if let Some(take) = format.take {
            number.drain(..number.len().saturating_sub(take));
        }
        if number.is_empty() {
            return Err(UnreadableBadge::Empty);
        }
        let hex: String = number.iter().map(|byte| format!("{byte:02X}")).collect();
        match format.form {
            BadgeForm::Hex | BadgeForm::Text => Ok(Self { form: format.form, value: hex.into() }),
            BadgeForm::Decimal => Self::new(BadgeForm::Decimal, &decimal_of(&number)),
        }
    }

    /// A badge from text a reader sent (barcode and QR scanners, keyboard-like readers).
    ///
    /// # Errors
    /// When the text is not in the configured form.
    pub fn from_text(text: &str, format: &BadgeFormat) -> Result<Self, UnreadableBadge> {
        let text = text.trim();
        let text = format.strip.as_deref().and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        match format.form {
            BadgeForm::Hex => {
                let whole = Self::new(BadgeForm::Hex, text)?;
                match hex_bytes(&whole.value) {
                    Some(bytes) => Self::from_bytes(&bytes, format),
                    None => Ok(whole),
                }
            }
            form => {
                let skip = format.take.map_or(0, |take| text.chars().count().saturating_sub(take));
                Self::new(form, &text.chars().skip(skip).collect::<String>())
            }
        }
    }

    /// The numbers that a reader of this format would have sent for a credential written down as `credential`, most
    /// significant byte first, among those of so many bytes. None where the format leaves a part of the number out, and
    /// where the value is no number.
    #[must_use]
    pub fn numbers_of(credential: &str, format: &BadgeFormat, lengths: RangeInclusive<usize>) -> Vec<Vec<u8>> {
        let Ok(badge) = Self::new(format.form, credential) else { return Vec::new() };
        let mut numbers = match format.form {
            BadgeForm::Hex | BadgeForm::Text => hex_bytes(&badge.value).into_iter().collect(),
            BadgeForm::Decimal => padded(&badge.value, &lengths),
        };
        numbers.retain(|number: &Vec<u8>| lengths.contains(&number.len()));
        if format.order == BadgeOrder::Reversed {
            numbers.iter_mut().for_each(|number| number.reverse());
        }
        // Whatever comes back as the same badge, and nothing else: `take` may have cut it.
        let is_same = |number: &Vec<u8>| Self::from_bytes(number, format).is_ok_and(|other| other == badge);
        numbers.retain(|number| is_same(number) && format.take.is_none_or(|take| take >= number.len()));
        numbers
    }

    /// Normalises a value that is already in `form`, as people type it: `04:15:ab` is `0415AB`, `0042` is `42`.
    ///
    /// # Errors
    /// When it is not in that form, empty or too long.
    pub fn new(form: BadgeForm, value: &str) -> Result<Self, UnreadableBadge> {
        let value = value.trim();
        if value.chars().count() > BADGE_CHARS_MAX {
            return Err(UnreadableBadge::TooLong);
        }
        let value = match form {
            BadgeForm::Text => value.to_owned(),
            BadgeForm::Hex => {
                let bare = without_separators(value);
                if !bare.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(UnreadableBadge::NotHex);
                }
                bare.to_ascii_uppercase()
            }
            BadgeForm::Decimal => {
                if !value.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(UnreadableBadge::NotDecimal);
                }
                let bare = value.trim_start_matches('0');
                if bare.is_empty() && !value.is_empty() { "0".to_owned() } else { bare.to_owned() }
            }
        };
        if value.is_empty() {
            return Err(UnreadableBadge::Empty);
        }
        Ok(Self { form, value: value.into() })
    }

    /// The form it is written in.
    #[must_use]
    pub fn form(&self) -> BadgeForm {
        self.form
    }

    /// The normalised value. Personal data: for the store and the operator, never for a log.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a credential written down as `credential` is this badge, compared in the badge's own form.
    #[must_use]
    pub fn is(&self, credential: &str) -> bool {
        Self::new(self.form, credential).is_ok_and(|other| other.value == self.value)
    }
}

impl fmt::Debug for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Badge({:?}, {} characters)", self.form, self.value.chars().count())
    }
}

/// The key under which a credential is filed so that one index finds it whatever its reader's form: upper case, no
/// separators, no leading zeros. Different values may share a key; [`Badge::is`] tells them apart.
#[must_use]
pub fn loose_key(value: &str) -> String {
    let bare = without_separators(value.trim()).to_uppercase();
    let trimmed = bare.trim_start_matches('0');
    if trimmed.is_empty() { bare } else { trimmed.to_owned() }
}

/// Whether some reader could take one credential value for the other.
#[must_use]
pub fn read_alike(one: &str, other: &str) -> bool {
    [BadgeForm::Hex, BadgeForm::Decimal, BadgeForm::Text]
        .into_iter()
        .any(|form| Badge::new(form, one).is_ok_and(|badge| badge.is(other)))
}

fn without_separators(value: &str) -> String {
    value.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect()
}

/// A decimal number as bytes of every such length that holds it.
fn padded(digits: &str, lengths: &RangeInclusive<usize>) -> Vec<Vec<u8>> {
    let Ok(number) = digits.parse::<u128>() else { return Vec::new() };
    let bytes = number.to_be_bytes();
    let needed = bytes.len() - bytes.iter().take_while(|byte| **byte == 0).count();
    let fitting = lengths.clone().filter(|length| (needed..=bytes.len()).contains(length));
    fitting.map(|length| bytes[bytes.len() - length..].to_vec()).collect()
}

fn hex_bytes(hex: &str) -> Option<Vec<u8>> {
    let even = hex.len().is_multiple_of(2) && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    even.then(|| (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect())
}

/// The decimal digits of a big-endian number of any length.
fn decimal_of(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for &byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).expect("a remainder of ten is below ten");
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).expect("a remainder of ten is below ten"));
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(form: BadgeForm, take: Option<usize>) -> BadgeFormat {
        BadgeFormat { form, order: BadgeOrder::AsSent, strip: None, take }
    }

    #[test]
    fn one_fob_has_the_names_its_readers_give_it() {
        // Published: the RDM6300 frame 010063E9AE is printed 0006547886 on the fob (forum.arduino.cc/t/251993).
        let fob = [0x01, 0x00, 0x63, 0xE9, 0xAE];
        let as_hex = Badge::from_bytes(&fob, &format(BadgeForm::Hex, None)).expect("a number");
        let as_printed = Badge::from_bytes(&fob, &format(BadgeForm::Decimal, Some(4))).expect("a number");
        assert_eq!(as_hex.value(), "010063E9AE");
        assert_eq!(as_printed.value(), "6547886");
        assert!(as_printed.is("0006547886"));
        assert!(as_hex.is("01:00:63:e9:ae"));
        assert_eq!(loose_key("0006547886"), loose_key("6547886"));
    }

    #[test]
    fn a_card_read_backwards_is_the_same_card() {
        let backwards = BadgeFormat { order: BadgeOrder::Reversed, ..format(BadgeForm::Hex, None) };
        let card = Badge::from_bytes(&[0x71, 0x86, 0xA6, 0x1E], &backwards).expect("a number");
        assert_eq!(card.value(), "1EA68671");
        let text = Badge::from_text("7186a61e", &backwards).expect("a number");
        assert_eq!(text, card);
    }

    #[test]
    fn a_number_that_is_none_is_refused_and_told() {
        assert_eq!(Badge::new(BadgeForm::Hex, "hello"), Err(UnreadableBadge::NotHex));
        assert_eq!(Badge::new(BadgeForm::Decimal, "12A"), Err(UnreadableBadge::NotDecimal));
        assert_eq!(Badge::new(BadgeForm::Text, "  "), Err(UnreadableBadge::Empty));
        assert_eq!(Badge::new(BadgeForm::Decimal, "000").map(|b| b.value().to_owned()), Ok("0".to_owned()));
        assert_eq!(Badge::new(BadgeForm::Hex, &"A".repeat(129)), Err(UnreadableBadge::TooLong));
    }

    #[test]
    fn a_credential_leads_back_to_the_numbers_its_reader_sends() {
        let cards: [&[u8]; 5] =
            [&[0x7B, 0x11, 0xD7], &[0, 0, 1], &[0, 0x63, 0xE9, 0xAE], &[4, 1, 2, 3, 4, 5, 6], &[0; 4]];
        for form in [BadgeForm::Hex, BadgeForm::Decimal, BadgeForm::Text] {
            for order in [BadgeOrder::AsSent, BadgeOrder::Reversed] {
                for card in cards {
                    let format = BadgeFormat { order, ..format(form, None) };
                    let badge = Badge::from_bytes(card, &format).expect("a number");
                    let numbers = Badge::numbers_of(badge.value(), &format, 3..=8);
                    assert!(numbers.contains(&card.to_vec()), "{form:?} {order:?} {card:02X?}");
                    assert!(numbers.iter().all(|number| Badge::from_bytes(number, &format) == Ok(badge.clone())));
                }
            }
        }
        assert!(
            Badge::numbers_of("6547886", &format(BadgeForm::Decimal, Some(2)), 3..=8).is_empty(),
            "a part is left out"
        );
        assert!(Badge::numbers_of("hello", &format(BadgeForm::Text, None), 3..=8).is_empty());
    }

    #[test]
    fn a_badge_does_not_print_its_number() {
        let badge = Badge::new(BadgeForm::Hex, "010063E9AE").expect("a number");
        assert!(!format!("{badge:?}").contains("63E9AE"));
    }
}
