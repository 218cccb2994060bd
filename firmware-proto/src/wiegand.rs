//! Wiegand: which lengths there are, what their parity covers, and where in them the number of a badge lies.
//!
//! The number of a badge is what lies between the parity bits, so that one card has one number whatever reads it.
//! Sources: H10301, H10306, H10304 and the interleaved parity of HID Corporate 1000 (35 and 48 bits) as published by
//! proxmark3's client. Other lengths are refused: nearly all of them are frames that lost bits on a long cable.

use heapless::Vec;

use crate::from_gate::BadRead;
use crate::uptime::Uptime;

/// The bytes of a badge's number, most significant first.
pub type Number = Vec<u8, 8>;

/// Most bits of a frame.
pub const BITS_MAX: u8 = 64;

/// Bits come at most 20 ms apart, so a frame has ended after more than that.
pub const QUIET_MS: u32 = 20;

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

/// The first byte of a 7-byte UID cut to three: the cascade tag of ISO 14443-3.
const CASCADE_TAG: u8 = 0x88;

const fn halves(bits: u8, even: u64, odd: u64) -> Format {
    Format { bits, parity_before: 1, parity_behind: 1, even, odd, odd_too: None }
}

const fn corporate_1000(bits: u8, even: u64, odd: u64, all: u64) -> Format {
    Format { bits, parity_before: 2, parity_behind: 1, even, odd, odd_too: Some(all) }
}

/// The number of the badge in a frame: all bits as one number, the first bit sent highest.
///
/// # Errors
/// When the frame is not one, or its number is no identity. Bits above the length make it none.
pub fn number(bits: u8, frame: u64) -> Result<Number, BadRead> {
    if !(1..=BITS_MAX).contains(&bits) || frame > mask(bits) {
        return Err(BadRead::UnknownBits);
    }
    if let Some(format) = WITH_PARITY.iter().find(|format| format.bits == bits) {
        return format.number(frame);
    }
    match bits {
        _ if WITHOUT_PARITY.contains(&bits) => Ok(low_bytes(frame, bits)),
        _ if KEYS.contains(&bits) => Err(BadRead::KeyPress),
        _ => Err(BadRead::UnknownBits),
    }
}

impl Format {
    fn number(&self, frame: u64) -> Result<Number, BadRead> {
        if !self.parity_holds(frame) {
            // Swapped wires invert every bit. Each format has a parity group of odd size, so they always fail; that the
            // inverse passes is proof only when every read does so, since some disturbed bits look alike.
            let swapped = self.parity_holds(!frame & mask(self.bits));
            return Err(if swapped { BadRead::SwappedWires } else { BadRead::Parity });
        }
        let bits = self.bits - self.parity_before - self.parity_behind;
        let number = low_bytes(frame >> self.parity_behind & mask(bits), bits);
        if self.bits == 26 && number.first() == Some(&CASCADE_TAG) { Err(BadRead::TruncatedUid) } else { Ok(number) }
    }

    fn parity_holds(&self, frame: u64) -> bool {
        let is_odd = |group: u64| (frame & group).count_ones() % 2 == 1;
        !is_odd(self.even) && is_odd(self.odd) && self.odd_too.is_none_or(is_odd)
    }
}

/// The lowest `bits` bits, 1 to 64.
fn mask(bits: u8) -> u64 {
    u64::MAX >> (64 - u32::from(bits))
}

/// The fewest bytes that hold `bits` bits, most significant first.
fn low_bytes(number: u64, bits: u8) -> Number {
    let unused = 8 - usize::from(bits.div_ceil(8));
    number.to_be_bytes().into_iter().skip(unused).collect()
}

/// A data wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// A pulse is a 0.
    D0,
    /// A pulse is a 1.
    D1,
}

/// Collects the pulses of one reader. Its [`pulse`](Self::pulse) belongs where the board sees edges, since a pulse
/// may last 20 µs and none may be missed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulses {
    bits: u8,
    frame: u64,
    last: Uptime,
}

impl Pulses {
    /// A pulse on a wire. What is longer than any frame stays so until it is quiet.
    pub fn pulse(&mut self, wire: Wire, now: Uptime) {
        self.bits = self.bits.saturating_add(1);
        self.frame = self.frame << 1 | u64::from(wire == Wire::D1);
        self.last = now;
    }

    /// The frame that has ended, if one has: its length and its number.
    pub fn ended(&mut self, now: Uptime) -> Option<(u8, Result<Number, BadRead>)> {
        if self.bits == 0 || now.since(self.last) <= u64::from(QUIET_MS) {
            return None;
        }
        let Self { bits, frame, .. } = core::mem::take(self);
        Some((bits, number(bits, frame)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bits: u8, frame: u64, apart_ms: u32) -> std::vec::Vec<(u8, Result<Number, BadRead>)> {
        let (mut pulses, mut now, mut heard) = (Pulses::default(), Uptime(0), std::vec::Vec::new());
        for place in (0..bits).rev() {
            now = now.after(apart_ms);
            heard.extend(pulses.ended(now));
            pulses.pulse(if frame >> place & 1 == 1 { Wire::D1 } else { Wire::D0 }, now);
        }
        heard.extend(pulses.ended(now.after(QUIET_MS)));
        heard.extend(pulses.ended(now.after(QUIET_MS + 1)));
        heard
    }

    fn bytes(of: &[u8]) -> Result<Number, BadRead> {
        Ok(Number::from_slice(of).expect("short enough"))
    }

    #[test]
    fn published_frames_give_facility_and_card_pulse_by_pulse() {
        // proxmark3 (123 / 4567), ZK's note (1 / 1), H10306 (1337 / 42424), H10304 (12345 / 123456).
        assert_eq!(read(26, 0x2F6_23AE, 2), [(26, bytes(&[123, 0x11, 0xD7]))]);
        assert_eq!(read(26, 0x202_0002, 20), [(26, bytes(&[1, 0, 1]))]);
        assert_eq!(read(34, 0x0A73_4B71, 1), [(34, bytes(&[0x05, 0x39, 0xA5, 0xB8]))]);
        assert_eq!(read(37, 0x3_0393_C481, 0), [(37, bytes(&[0x01, 0x81, 0xC9, 0xE2, 0x40]))]);
        assert_eq!(read(32, 0x7186_A61E, 2), [(32, bytes(&[0x71, 0x86, 0xA6, 0x1E]))]);
    }

    #[test]
    fn a_pause_of_more_than_20_ms_ends_a_frame() {
        let halves = read(26, 0x2F6_23AE, 21);
        assert!(halves.len() == 26 && halves.iter().all(|(bits, it)| *bits == 1 && *it == Err(BadRead::UnknownBits)));
    }

    #[test]
    fn swapped_wires_are_told_from_a_disturbed_line() {
        for (bits, frame) in [(26, 0x2F6_23AE_u64), (34, 0x0A73_4B71), (37, 0x3_0393_C481)] {
            assert_eq!(read(bits, !frame & mask(bits), 2), [(bits, Err(BadRead::SwappedWires))]);
            assert_eq!(read(bits, frame ^ 0b100, 2), [(bits, Err(BadRead::Parity))]);
        }
    }

    #[test]
    fn seven_byte_uids_on_26_bits_keys_and_endless_frames_are_no_badges() {
        // 88 04 15 between their parity bits: the upper half holds two ones, the lower four.
        assert_eq!(read(26, 0x88_0415 << 1 | 1, 2), [(26, Err(BadRead::TruncatedUid))]);
        assert_eq!(read(4, 0xA, 2), [(4, Err(BadRead::KeyPress))]);
        assert_eq!(number(65, 0), Err(BadRead::UnknownBits));
        assert_eq!(number(0, 0), Err(BadRead::UnknownBits));
        let (mut pulses, now) = (Pulses::default(), Uptime(0));
        (0..1000).for_each(|_| pulses.pulse(Wire::D1, now));
        assert_eq!(pulses.ended(Uptime(21)), Some((255, Err(BadRead::UnknownBits))));
    }
}
