//! `varco ports` and `varco listen`: which serial ports there are, and what a reader on one of them sends.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::door::{self, FrameFormat, Parity, SerialLine};

#[derive(Args, Debug)]
pub(super) struct ListenArguments {
    /// The port, such as /dev/ttyUSB0 or a name from `varco ports`.
    port: String,
    /// Bits per second.
    #[arg(long, default_value_t = 9600)]
    baud: u32,
    /// How its frames look; without it, whatever fits is shown.
    #[arg(long)]
    frame: Option<Frame>,
}

/// The frames that need no further description.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Frame {
    Rdm6300,
    Id12,
    Line,
    StxEtx,
    WiegandText,
}

impl From<Frame> for FrameFormat {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Rdm6300 => Self::Rdm6300,
            Frame::Id12 => Self::Id12,
            Frame::Line => Self::Line,
            Frame::StxEtx => Self::StxEtx,
            Frame::WiegandText => Self::WiegandText,
        }
    }
}

#[expect(clippy::print_stdout, reason = "the list is the command's output")]
pub(super) fn list() -> anyhow::Result<ExitCode> {
    print!("{}", door::ports().context("looking for serial ports")?);
    Ok(ExitCode::SUCCESS)
}

/// Until Ctrl-C.
pub(super) async fn listen(arguments: ListenArguments) -> anyhow::Result<ExitCode> {
    let ListenArguments { port, baud, frame } = arguments;
    let line = SerialLine { port, baud, data_bits: 8, parity: Parity::None, stop_bits: 1 };
    let frame = frame.map(FrameFormat::from);
    let mut out = std::io::stdout();
    tokio::select! {
        ended = door::listen(&line, frame.as_ref(), &mut out) => ended.context("writing what was heard")?,
        interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for Ctrl-C")?,
    }
    Ok(ExitCode::SUCCESS)
}
