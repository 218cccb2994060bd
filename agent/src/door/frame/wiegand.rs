//! Wiegand frames written as a line `bits:hex`, with the parity of the formats that have one.
//!
//! `hex` is all bits as one number, the first bit sent highest, leading zeros as one likes. The number of a badge is
//! what lies between the parity bits, so that one card has one number whatever reads it. Sources: H10301, H10306,
//! H10304 and the interleaved parity of HID Corporate 1000 (35 and 48 bits) as published by proxmark3's client.
//! Other lengths are refused: nearly all of them are frames that lost bits on a long cable.

use super::BadFrame;

/// One length and what is known of it.
struct Format {
    bits: u8,
    /// Parity bits before the number; one stands behind it, if any.
    parity_before: u8,
    parity_behind: u8,
    /// Bits that must hold an even number of ones together, the parity bit among them.
    even: u64,
    /// Bits that must hold an odd number of ones together, the parity bit among them.
    odd: u64,
    /// A second such set, or empty.
    odd_too: Option<u64>,
}

/// Lengths with parity.
const WITH_PARITY: [Format; 5] = [
    halves(26, 0x3FF_E000, 0x1FFF),
    halves(34, 0x3_FFFE_0000, 0x1_FFFF),
    // The two groups of 19 share their middle bit.
    halves(37, 0x1F_FFFC_0000, 0x7_FFFF),
    corporate_1000(35, 0x3_B6DB_6DB6, 0x3_6DB6_DB6D, 0x7_FFFF_FFFF),
    corporate_1000(48, 0x5B6D_B6DB_6DB6, 0x36DB_6DB6_DB6D, 0xFFFF_FFFF_FFFF),
];

/// Lengths that are whole bytes of a UID without any parity: 4 and 7 bytes (ISO 14443-3), 5 (EM4100), 8 (ISO 15693).
const WITHOUT_PARITY: [u8; 4] = [32, 40, 56, 64];

/// Lengths of a keypad's key.
const KEYS: [u8; 2] = [4, 8];

const fn halves(bits: u8, even: u64, odd: u64) -> Format {
    Format { bits, parity_before: 1, parity_behind: 1, even, odd, odd_too: None }
}

const fn corporate_1000(bits: u8, even: u64, odd: u64, all: u64) -> Format {
    Format { bits, parity_before: 2, parity_behind: 1, even, odd, odd_too: Some(all) }
}

/// The number of the badge in a line `bits:hex`, most significant byte first.
pub(super) fn number(line: &str) -> Result<Vec<u8>, BadFrame> {
    let (bits, frame) = parse(line)?;
    if let Some(format) = WITH_PARITY.iter().find(|format| format.bits == bits) {
        return format.number(frame);
    }
    match bits {
        _ if WITHOUT_PARITY.contains(&bits) => Ok(low_bytes(frame, bits)),
        _ if KEYS.contains(&bits) => Err(BadFrame::KeyPress),
        _ => Err(BadFrame::UnknownBits(bits.into())),
    }
}

impl Format {
    fn number(&self, frame: u64) -> Result<Vec<u8>, BadFrame> {
        if !self.parity_holds(frame) {
            // Swapped wires invert every bit. Each format has a parity group of odd size, so they always fail; that the
            // inverse passes is proof only when every read does so, since some disturbed bits look alike.
            let swapped = self.parity_holds(!frame & mask(self.bits));
            return Err(if swapped { BadFrame::SwappedWires(self.bits) } else { BadFrame::Parity(self.bits) });
        }
        let bits = self.bits - self.parity_before - self.parity_behind;
        let number = low_bytes(frame >> self.parity_behind & mask(bits), bits);
        if self.bits == 26 && number[0] == 0x88 { Err(BadFrame::TruncatedUid) } else { Ok(number) }
    }

    fn parity_holds(&self, frame: u64) -> bool {
        let is_odd = |group: u64| (frame & group).count_ones() % 2 == 1;
        !is_odd(self.even) && is_odd(self.odd) && self.odd_too.is_none_or(is_odd)
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
    let Some(bits) = u8::try_from(bits).ok().filter(|bits| (1..=64).contains(bits)) else {
        return Err(BadFrame::UnknownBits(bits));
    };
    let frame = u64::from_str_radix(hex, 16).ok().filter(|frame| *frame <= mask(bits));
    Ok((bits, frame.ok_or(BadFrame::TooManyBits(bits))?))
}

/// The lowest `bits` bits, 1 to 64.
fn mask(bits: u8) -> u64 {
    u64::MAX >> (64 - u32::from(bits))
}

/// The fewest bytes that hold `bits` bits, most significant first.
fn low_bytes(number: u64, bits: u8) -> Vec<u8> {
    number.to_be_bytes()[8 - usize::from(bits.div_ceil(8))..].to_vec()
}
