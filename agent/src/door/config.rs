//! How readers and gates are wired to this machine.

use std::time::Duration;

use crate::domain::{BadgeFormat, GateId, ReaderId};

/// The doors of the club.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Gates in the order of the file.
    pub gates: Vec<GateWiring>,
    /// Readers in the order of the file.
    pub readers: Vec<ReaderWiring>,
}

/// How one gate is driven.
#[derive(Clone, Debug, PartialEq)]
pub struct GateWiring {
    /// The gate.
    pub gate: GateId,
    /// Its driver.
    pub driver: GateDriver,
}

/// What drives a gate.
#[derive(Clone, Debug, PartialEq)]
pub enum GateDriver {
    /// A channel of an LCUS relay board.
    UsbRelay {
        /// Path of the serial port.
        port: String,
        /// Channel as printed on the board, from 1.
        channel: u8,
        /// Length of the pulse.
        pulse: Duration,
    },
    /// A gate controller on a serial line.
    Controller {
        /// Path of the serial port.
        port: String,
        /// How long the barrier may stand between its rests.
        held_open_after: Duration,
        /// Who enters while the agent is silent.
        offline: OfflineEntry,
    },
    /// Nothing: reads are decided and recorded only.
    None,
}

/// Who enters through a controller's gate while the agent is silent. Leaving is always free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineEntry {
    /// Nobody.
    Closed,
    /// Who is on the list that the controller holds.
    List {
        /// How long the list is good after the agent last said so.
        good_for: Duration,
        /// Most credentials on it; the controller holds no more.
        size: u16,
    },
}

/// How one reader is attached.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderWiring {
    /// The reader.
    pub reader: ReaderId,
    /// The gate whose turnstile hears its reads.
    pub gate: GateId,
    /// Its driver.
    pub driver: ReaderDriver,
}

/// What reads badges.
#[derive(Clone, Debug, PartialEq)]
pub enum ReaderDriver {
    /// A reader on a serial line of this machine.
    Serial {
        /// Path and line settings.
        line: SerialLine,
        /// How its frames look.
        frame: FrameFormat,
        /// How their data becomes a badge.
        badge: BadgeFormat,
    },
    /// An input of the gate's controller.
    Controller {
        /// The input, from 0.
        input: u8,
        /// How its data becomes a badge.
        badge: BadgeFormat,
        /// It leads out: the controller opens for it by itself when the agent is silent.
        leads_out: bool,
    },
}

/// A serial port and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialLine {
    /// Path, best `/dev/serial/by-id/…`, which survives replugging.
    pub port: String,
    /// Bits per second.
    pub baud: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// Parity.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// Parity of a serial line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parity {
    /// None.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// How a reader's frames look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFormat {
    /// RDM6300: `02`, ten hex digits, two of XOR checksum, `03`.
    Rdm6300,
    /// ID-12LA: the same with `0D 0A` before `03`.
    Id12,
    /// Printable text ended by CR, LF or CRLF.
    Line,
    /// `02` text `03`.
    StxEtx,
    /// A line `bits:hex`.
    WiegandText,
    /// Described in the configuration.
    Custom(CustomFrame),
}

/// A frame described in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomFrame {
    /// Bytes before the data; may be empty.
    pub prefix: Vec<u8>,
    /// Bytes after the data; empty only with a fixed length.
    pub suffix: Vec<u8>,
    /// Exact number of data bytes, if fixed, without the checksum; a byte written in hexadecimal is two digits. The
    /// whole frame fits into [`FRAME_BYTES_MAX`](super::frame::FRAME_BYTES_MAX). Binary data needs it: without it data
    /// that contains the suffix is cut.
    pub length: Option<usize>,
    /// What the data is.
    pub data: CustomData,
    /// Checksum after the data.
    pub checksum: CustomChecksum,
}

/// What the data of a custom frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CustomData {
    /// Hexadecimal digits of a number.
    HexDigits,
    /// The bytes of a number.
    Bytes,
    /// Text.
    Text,
}

/// Checksum of a custom frame, one byte over the data's bytes, written as the data is (raw after text).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CustomChecksum {
    /// None.
    None,
    /// Exclusive or.
    Xor,
    /// Sum modulo 256.
    Sum,
}
