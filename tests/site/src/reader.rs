//! What badge readers put on a serial line: good frames in every dialect, repeated, split, merged, or after garbage.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};

use crate::pty::SerialLine;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// How often an RDM6300 repeats a fob that is held in its field.
pub const HELD_REPEAT: Duration = Duration::from_millis(50);

/// The bytes a reader sends for one badge in one dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// 125 kHz module: STX, ten hex digits, checksum, ETX.
    Rdm6300,
    /// The same with CR LF before ETX.
    Id12,
    /// Barcode and QR scanners: text and CR LF.
    Line,
    /// Text between STX and ETX.
    StxEtx,
    /// A Wiegand converter: `bits:hex` and CR LF.
    WiegandText,
}

impl Dialect {
    /// The name of this dialect in the agent's configuration (`frame`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Rdm6300 => "rdm6300",
            Self::Id12 => "id12",
            Self::Line => "line",
            Self::StxEtx => "stx-etx",
            Self::WiegandText => "wiegand-text",
        }
    }

    /// The whole frame of `badge`: ten hex digits for the 125 kHz dialects, any text otherwise.
    pub fn frame(self, badge: &str) -> Vec<u8> {
        let text = badge.as_bytes();
        match self {
            Self::Rdm6300 => [&[STX], text, &checksum(badge), &[ETX]].concat(),
            Self::Id12 => [&[STX], text, &checksum(badge), b"\r\n", &[ETX]].concat(),
            Self::Line => [text, b"\r\n"].concat(),
            Self::StxEtx => [&[STX], text, &[ETX]].concat(),
            Self::WiegandText => format!("{}:{badge}\r\n", badge.len() * 4).into_bytes(),
        }
    }
}

/// An RDM6300 frame whose checksum is wrong by one bit: to be counted and never decided on.
pub fn spoiled_rdm6300(badge: &str) -> Vec<u8> {
    let mut frame = Dialect::Rdm6300.frame(badge);
    let last_digit = frame.len() - 2;
    frame[last_digit] = if frame[last_digit] == b'0' { b'1' } else { b'0' };
    frame
}

/// Bytes that are no frame and contain the start of one, as a line picks up from a motor beside it.
pub const GARBAGE: &[u8] = b"\x00\xff\x0204A\x7f\x02\x02Z9\r";

/// A reader at the end of its line.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    line: &'a SerialLine,
    dialect: Dialect,
}

impl<'a> Reader<'a> {
    /// A reader of `dialect` on `line`.
    pub fn on(line: &'a SerialLine, dialect: Dialect) -> Self {
        Self { line, dialect }
    }

    /// Reads a badge once.
    pub fn read(&self, badge: &str) -> Result<()> {
        self.line.write(&self.dialect.frame(badge))
    }

    /// Reads several badges in one write, as a driver delivers them after a busy moment.
    pub fn read_merged(&self, badges: &[&str]) -> Result<()> {
        let frames: Vec<u8> = badges.iter().flat_map(|badge| self.dialect.frame(badge)).collect();
        self.line.write(&frames)
    }

    /// Reads a badge in pieces of `size` bytes with `gap` between them, as a slow line delivers it.
    pub async fn read_split(&self, badge: &str, size: usize, gap: Duration) -> Result<()> {
        let mut gaps = interval(gap);
        for piece in self.dialect.frame(badge).chunks(size) {
            gaps.tick().await;
            self.line.write(piece)?;
        }
        Ok(())
    }

    /// Reads a badge right behind garbage.
    pub fn read_after_garbage(&self, badge: &str) -> Result<()> {
        self.line.write(&[GARBAGE, &self.dialect.frame(badge)].concat())
    }

    /// Holds a badge in the field: its frame at once and again `every` so often until `lasting` is over. Counts the frames.
    pub async fn hold(&self, badge: &str, every: Duration, lasting: Duration) -> Result<usize> {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let frames = 1 + (lasting.as_micros() / every.as_micros().max(1)) as usize;
        for _ in 0..frames {
            ticks.tick().await;
            self.read(badge)?;
        }
        Ok(frames)
    }
}

/// Two hex digits: the exclusive or of the data bytes.
fn checksum(badge: &str) -> [u8; 2] {
    let nibble = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
    let sum = badge
        .as_bytes()
        .chunks(2)
        .map(|pair| nibble(pair[0]) << 4 | pair.get(1).map_or(0, |low| nibble(*low)))
        .fold(0, |sum, byte| sum ^ byte);
    let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
    [digit(sum >> 4), digit(sum & 0x0f)]
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::pty::open_port;

    #[test]
    fn published_frames_come_out_byte_by_byte() {
        // The frame of Seeed's and ITEAD's RDM6300 sheets: 62E3086CED has checksum 08.
        assert_eq!(Dialect::Rdm6300.frame("62E3086CED"), b"\x0262E3086CED08\x03");
        // The frame of the ID-12 data sheet's layout.
        assert_eq!(Dialect::Id12.frame("62E3086CED"), b"\x0262E3086CED08\r\n\x03");
        assert_eq!(Dialect::Line.frame("4006381333931"), b"4006381333931\r\n");
        assert_eq!(Dialect::StxEtx.frame("AB12"), b"\x02AB12\x03");
        assert_eq!(Dialect::WiegandText.frame("A1B2C3"), b"24:A1B2C3\r\n");
        assert_eq!(spoiled_rdm6300("62E3086CED"), b"\x0262E3086CED00\x03");
    }

    #[tokio::test]
    async fn split_merged_held_and_noisy_reads_all_reach_the_port() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let line = SerialLine::plugged_in(folder.path(), "entry-1")?;
        let mut port = open_port(line.path())?;
        let reader = Reader::on(&line, Dialect::Rdm6300);
        let badge = "0415AB12CD";
        let frame = Dialect::Rdm6300.frame(badge);

        reader.read_merged(&[badge, badge])?;
        reader.read_split(badge, 3, Duration::from_millis(1)).await?;
        let held = reader.hold(badge, Duration::from_millis(1), Duration::from_millis(4)).await?;
        reader.read_after_garbage(badge)?;

        assert_eq!(held, 5);
        let mut heard = vec![0; frame.len() * 9 + GARBAGE.len()];
        port.read_exact(&mut heard)?;
        assert_eq!(&heard[..frame.len() * 8], frame.repeat(8));
        assert_eq!(&heard[frame.len() * 8..], [GARBAGE, &frame].concat());
        Ok(())
    }
}
