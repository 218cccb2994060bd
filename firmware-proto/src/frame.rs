//! Frames: what lies between two zeros on the wire.
//!
//! ```text
//! COBS( mark, session (4, little endian), message (postcard), CRC-32 of all before it (4, little endian) ), 0
//! ```
//!
//! The mark tells the direction and the layout of the frame, so that an echo is never taken for an answer. COBS leaves
//! no zero inside a frame: whatever happened before, the byte after a zero begins a new one.

use core::marker::PhantomData;

use crc::{CRC_32_ISCSI, Crc};
use heapless::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::from_gate::FromGate;
use crate::to_gate::ToGate;
use crate::words::Session;

/// Most bytes of a frame before COBS. Below 254 every frame has exactly one encoding.
pub const FRAME_BYTES_MAX: usize = 224;

/// Most bytes of a frame on the wire: one of COBS in front, the zero behind.
pub const WIRE_BYTES_MAX: usize = FRAME_BYTES_MAX + 2;

/// Mark and session.
const HEAD_BYTES: usize = 5;
/// The CRC.
const TAIL_BYTES: usize = 4;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

const _: () = assert!(FRAME_BYTES_MAX < 254 && HEAD_BYTES + TAIL_BYTES < FRAME_BYTES_MAX);

/// The messages of one direction.
pub trait Message: Serialize + DeserializeOwned {
    /// First byte of their frames: the direction and the version of the frame's layout.
    const MARK: u8;
}

impl Message for ToGate {
    const MARK: u8 = 0x01;
}

impl Message for FromGate {
    const MARK: u8 = 0x81;
}

/// A message in its session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet<M> {
    /// The session.
    pub session: Session,
    /// The message.
    pub message: M,
}

/// A frame as it goes over the wire, its zero included.
pub type Wire = Vec<u8, WIRE_BYTES_MAX>;

/// A message needs more than [`FRAME_BYTES_MAX`]. None that this crate can make does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

impl<M: Message> Packet<M> {
    /// The packet as a frame.
    ///
    /// # Errors
    /// When it is longer than a frame may be.
    pub fn to_wire(&self) -> Result<Wire, TooLong> {
        let mut plain = [0; FRAME_BYTES_MAX];
        let (head, body) = plain.split_at_mut(HEAD_BYTES);
        head[0] = M::MARK;
        head[1..].copy_from_slice(&self.session.0.to_le_bytes());
        let room = body.len() - TAIL_BYTES;
        let length = postcard::to_slice(&self.message, &mut body[..room]).map_err(|_| TooLong)?.len();
        let end = HEAD_BYTES + length;
        let crc = CRC.checksum(&plain[..end]).to_le_bytes();
        plain[end..end + TAIL_BYTES].copy_from_slice(&crc);
        let mut wire = [0; WIRE_BYTES_MAX];
        let written = cobs::try_encode(&plain[..end + TAIL_BYTES], &mut wire).map_err(|_| TooLong)?;
        // The byte behind what was written is still zero: the delimiter.
        Wire::from_slice(wire.get(..=written).ok_or(TooLong)?).map_err(|_| TooLong)
    }
}

/// Why bytes between two zeros are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadFrame {
    /// No COBS, or too short or too long for a frame.
    Shape,
    /// The CRC is wrong.
    Checksum,
    /// A frame of the other direction or of another layout: an echo, or a stranger.
    Mark,
    /// A whole frame with a message that this version does not know.
    Strange(Strange),
}

/// As much of an unknown message as can be told: postcard writes the number of a variant first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strange {
    /// Its session.
    pub session: Session,
    /// Which message.
    pub variant: u32,
    /// For orders and events: their number.
    pub number: u32,
    /// For orders: their kind.
    pub kind: u32,
}

/// Counts frames since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Good ones.
    pub good: u32,
    /// All others.
    pub bad: u32,
}

/// Finds frames in bytes, one byte at a time.
#[derive(Debug)]
pub struct Decoder<M> {
    cobs: cobs::DecoderState,
    plain: Vec<u8, FRAME_BYTES_MAX>,
    /// The frame is spoilt: everything to the next zero belongs to it.
    spoilt: bool,
    counts: Counts,
    of: PhantomData<M>,
}

impl<M: Message> Default for Decoder<M> {
    fn default() -> Self {
        Self {
            cobs: cobs::DecoderState::Idle,
            plain: Vec::new(),
            spoilt: false,
            counts: Counts::default(),
            of: PhantomData,
        }
    }
}

impl<M: Message> Decoder<M> {
    /// Takes a byte; a zero may complete a frame. Zeros without anything between them are nothing.
    pub fn push(&mut self, byte: u8) -> Option<Result<Packet<M>, BadFrame>> {
        let ended = match self.cobs.feed(byte) {
            Ok(cobs::DecodeResult::NoData) => return None,
            Ok(cobs::DecodeResult::DataContinue(data)) => {
                self.spoilt |= self.plain.push(data).is_err();
                return None;
            }
            Ok(cobs::DecodeResult::DataComplete) if !self.spoilt => parse(&self.plain),
            Ok(cobs::DecodeResult::DataComplete) | Err(_) => Err(BadFrame::Shape),
        };
        self.plain.clear();
        self.spoilt = false;
        let counter = if ended.is_ok() { &mut self.counts.good } else { &mut self.counts.bad };
        *counter = counter.saturating_add(1);
        Some(ended)
    }

    /// How many frames there were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

fn parse<M: Message>(plain: &[u8]) -> Result<Packet<M>, BadFrame> {
    let (covered, crc) = plain.split_last_chunk::<TAIL_BYTES>().ok_or(BadFrame::Shape)?;
    if CRC.checksum(covered) != u32::from_le_bytes(*crc) {
        return Err(BadFrame::Checksum);
    }
    let (mark, rest) = covered.split_first().ok_or(BadFrame::Shape)?;
    if *mark != M::MARK {
        return Err(BadFrame::Mark);
    }
    let (session, body) = rest.split_first_chunk::<4>().ok_or(BadFrame::Shape)?;
    let session = Session(u32::from_le_bytes(*session));
    match postcard::take_from_bytes::<M>(body) {
        Ok((message, [])) => Ok(Packet { session, message }),
        Ok(_) | Err(_) => Err(BadFrame::Strange(strange(session, body))),
    }
}

fn strange(session: Session, body: &[u8]) -> Strange {
    let number = |bytes| postcard::take_from_bytes::<u32>(bytes).unwrap_or((0, &[]));
    let (variant, rest) = number(body);
    let (first, rest) = number(rest);
    let (kind, _) = number(rest);
    Strange { session, variant, number: first, kind }
}
