//! Single values of the file: durations, sizes, names, choices and numbers in their ranges.

use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;

use super::section::Fault;
use super::suggest::did_you_mean;
use super::tree::{Node, Value};
use crate::domain::BadName;

/// The longest text of any key, in bytes: a path or an address fits, a pasted file does not.
const TEXT_BYTES_MAX: usize = 1024;

/// A text that is not empty.
pub(super) fn text(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Value::Text(text) if text.trim().is_empty() => {
            Err(Fault::new("the text is empty", "write something, or remove the key"))
        }
        Value::Text(text) if text.len() > TEXT_BYTES_MAX => {
            Err(Fault::new(format!("the text is longer than {TEXT_BYTES_MAX} bytes"), "write a shorter one"))
        }
        Value::Text(text) => Ok(text.clone()),
        Value::Table(_) | Value::List(_) => Err(wrong_kind(node, "a text in quotes")),
        _ => Err(wrong_kind(node, "a text; put it into quotes")),
    }
}

/// One of the named things: `gate`, `reader`, `zone` and so on.
pub(super) fn name<T: FromStr<Err = BadName>>(node: &Node) -> Result<T, Fault> {
    text(node)?.parse().map_err(|BadName(text, mend)| Fault::new(format!("{text:?} is not a name"), mend))
}

/// `true` or `false`.
pub(super) fn flag(node: &Node) -> Result<bool, Fault> {
    match &node.value {
        Value::Flag(flag) => Ok(*flag),
        _ => Err(wrong_kind(node, "true or false, without quotes")),
    }
}

/// A whole number in a range.
pub(super) fn whole<T>(range: RangeInclusive<T>) -> impl FnOnce(&Node) -> Result<T, Fault>
where
    T: TryFrom<i64> + PartialOrd + Display + Debug,
{
    move |node| {
        let Value::Whole(number) = node.value else { return Err(wrong_kind(node, "a whole number, without quotes")) };
        T::try_from(number).ok().filter(|it| range.contains(it)).ok_or_else(|| {
            Fault::new(format!("{number} is out of range"), format!("write {} to {}", range.start(), range.end()))
        })
    }
}

/// One of a few words.
pub(super) fn choice<T: Clone>(words: &[(&'static str, T)]) -> impl FnOnce(&Node) -> Result<T, Fault> {
    move |node| {
        let text = text(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(value.clone());
        }
        let known: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let mend = match did_you_mean(&text, words.iter().map(|(word, _)| *word)) {
            Some(meant) => format!("did you mean {meant:?}? Possible: {}", known.join(", ")),
            None => format!("possible: {}", known.join(", ")),
        };
        Err(Fault::new(format!("{text:?} is not possible here"), mend))
    }
}

/// A list of values.
pub(super) fn list<T>(read: impl Fn(&Node) -> Result<T, Fault>) -> impl FnOnce(&Node) -> Result<Vec<T>, Fault> {
    move |node| {
        let Value::List(items) = &node.value else { return Err(wrong_kind(node, "a list in [ ]")) };
        let one = |item| read(item).map_err(|fault| Fault { at: fault.at.or(Some(item.span.clone())), ..fault });
        items.iter().map(one).collect()
    }
}

/// The units of durations, in milliseconds.
const DURATION_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A duration such as `500ms`, `3s`, `10m`, `4h` or `30d`, in a range.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl FnOnce(&Node) -> Result<Duration, Fault> {
    move |node| {
        let example = || format!("write {} to {}, as in \"3s\"", spoken(*range.start()), spoken(*range.end()));
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Whole(number) => {
                return Err(Fault::new(
                    format!("{number} has no unit"),
                    format!("{} with ms, s, m, h or d", example()),
                ));
            }
            _ => return Err(wrong_kind(node, "a duration, as in \"3s\"")),
        };
        let found = quantity(text, &DURATION_UNITS).map(Duration::from_millis).ok_or_else(|| {
            Fault::new(
                format!("{text:?} is no duration"),
                "write a whole number and a unit: \"500ms\", \"3s\", \"10m\", \"4h\", \"30d\"",
            )
        })?;
        let fits = range.contains(&found);
        fits.then_some(found).ok_or_else(|| Fault::new(format!("{text:?} is out of range"), example()))
    }
}

/// The units of sizes.
const SIZE_UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A size in bytes such as `64MiB`, at most `bytes_max`.
pub(super) fn size(bytes_max: u64) -> impl FnOnce(&Node) -> Result<u64, Fault> {
    move |node| {
        let text = text(node)?;
        let bytes = quantity(&text, &SIZE_UNITS)
            .ok_or_else(|| Fault::new(format!("{text:?} is no size"), "write a whole number and a unit: \"64MiB\""))?;
        let mend = || format!("write at most {}MiB", bytes_max >> 20);
        (bytes <= bytes_max).then_some(bytes).ok_or_else(|| Fault::new(format!("{text:?} is too much"), mend()))
    }
}

/// A time of day such as `04:00`.
pub(super) fn time_of_day(node: &Node) -> Result<civil::Time, Fault> {
    let Value::Text(text) = &node.value else {
        return Err(wrong_kind(node, "a time of day in quotes, as in \"04:00\""));
    };
    civil::Time::strptime("%H:%M", text)
        .map_err(|_| Fault::new(format!("{text:?} is no time of day"), "write hours and minutes, as in \"04:00\""))
}

/// A time zone by its IANA name.
pub(super) fn time_zone(node: &Node) -> Result<TimeZone, Fault> {
    let text = text(node)?;
    TimeZone::get(&text).map_err(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        let mend = match did_you_mean(&text, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "write a name of the IANA list, as in \"Europe/Rome\"".into(),
        };
        Fault::new(format!("there is no time zone {text:?}"), mend)
    })
}

/// Bytes written as hexadecimal digits, as in `02` or `0D 0A`; at most `bytes_max`.
pub(super) fn hex_bytes(bytes_max: usize) -> impl FnOnce(&Node) -> Result<Vec<u8>, Fault> {
    move |node| {
        let Value::Text(text) = &node.value else {
            return Err(wrong_kind(node, "hexadecimal digits in quotes, as in \"02\""));
        };
        let digits: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).ok();
        let whole = digits.len().is_multiple_of(2) && digits.iter().all(char::is_ascii_hexdigit);
        let bytes: Option<Vec<u8>> = if whole { digits.chunks(2).map(byte).collect() } else { None };
        bytes.filter(|bytes| bytes.len() <= bytes_max).ok_or_else(|| {
            let mend =
                format!("write two hexadecimal digits for each byte, as in \"0D 0A\", at most {bytes_max} bytes");
            Fault::new(format!("{text:?} is no row of bytes"), mend)
        })
    }
}

/// `what` was expected, and something else is written.
pub(super) fn wrong_kind(node: &Node, what: &str) -> Fault {
    Fault::new(format!("this is {}", node.value.kind()), format!("write {what}"))
}

/// A whole number with a unit, in the smallest unit.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(word, _)| *word == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// A duration as it is written in the file.
fn spoken(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let largest = DURATION_UNITS.iter().rev().find(|(_, factor)| millis >= *factor && millis.is_multiple_of(*factor));
    largest.map_or_else(|| "\"0s\"".into(), |(word, factor)| format!("\"{}{word}\"", millis / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_a_whole_number_and_a_known_unit() {
        assert_eq!(quantity("500ms", &DURATION_UNITS), Some(500));
        assert_eq!(quantity("10m", &DURATION_UNITS), Some(600_000));
        assert_eq!(quantity("64MiB", &SIZE_UNITS), Some(67_108_864));
        for bad in ["", "3", "s", "-3s", "3 minutes", "1.5s", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(quantity(bad, &DURATION_UNITS), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_is_spoken_as_it_is_written() {
        assert_eq!(spoken(Duration::from_secs(90)), "\"90s\"");
        assert_eq!(spoken(Duration::from_secs(120)), "\"2m\"");
        assert_eq!(spoken(Duration::ZERO), "\"0s\"");
    }
}
