//! Frames with marks around them or a known length: the built-in ones and those described in the configuration.
//!
//! The newest bytes are kept in a window. Whenever a byte completes the marks of a frame, the frame is read; bytes
//! before it are rubbish by definition, so rubbish needs no rules of its own.

use super::{BadFrame, Data, FRAME_BYTES_MAX, text_of};
use crate::door::{CustomChecksum, CustomData, CustomFrame};

/// Most bytes of a binary number whose length is not configured. Such data may contain both marks, so every mark is
/// tried; a short window bounds that work however the bytes are chosen.
const BARE_NUMBER_BYTES_MAX: usize = 64;

/// Finds the frames of one shape.
#[derive(Clone, Debug)]
pub(super) struct Framed {
    shape: CustomFrame,
    window: Vec<u8>,
    window_bytes_max: usize,
}

type Read = Result<Data, BadFrame>;

impl Framed {
    pub(super) fn new(shape: CustomFrame) -> Self {
        let marks = shape.prefix.len() + shape.suffix.len();
        let window_bytes_max = match (shape.length, shape.data) {
            (Some(length), _) => marks.saturating_add(wire_bytes(length, &shape)),
            (None, CustomData::Bytes) => marks + BARE_NUMBER_BYTES_MAX,
            (None, CustomData::HexDigits | CustomData::Text) => FRAME_BYTES_MAX,
        };
        // At least one byte and never more than the limit, whatever was configured.
        let window_bytes_max = window_bytes_max.clamp(1, FRAME_BYTES_MAX);
        Self { shape, window: Vec::with_capacity(window_bytes_max), window_bytes_max }
    }

    /// The frame that `byte` completes, if it completes one.
    pub(super) fn byte(&mut self, byte: u8) -> Option<Read> {
        if self.window.len() == self.window_bytes_max {
            self.window.remove(0);
        }
        self.window.push(byte);
        if self.shape.length.is_some() { self.fixed() } else { self.ended() }
    }

    /// Whether the window holds what may be the beginning of a frame.
    pub(super) fn has_begun(&self) -> bool {
        match self.shape.prefix.first() {
            Some(mark) => self.window.contains(mark),
            None => !self.window.is_empty(),
        }
    }

    /// Whether only its length tells a frame from the next.
    pub(super) fn is_bare(&self) -> bool {
        self.shape.prefix.is_empty() && self.shape.suffix.is_empty()
    }

    pub(super) fn forget(&mut self) {
        self.window.clear();
    }

    /// Fixed length: a full window is exactly one frame long (and never full if the frame would exceed the limit). A bad one stays in it, because the marks may have come
    /// together by chance and the true frame may have begun inside.
    fn fixed(&mut self) -> Option<Read> {
        let data_bytes = wire_bytes(self.shape.length?, &self.shape);
        let marks = self.shape.prefix.len() + self.shape.suffix.len();
        if self.window.len() != marks.saturating_add(data_bytes) {
            return None;
        }
        let body = self.window.strip_prefix(&self.shape.prefix[..])?.strip_suffix(&self.shape.suffix[..])?;
        let read = self.read(body);
        if read.is_ok() || self.is_bare() {
            self.forget();
        }
        Some(read)
    }

    /// Any length: the suffix ends it, and the prefix that makes it valid began it.
    fn ended(&mut self) -> Option<Read> {
        let suffix = Some(&self.shape.suffix[..]).filter(|suffix| !suffix.is_empty())?;
        let before = self.window.strip_suffix(suffix)?;
        let Some(read) = self.after_any_prefix(before) else {
            self.forget();
            return None;
        };
        // A suffix inside binary data is no end; the window keeps the beginning until the true end makes it valid.
        let may_go_on = self.shape.data == CustomData::Bytes && !self.shape.prefix.is_empty();
        if read.is_ok() || !may_go_on {
            self.forget();
        }
        Some(read)
    }

    /// Reads from each prefix in `before` until one gives a valid frame: text from the newest, because a prefix inside
    /// it is a new beginning; numbers from the oldest, because they may contain the prefix.
    fn after_any_prefix(&self, before: &[u8]) -> Option<Read> {
        let prefix = &self.shape.prefix[..];
        if prefix.is_empty() {
            return (!before.is_empty()).then(|| self.read(before));
        }
        let mut begins = before.windows(prefix.len()).enumerate().filter(|(_, part)| *part == prefix).map(|(at, _)| at);
        let mut read = None;
        while let Some(at) = if self.shape.data == CustomData::Text { begins.next_back() } else { begins.next() } {
            read = Some(self.read(&before[at + prefix.len()..]));
            if matches!(read, Some(Ok(_))) {
                break;
            }
        }
        read
    }

    fn read(&self, body: &[u8]) -> Read {
        let bytes = match self.shape.data {
            CustomData::HexDigits => hex(body).ok_or(BadFrame::NotHex)?,
            CustomData::Bytes | CustomData::Text => body.to_vec(),
        };
        let bytes = checked(bytes, self.shape.checksum)?;
        if bytes.is_empty() {
            return Err(BadFrame::Empty);
        }
        if self.shape.data == CustomData::Text { text_of(&bytes).map(Data::Text) } else { Ok(Data::Number(bytes)) }
    }
}

/// How many bytes `length` bytes of data and their checksum are on the wire.
fn wire_bytes(length: usize, shape: &CustomFrame) -> usize {
    let with_checksum = length.saturating_add(usize::from(shape.checksum != CustomChecksum::None));
    if shape.data == CustomData::HexDigits { with_checksum.saturating_mul(2) } else { with_checksum }
}

fn checked(mut bytes: Vec<u8>, checksum: CustomChecksum) -> Result<Vec<u8>, BadFrame> {
    let sum_of: fn(&[u8]) -> u8 = match checksum {
        CustomChecksum::None => return Ok(bytes),
        CustomChecksum::Xor => |bytes| bytes.iter().fold(0, |sum, byte| sum ^ byte),
        CustomChecksum::Sum => |bytes| bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)),
    };
    let sent = bytes.pop().ok_or(BadFrame::Empty)?;
    if sum_of(&bytes) == sent { Ok(bytes) } else { Err(BadFrame::Checksum) }
}

/// The bytes that hexadecimal digits of either case write.
fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}
