//! What happens at the doors, told to log and metrics at once. Ids only: no card number passes here.

use metrics::{counter, gauge};

use super::frame::BadFrame;
use crate::domain::{GateId, ReaderId, UnreadableBadge};
use crate::telemetry::Fact;

/// Whose line it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    Reader(ReaderId),
    Gate(GateId),
}

impl Owner {
    fn kind(&self) -> &'static str {
        match self {
            Self::Reader(_) => "reader",
            Self::Gate(_) => "gate",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Reader(reader) => reader.as_str(),
            Self::Gate(gate) => gate.as_str(),
        }
    }

    fn show_up(&self, up: f64) {
        gauge!("varco_line_up", "kind" => self.kind(), "id" => self.id().to_owned()).set(up);
    }
}

/// A line is open.
pub(super) struct LineUp<'a> {
    pub(super) owner: &'a Owner,
}

impl Fact for LineUp<'_> {
    fn tell(&self) {
        tracing::info!(kind = self.owner.kind(), id = self.owner.id(), "the line is up");
        counter!("varco_line_opened_total", "kind" => self.owner.kind(), "id" => self.owner.id().to_owned())
            .increment(1);
        self.owner.show_up(1.0);
    }
}

/// A line that was up, or never tried, is down.
pub(super) struct LineLost<'a> {
    pub(super) owner: &'a Owner,
    pub(super) why: &'a str,
}

impl Fact for LineLost<'_> {
    fn tell(&self) {
        tracing::warn!(kind = self.owner.kind(), id = self.owner.id(), why = self.why, "the line is down");
        counter!("varco_line_lost_total", "kind" => self.owner.kind(), "id" => self.owner.id().to_owned()).increment(1);
        self.owner.show_up(0.0);
    }
}

/// A frame gave a badge.
pub(super) struct FrameRead<'a> {
    pub(super) reader: &'a ReaderId,
}

impl Fact for FrameRead<'_> {
    fn tell(&self) {
        tracing::debug!(reader = %self.reader, "a badge was read");
        counter!("varco_reader_frames_total", "reader" => self.reader.to_string()).increment(1);
    }
}

/// Why a reader's bytes gave no badge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error(transparent)]
    Frame(#[from] BadFrame),
    #[error(transparent)]
    Badge(#[from] UnreadableBadge),
}

/// A frame gave no badge. One line of many: a noisy cable says it many times a second, so only metrics show it by default.
pub(super) struct FrameMisread<'a> {
    pub(super) reader: &'a ReaderId,
    pub(super) why: Unread,
}

impl Fact for FrameMisread<'_> {
    fn tell(&self) {
        tracing::debug!(reader = %self.reader, why = %self.why, "a frame was not understood");
        counter!("varco_reader_bad_frames_total", "reader" => self.reader.to_string()).increment(1);
    }
}

/// A read was dropped because its gate did not keep up.
pub(super) struct ReadDropped<'a> {
    pub(super) reader: &'a ReaderId,
}

impl Fact for ReadDropped<'_> {
    fn tell(&self) {
        tracing::warn!(reader = %self.reader, "a read was dropped: its gate is not keeping up");
        counter!("varco_reader_reads_dropped_total", "reader" => self.reader.to_string()).increment(1);
    }
}

/// The open command was written.
pub(super) struct PulseBegun<'a> {
    pub(super) gate: &'a GateId,
}

impl Fact for PulseBegun<'_> {
    fn tell(&self) {
        tracing::debug!(gate = %self.gate, "the gate was opened");
        counter!("varco_gate_pulses_total", "gate" => self.gate.to_string()).increment(1);
    }
}

/// A gate did not open because its board could not be reached.
pub(super) struct GateNotOpened<'a> {
    pub(super) gate: &'a GateId,
    pub(super) why: &'a str,
}

impl Fact for GateNotOpened<'_> {
    fn tell(&self) {
        tracing::warn!(gate = %self.gate, why = self.why, "the gate did not open");
        counter!("varco_gate_not_opened_total", "gate" => self.gate.to_string()).increment(1);
    }
}

/// A reader names a gate that has no wiring, and is not started.
pub(super) struct ReaderWithoutGate<'a> {
    pub(super) reader: &'a ReaderId,
    pub(super) gate: &'a GateId,
}

impl Fact for ReaderWithoutGate<'_> {
    fn tell(&self) {
        tracing::error!(reader = %self.reader, gate = %self.gate, "the reader's gate is not wired; the reader is ignored");
        counter!("varco_reader_without_gate_total", "reader" => self.reader.to_string()).increment(1);
    }
}
