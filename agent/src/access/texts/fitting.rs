//! Fitting any text to a display of two lines with sixteen characters, in the few characters its ROM has.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::plain_letters;

/// Characters in a line of the display.
const WIDTH: usize = 16;
/// Characters looked at. A text without any space would otherwise be normalised whole for two lines of it.
const CHARS_MAX: usize = 512;
/// Says that something was left out. The display's ROM has no `…`.
const ELLIPSIS: &str = "..";

/// One line of a 2×16 display: at most 16 characters, each of which every common display ROM shows as itself.
///
/// Texts break at spaces, and anywhere inside a word longer than a line. What does not fit is left out, whole words at a
/// time, and `..` says so. Accents: an acute or grave at the end of a word becomes an apostrophe, as Italians write
/// capitals (`è` is `e'`, `perché` is `perche'`); all others fall away (`å ä ö` are `a a o`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line16(String);

impl Line16 {
    /// The line, without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text in two lines.
pub(super) fn fit(text: &str) -> [Line16; 2] {
    let plain = plain(text);
    let (first, rest) = break_line(&plain);
    let (second, left_out) = break_line(rest);
    let second = if left_out.is_empty() { second.to_owned() } else { shortened(second) };
    [Line16(first.to_owned()), Line16(second)]
}

/// The longest beginning that is a line, and what follows it.
fn break_line(text: &str) -> (&str, &str) {
    if text.len() <= WIDTH {
        return (text, "");
    }
    // Plain text is ASCII, so every byte is a character.
    let end = text[..=WIDTH].rfind(' ').unwrap_or(WIDTH);
    (&text[..end], text[end..].trim_start())
}

fn shortened(line: &str) -> String {
    let room = WIDTH - ELLIPSIS.len();
    if line.len() <= room {
        return format!("{line}{ELLIPSIS}");
    }
    let end = line[..=room].rfind(' ').unwrap_or(room);
    format!("{}{ELLIPSIS}", &line[..end])
}

/// The text in the characters of the display, with single spaces.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars().take(CHARS_MAX).nfkd().peekable();
    while let Some(character) = characters.next() {
        let ends_word = !characters.peek().is_some_and(|next| next.is_alphanumeric() || is_combining_mark(*next));
        match character {
            // Combining grave and acute accent.
            '\u{300}' | '\u{301}' if ends_word && plain.ends_with(|last: char| last.is_ascii_alphabetic()) => {
                plain.push('\'')
            }
            mark if is_combining_mark(mark) => {}
            other => plain.push_str(&shown_as(other)),
        }
    }
    plain.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the ROM has for a character. Backslash and tilde are a yen sign and an arrow in the common ROM A00.
fn shown_as(character: char) -> String {
    if let Some(plain) = plain_letters(character) {
        return plain.to_owned();
    }
    let text = match character {
        '\\' => "/",
        '~' | '–' | '—' | '−' => "-",
        '‘' | '’' | '‚' | '`' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '€' => "EUR",
        space if space.is_whitespace() || space.is_control() => " ",
        ascii if ascii.is_ascii() => return ascii.to_string(),
        letter if letter.is_alphanumeric() => "?",
        _ => "",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let [first, second] = fit(text);
        format!("{first}|{second}")
    }

    #[test]
    fn texts_break_at_words() {
        assert_eq!(shown("Ti aspettiamo in segreteria"), "Ti aspettiamo in|segreteria");
        assert_eq!(shown("Welcome"), "Welcome|");
        assert_eq!(shown("  two   spaces\nand a line "), "two spaces and a|line");
        assert_eq!(shown(""), "|");
    }

    #[test]
    fn what_is_left_out_is_said() {
        assert_eq!(shown("Your trainer Kim waits for you in room 3 today"), "Your trainer Kim|waits for you..");
        assert_eq!(shown("Donaudampfschifffahrtsgesellschaftskapitän"), "Donaudampfschiff|fahrtsgesellsc..");
    }

    #[test]
    fn accents_are_written_as_the_display_can() {
        assert_eq!(shown("È già lì perché"), "E' gia' li'|perche'");
        assert_eq!(shown("Välkommen åter, Zoë"), "Valkommen ater,|Zoe");
        assert_eq!(shown("cafés élan"), "cafes elan|");
        assert_eq!(shown("10 € – “sì” \\ ~ ß Ø"), "10 EUR - \"si'\" /|- ss O");
        assert_eq!(shown("Ciao 👋 Анна"), "Ciao ????|");
    }

    proptest! {
        #[test]
        fn any_text_fits_in_characters_of_the_rom(text in any::<String>()) {
            for line in fit(&text) {
                prop_assert!(line.as_str().len() <= WIDTH);
                prop_assert!(line.as_str().bytes().all(|byte| (0x20..0x7E).contains(&byte) && byte != b'\\'));
            }
        }

        #[test]
        fn short_plain_words_are_shown_whole(words in proptest::collection::vec("[a-z]{1,5}", 0..=4)) {
            let [first, second] = fit(&words.join(" "));
            let shown = format!("{first} {second}");
            prop_assert_eq!(shown.trim(), words.join(" "));
        }
    }
}
