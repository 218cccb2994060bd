//! Lines of a file of any size, each of bounded length, numbered as an editor numbers them.

use std::io::{self, BufRead};

/// Longest line, in bytes: a person with a photo of the largest size fits; a file without line ends does not fill the
/// memory.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What stands on a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// Its text, without the line end.
    Text(String),
    /// Longer than [`LINE_BYTES_MAX`]; it was skipped to its end.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
}

/// Reads line by line.
pub(super) struct Lines<R> {
    source: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads a source from its beginning.
    pub(super) fn of(source: R) -> Self {
        Self { source, number: 0 }
    }

    /// The next line that is not blank, with its number from 1; none at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, Line)>> {
        while let Some(line) = self.physical_line()? {
            self.number += 1;
            let line = if self.number == 1 { without_byte_order_mark(line) } else { line };
            if line != Line::Text(String::new()) {
                return Ok(Some((self.number, line)));
            }
        }
        Ok(None)
    }

    fn physical_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut too_long = false;
        loop {
            let ahead = self.source.fill_buf()?;
            if ahead.is_empty() {
                return Ok((!bytes.is_empty() || too_long).then(|| text(bytes, too_long)));
            }
            let (taken, ended) = match ahead.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at, true),
                None => (ahead.len(), false),
            };
            too_long |= bytes.len() + taken > LINE_BYTES_MAX;
            if !too_long {
                bytes.extend_from_slice(&ahead[..taken]);
            }
            self.source.consume(taken + usize::from(ended));
            if ended {
                return Ok(Some(text(bytes, too_long)));
            }
        }
    }
}

fn text(bytes: Vec<u8>, too_long: bool) -> Line {
    if too_long {
        return Line::TooLong;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Line::Text(text.trim().to_owned()),
        Err(_) => Line::NotUtf8,
    }
}

fn without_byte_order_mark(line: Line) -> Line {
    match line {
        Line::Text(text) => Line::Text(text.trim_start_matches('\u{feff}').trim_start().to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u64, Line)> {
        // A tiny buffer splits every line somewhere.
        let mut lines = Lines::of(io::BufReader::with_capacity(3, bytes));
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    fn line(number: u64, text: &str) -> (u64, Line) {
        (number, Line::Text(text.to_owned()))
    }

    #[test]
    fn blank_lines_count_but_are_not_read() {
        assert_eq!(read(b"a\r\n\n  \nb"), [line(1, "a"), line(4, "b")]);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n\n"), []);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        assert_eq!(read("\u{feff}a\nb\n".as_bytes()), [line(1, "a"), line(2, "b")]);
        assert_eq!(read("\u{feff}\nb".as_bytes()), [line(2, "b")]);
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_spoils_only_itself() {
        let mut file = vec![b'x'; LINE_BYTES_MAX + 1];
        file.extend_from_slice(b"\nfine\n\xFF\xFE\nalso fine");
        assert_eq!(read(&file), [(1, Line::TooLong), line(2, "fine"), (3, Line::NotUtf8), line(4, "also fine")]);
        assert_eq!(read(&vec![b'x'; LINE_BYTES_MAX]).len(), 1);
        assert!(matches!(read(&vec![b'x'; LINE_BYTES_MAX]).first(), Some((1, Line::Text(_)))));
    }
}
