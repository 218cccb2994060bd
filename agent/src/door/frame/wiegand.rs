//! Wiegand frames written as a line `bits:hex`, with the parity of the formats that have one.
//!
//! `hex` is all bits as one number, the first bit sent highest, leading zeros as one likes. The table of formats is the
//! gate controller's.

use firmware_proto::from_gate::BadRead;
use firmware_proto::wiegand::{self, BITS_MAX};

use super::BadFrame;

/// The number of the badge in a line `bits:hex`, most significant byte first.
pub(super) fn number(line: &str) -> Result<Vec<u8>, BadFrame> {
    let (bits, frame) = parse(line)?;
    let number = wiegand::number(bits, frame).map_err(|why| unread(why, bits))?;
    Ok(number.to_vec())
}

/// Why a Wiegand frame of so many bits is no badge, as the gate controller tells it too.
pub(in crate::door) fn unread(why: BadRead, bits: u8) -> BadFrame {
    match why {
        BadRead::Parity => BadFrame::Parity(bits),
        BadRead::SwappedWires => BadFrame::SwappedWires(bits),
        BadRead::UnknownBits => BadFrame::UnknownBits(bits.into()),
        BadRead::KeyPress => BadFrame::KeyPress,
        BadRead::TruncatedUid => BadFrame::TruncatedUid,
    }
}

fn parse(line: &str) -> Result<(u8, u64), BadFrame> {
    let is_number = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    let (bits, hex) = line.split_once(':').ok_or(BadFrame::NotWiegand)?;
    let (bits, hex) = (bits.trim(), hex.trim());
    if !is_number(bits, 10) || !is_number(hex, 16) {
        return Err(BadFrame::NotWiegand);
    }
    let bits: u32 = bits.parse().map_err(|_| BadFrame::NotWiegand)?;
    let Some(bits) = u8::try_from(bits).ok().filter(|bits| (1..=BITS_MAX).contains(bits)) else {
        return Err(BadFrame::UnknownBits(bits));
    };
    let frame = u64::from_str_radix(hex, 16).ok().filter(|frame| *frame <= u64::MAX >> (BITS_MAX - bits));
    Ok((bits, frame.ok_or(BadFrame::TooManyBits(bits))?))
}
