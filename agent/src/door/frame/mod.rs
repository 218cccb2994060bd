//! Frames of readers: bytes go in as they arrive, badges' data and misreads come out.
//!
//! A decoder does no IO and knows no time: whoever reads the line tells it of silence. How its bytes are cut into
//! reads makes no difference to what it hears. What rubbish before a frame can do:
//!
//! | frame | a valid frame is lost only if |
//! |---|---|
//! | `rdm6300`, `id12`, `stx-etx` | never: `02` cannot be inside one, so each one starts afresh |
//! | `line`, `wiegand-text` | printable rubbish stands on the same line; other rubbish before it is skipped |
//! | `custom` with a checksum | one in 256 cases, when the rubbish completes a frame by chance |
//! | `custom` otherwise | the rubbish contains the prefix and completes a frame with the bytes that follow |

mod framed;
mod line;
mod wiegand;

pub(in crate::door) use wiegand::unread;

use std::fmt;
use std::time::Duration;

use self::framed::Framed;
use self::line::Lines;
use super::{CustomChecksum, CustomData, CustomFrame, FrameFormat};
use crate::domain::{Badge, BadgeFormat, UnreadableBadge};

/// Most bytes of one frame: [`BADGE_CHARS_MAX`](crate::domain::BADGE_CHARS_MAX) characters of four bytes each fit; a
/// reader that talks without end costs no more memory than this. So many bytes without any frame are one misread.
pub const FRAME_BYTES_MAX: usize = 512;

/// After so long a silence the rest of a frame is not coming. Readers pause for milliseconds inside a frame, a
/// USB adapter for 16 ms; a second frame starts when a person presents the badge again.
const QUIET: Duration = Duration::from_secs(1);

/// The same for frames that are known only by their length: the pause is the only thing that tells where one begins.
/// Above the 16 ms of USB adapters, below the pause between two badges.
const QUIET_BETWEEN_BARE_FRAMES: Duration = Duration::from_millis(100);

/// The data of one valid frame. Personal data, so it prints its size only.
#[derive(Clone, PartialEq, Eq)]
pub enum Data {
    /// The bytes of a number, most significant first, without checksum and parity.
    Number(Vec<u8>),
    /// Text.
    Text(String),
}

impl Data {
    /// The badge that this data is in a reader's configured form.
    ///
    /// # Errors
    /// When the data is not in that form.
    pub fn badge(&self, format: &BadgeFormat) -> Result<Badge, UnreadableBadge> {
        match self {
            Self::Number(bytes) => Badge::from_bytes(bytes, format),
            Self::Text(text) => Badge::from_text(text, format),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(bytes) => write!(f, "Number({} bytes)", bytes.len()),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

/// What a decoder makes of the bytes it is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A valid frame.
    Frame(Data),
    /// Something that is none, or a refused one.
    Bad(BadFrame),
}

/// Why bytes are no frame. The text tells an admin where to look; it never holds data of a badge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadFrame {
    /// Many bytes, or a beginning without an end.
    #[error("bytes arrive that hold no whole frame; are `frame` and `baud` right for this reader?")]
    NoFrame,
    /// The checksum of a frame differs from the one computed.
    #[error("the checksum is wrong; the line is disturbed")]
    Checksum,
    /// Other characters where hexadecimal digits belong.
    #[error("the data is not hexadecimal; is `frame` right for this reader?")]
    NotHex,
    /// Control characters or broken UTF-8 where text belongs.
    #[error("the text contains bytes that are no text; are `frame`, `baud` and `parity` right for this reader?")]
    NotText,
    /// A frame around nothing.
    #[error("the frame is empty")]
    Empty,
    /// More than [`FRAME_BYTES_MAX`] bytes without an end.
    #[error("the frame is longer than 512 bytes")]
    TooLong,
    /// A line that is not `bits:hex`.
    #[error("the line is not `bits:hex`")]
    NotWiegand,
    /// The hexadecimal number needs more bits than the line says.
    #[error("the number has more than {0} bits; the bits must be written as one number, the last bit sent lowest")]
    TooManyBits(u8),
    /// A Wiegand length nobody knows: most often a cable that loses bits.
    #[error("{0} bits are no known Wiegand format; does the cable lose bits?")]
    UnknownBits(u32),
    /// Four or eight bits are a key of a keypad.
    #[error("a key was pressed; keypads are not badges")]
    KeyPress,
    /// Wiegand parity fails.
    #[error("the parity of {0} bits is wrong; the line is disturbed")]
    Parity(u8),
    /// Wiegand parity fails, and that of all bits inverted passes.
    #[error(
        "the parity of {0} bits is wrong, and right when all bits are inverted: if every read says so, wires D0 and D1 are swapped"
    )]
    SwappedWires(u8),
    /// Wiegand 26 of a 7-byte UID: the cascade tag `88` (ISO 14443-3) and two bytes of the UID, which many cards share.
    #[error(
        "a card with a 7-byte UID sends only two bytes of it in 26 bits, which is no identity; set the reader to 34 or 56 bits"
    )]
    TruncatedUid,
}

/// Finds one reader's frames in its bytes.
#[derive(Clone, Debug)]
pub struct Decoder {
    frames: Frames,
    /// Bytes since the last thing heard.
    unheard: usize,
}

#[derive(Clone, Debug)]
enum Frames {
    Framed(Framed),
    Line(Lines),
    Wiegand(Lines),
}

impl Decoder {
    /// A decoder that has heard nothing yet.
    #[must_use]
    pub fn new(format: &FrameFormat) -> Self {
        let frames = match format {
            FrameFormat::Rdm6300 => Frames::Framed(Framed::new(five_hex_bytes(&[0x03]))),
            FrameFormat::Id12 => Frames::Framed(Framed::new(five_hex_bytes(&[0x0D, 0x0A, 0x03]))),
            FrameFormat::StxEtx => Frames::Framed(Framed::new(text_between_stx_and_etx())),
            FrameFormat::Custom(shape) => Frames::Framed(Framed::new(shape.clone())),
            FrameFormat::Line => Frames::Line(Lines::default()),
            FrameFormat::WiegandText => Frames::Wiegand(Lines::default()),
        };
        Self { frames, unheard: 0 }
    }

    /// Takes the next bytes and tells, lazily, what they complete; at most one thing a byte.
    pub fn push<'a>(&'a mut self, bytes: &'a [u8]) -> impl Iterator<Item = Heard> + use<'a> {
        bytes.iter().filter_map(|&byte| self.byte(byte))
    }

    /// How long the line may be silent before [`silence`](Self::silence) is due; `None` while no frame has begun.
    #[must_use]
    pub fn quiet_time(&self) -> Option<Duration> {
        match &self.frames {
            Frames::Framed(framed) if !framed.has_begun() => None,
            Frames::Framed(framed) if framed.is_bare() => Some(QUIET_BETWEEN_BARE_FRAMES),
            Frames::Line(lines) | Frames::Wiegand(lines) if !lines.has_begun() => None,
            Frames::Framed(_) | Frames::Line(_) | Frames::Wiegand(_) => Some(QUIET),
        }
    }

    /// The line was silent for the [`quiet_time`](Self::quiet_time): what has begun will not end, and is forgotten, so
    /// that it never becomes the front of another badge.
    pub fn silence(&mut self) -> Option<BadFrame> {
        self.quiet_time()?;
        match &mut self.frames {
            Frames::Framed(framed) => framed.forget(),
            Frames::Line(lines) | Frames::Wiegand(lines) => lines.forget(),
        }
        self.unheard = 0;
        Some(BadFrame::NoFrame)
    }

    fn byte(&mut self, byte: u8) -> Option<Heard> {
        self.unheard += 1;
        let read = match &mut self.frames {
            Frames::Framed(framed) => framed.byte(byte),
            Frames::Line(lines) => lines.byte(byte).map(|line| line.map(Data::Text)),
            Frames::Wiegand(lines) => {
                lines.byte(byte).map(|line| line.and_then(|line| wiegand::number(&line)).map(Data::Number))
            }
        };
        let heard = match read {
            Some(Ok(data)) => Heard::Frame(data),
            Some(Err(why)) => Heard::Bad(why),
            None if self.unheard > FRAME_BYTES_MAX => Heard::Bad(BadFrame::NoFrame),
            None => return None,
        };
        self.unheard = 0;
        Some(heard)
    }
}

/// RDM6300 and ID-12LA: `02`, five bytes and their exclusive or in hexadecimal, the end.
fn five_hex_bytes(suffix: &[u8]) -> CustomFrame {
    CustomFrame {
        prefix: vec![0x02],
        suffix: suffix.to_vec(),
        length: Some(5),
        data: CustomData::HexDigits,
        checksum: CustomChecksum::Xor,
    }
}

fn text_between_stx_and_etx() -> CustomFrame {
    CustomFrame {
        prefix: vec![0x02],
        suffix: vec![0x03],
        length: None,
        data: CustomData::Text,
        checksum: CustomChecksum::None,
    }
}

/// The text of `bytes` without white space around it.
fn text_of(bytes: &[u8]) -> Result<String, BadFrame> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadFrame::NotText)?.trim();
    if text.chars().any(char::is_control) {
        return Err(BadFrame::NotText);
    }
    if text.is_empty() { Err(BadFrame::Empty) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests;
