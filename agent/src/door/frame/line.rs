//! Lines of text ended by CR, LF or both, as barcode and QR scanners send them.

use super::{BadFrame, FRAME_BYTES_MAX, text_of};

/// Cuts bytes into lines; empty lines are nothing, so CRLF ends one line and not two.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    /// The line outgrew its limit; its end is awaited and its rest ignored.
    overlong: bool,
}

impl Lines {
    /// The line that `byte` ends, if it ends one.
    pub(super) fn byte(&mut self, byte: u8) -> Option<Result<String, BadFrame>> {
        match byte {
            b'\r' | b'\n' => self.end(),
            _ if self.overlong || (self.line.is_empty() && !begins_text(byte)) => None,
            _ if self.line.len() == FRAME_BYTES_MAX => {
                self.forget();
                self.overlong = true;
                Some(Err(BadFrame::TooLong))
            }
            _ => {
                self.line.push(byte);
                None
            }
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.overlong || !self.line.is_empty()
    }

    pub(super) fn forget(&mut self) {
        self.line.clear();
        self.overlong = false;
    }

    fn end(&mut self) -> Option<Result<String, BadFrame>> {
        let text = (!self.line.is_empty()).then(|| text_of(without_noise(&self.line)));
        self.forget();
        text
    }
}

/// Noise before a line (a reader's power-up, a plug being pushed in) is skipped. Noise inside one is not: it may stand
/// for a lost digit, and what is left of the number could be another member's.
fn without_noise(line: &[u8]) -> &[u8] {
    let mut rest = line;
    while let Err(broken) = std::str::from_utf8(rest)
        && broken.valid_up_to() == 0
    {
        rest = &rest[1..];
    }
    rest
}

/// Whether a line of text may begin so: no control character and no byte that begins no UTF-8 character.
fn begins_text(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7E | 0xC2..=0xF4)
}
