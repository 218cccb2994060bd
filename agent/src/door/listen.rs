//! What a reader sends, live, raw and decoded: how an admin finds the right `frame` for it.
//!
//! Badge values are printed here and nowhere else: this is the admin's own terminal.

use std::io::{self, Write};
use std::time::Duration;

use tokio::time::timeout;
use tokio_serial::SerialStream;

use super::frame::{Data, Decoder, Heard};
use super::serial::{self, Link, Lost};
use super::{FrameFormat, Parity, SerialLine};
use crate::domain::{Badge, BadgeForm, BadgeFormat, BadgeOrder};

/// Bytes shown together; more come as a second burst.
const BURST_BYTES_MAX: usize = 256;
/// Bytes on one line, as usual in dumps.
const DUMP_BYTES: usize = 16;
/// A burst is shown when the line was silent for so long: above the 16 ms by which USB adapters cut frames up.
const BURST_ENDS_AFTER: Duration = Duration::from_millis(40);
/// Formats tried when none is given, from the strictest: an `rdm6300` frame is also text between STX and ETX, and
/// a line `bits:hex` is also a line.
const TRIED: [(&str, FrameFormat); 5] = [
    ("rdm6300", FrameFormat::Rdm6300),
    ("id12", FrameFormat::Id12),
    ("wiegand-text", FrameFormat::WiegandText),
    ("stx-etx", FrameFormat::StxEtx),
    ("line", FrameFormat::Line),
];

/// Shows what comes on `line` until `out` takes no more; a pulled cable is told and waited for. Without a `frame` all
/// known ones are tried, and the one that fits is named.
///
/// # Errors
/// When writing to `out` fails.
pub async fn listen(line: &SerialLine, frame: Option<&FrameFormat>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "listening on {} at {}; stop with Ctrl-C", line.port, settings(line))?;
    let mut link = Link::new(line.clone());
    let mut last_told = String::new();
    loop {
        let told = match link.attempt().await {
            Ok(port) => {
                writeln!(out, "the line is open")?;
                out.flush()?;
                show_while_open(port, &mut Ears::new(frame), out).await?.to_string()
            }
            Err(error) => error.to_string(),
        };
        if told != last_told {
            writeln!(out, "{told}; waiting for it")?;
            out.flush()?;
        }
        last_told = told;
    }
}

async fn show_while_open(mut port: SerialStream, ears: &mut Ears, out: &mut impl Write) -> io::Result<Lost> {
    let mut burst = Vec::with_capacity(BURST_BYTES_MAX);
    loop {
        let mut chunk = [0; BURST_BYTES_MAX];
        let patience = if burst.is_empty() { ears.quiet_time() } else { BURST_ENDS_AFTER };
        let room = BURST_BYTES_MAX - burst.len();
        match timeout(patience, serial::read(&mut port, &mut chunk[..room])).await {
            Ok(Ok(count)) => burst.extend_from_slice(&chunk[..count]),
            Ok(Err(lost)) => {
                show(&burst, ears, out)?;
                return Ok(lost);
            }
            Err(_) if burst.is_empty() => ears.silence(out)?,
            Err(_) => {
                show(&burst, ears, out)?;
                burst.clear();
            }
        }
        if burst.len() == BURST_BYTES_MAX {
            show(&burst, ears, out)?;
            burst.clear();
        }
    }
}

fn show(burst: &[u8], ears: &mut Ears, out: &mut impl Write) -> io::Result<()> {
    for bytes in burst.chunks(DUMP_BYTES) {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let text: String =
            bytes.iter().map(|&byte| if matches!(byte, 0x20..=0x7E) { char::from(byte) } else { '.' }).collect();
        writeln!(out, "{:<48} |{text}|", hex.join(" "))?;
    }
    if !burst.is_empty() {
        ears.hear(burst, out)?;
    }
    out.flush()
}

/// The decoders that listen.
struct Ears {
    decoders: Vec<(&'static str, Decoder)>,
    /// The one that fits best so far.
    fits: Option<usize>,
    is_search: bool,
}

impl Ears {
    fn new(frame: Option<&FrameFormat>) -> Self {
        match frame {
            Some(frame) => Self { decoders: vec![("frame", Decoder::new(frame))], fits: Some(0), is_search: false },
            None => {
                let decoders = TRIED.iter().map(|(name, frame)| (*name, Decoder::new(frame))).collect();
                Self { decoders, fits: None, is_search: true }
            }
        }
    }

    /// The longest silence that any decoder needs to forget what has begun.
    fn quiet_time(&self) -> Duration {
        let longest = self.decoders.iter().filter_map(|(_, decoder)| decoder.quiet_time()).max();
        longest.unwrap_or(Duration::MAX)
    }

    fn silence(&mut self, out: &mut impl Write) -> io::Result<()> {
        for (at, (_, decoder)) in self.decoders.iter_mut().enumerate() {
            if let (Some(why), true) = (decoder.silence(), self.fits == Some(at)) {
                writeln!(out, "  not understood: {why}")?;
            }
        }
        out.flush()
    }

    fn hear(&mut self, burst: &[u8], out: &mut impl Write) -> io::Result<()> {
        let heard: Vec<Vec<Heard>> =
            self.decoders.iter_mut().map(|(_, decoder)| decoder.push(burst).collect()).collect();
        let fitting = heard.iter().position(|heard| heard.iter().any(|heard| matches!(heard, Heard::Frame(_))));
        // A stricter format that fits is right; a laxer one fits by its nature.
        let fits = fitting.into_iter().chain(self.fits).min();
        for heard in fits.iter().flat_map(|&at| &heard[at]) {
            match heard {
                Heard::Frame(data) => writeln!(out, "  {}: {}", self.decoders[fits.unwrap_or(0)].0, shown(data))?,
                Heard::Bad(why) => writeln!(out, "  not understood: {why}")?,
            }
        }
        match fits {
            Some(at) if self.is_search && self.fits != Some(at) => {
                writeln!(out, "  frame = \"{}\" fits", self.decoders[at].0)?
            }
            None => writeln!(out, "  no known frame yet; is --baud right for this reader?")?,
            Some(_) => {}
        }
        self.fits = fits;
        Ok(())
    }
}

/// The data in the forms that a configuration may choose.
fn shown(data: &Data) -> String {
    let format = |form, take| BadgeFormat { form, order: BadgeOrder::AsSent, strip: None, take };
    let in_form = |form, take| data.badge(&format(form, take)).as_ref().map_or("-", Badge::value).to_owned();
    match data {
        Data::Number(bytes) if bytes.len() > 4 => format!(
            "hex {}, decimal {}, decimal of the last 4 bytes {}",
            in_form(BadgeForm::Hex, None),
            in_form(BadgeForm::Decimal, None),
            in_form(BadgeForm::Decimal, Some(4)),
        ),
        Data::Number(_) => {
            format!("hex {}, decimal {}", in_form(BadgeForm::Hex, None), in_form(BadgeForm::Decimal, None))
        }
        Data::Text(text) => format!("text {text}"),
    }
}

/// `9600 baud, 8N1`.
fn settings(line: &SerialLine) -> String {
    let parity = match line.parity {
        Parity::None => 'N',
        Parity::Even => 'E',
        Parity::Odd => 'O',
    };
    format!("{} baud, {}{parity}{}", line.baud, line.data_bits, line.stop_bits)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(frame: Option<&FrameFormat>, bursts: &[&[u8]], expected: &Expect) {
        let (mut ears, mut out) = (Ears::new(frame), Vec::new());
        for burst in bursts {
            show(burst, &mut ears, &mut out).unwrap();
        }
        ears.silence(&mut out).unwrap();
        expected.assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn the_frame_that_fits_is_named_once_and_the_fob_shown_as_it_is_printed() {
        let fob = b"\x02010063E9AE25\x03";
        check(
            None,
            &[fob, fob],
            &expect![[r#"
                02 30 31 30 30 36 33 45 39 41 45 32 35 03        |.010063E9AE25.|
                  rdm6300: hex 010063E9AE, decimal 4301515182, decimal of the last 4 bytes 6547886
                  frame = "rdm6300" fits
                02 30 31 30 30 36 33 45 39 41 45 32 35 03        |.010063E9AE25.|
                  rdm6300: hex 010063E9AE, decimal 4301515182, decimal of the last 4 bytes 6547886
            "#]],
        );
    }

    #[test]
    fn stricter_frames_are_preferred_to_those_that_fit_anything() {
        check(
            None,
            &[b"26:2F623AE\r\n", b"\x020C000621A58E\r\n\x03"],
            &expect![[r#"
                32 36 3A 32 46 36 32 33 41 45 0D 0A              |26:2F623AE..|
                  wiegand-text: hex 7B11D7, decimal 8065495
                  frame = "wiegand-text" fits
                02 30 43 30 30 30 36 32 31 41 35 38 45 0D 0A 03  |.0C000621A58E...|
                  id12: hex 0C000621A5, decimal 51540009381, decimal of the last 4 bytes 401829
                  frame = "id12" fits
            "#]],
        );
    }

    #[test]
    fn what_nothing_understands_points_to_the_baud_rate() {
        check(
            None,
            &[&[0xF8, 0x00, 0x80]],
            &expect![[r#"
                F8 00 80                                         |...|
                  no known frame yet; is --baud right for this reader?
            "#]],
        );
    }

    #[test]
    fn a_given_frame_says_why_it_does_not_fit() {
        check(
            Some(&FrameFormat::Rdm6300),
            &[b"\x02010063E9AE26\x03", b"\x0201"],
            &expect![[r#"
                02 30 31 30 30 36 33 45 39 41 45 32 36 03        |.010063E9AE26.|
                  not understood: the checksum is wrong; the line is disturbed
                02 30 31                                         |.01|
                  not understood: bytes arrive that hold no whole frame; are `frame` and `baud` right for this reader?
            "#]],
        );
    }
}
