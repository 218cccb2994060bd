//! Cards on Wiegand wires: the number of a badge as the pulses that a reader sends.

use anyhow::{Context, Result, bail};
use firmware_proto::wiegand::Wire;

/// The bits of a badge whose number has so many hex digits, the first one sent first: with parity for three and four
/// bytes (H10301, and 34 bits), without for five (EM4100), seven (ISO 14443-3) and eight (ISO 15693).
pub fn bits(badge: &str) -> Result<Vec<Wire>> {
    let number = u64::from_str_radix(badge, 16).with_context(|| format!("{badge:?} is no number in hex"))?;
    let frame: Vec<bool> = match badge.len() {
        6 => with_parity(number, 24),
        8 => with_parity(number, 32),
        10 | 14 | 16 => ones_and_zeros(number, badge.len() * 4).collect(),
        digits => bail!("no reader sends a number of {digits} hex digits"),
    };
    Ok(frame.into_iter().map(|one| if one { Wire::D1 } else { Wire::D0 }).collect())
}

/// The wires changed places, as an electrician in a hurry leaves them.
pub fn swapped(bits: &[Wire]) -> Vec<Wire> {
    bits.iter().map(|wire| if *wire == Wire::D0 { Wire::D1 } else { Wire::D0 }).collect()
}

/// Even over the first half, odd over the second.
fn with_parity(number: u64, bits: usize) -> Vec<bool> {
    let data: Vec<bool> = ones_and_zeros(number, bits).collect();
    let is_odd = |half: &[bool]| half.iter().filter(|one| **one).count() % 2 == 1;
    let (first, second) = data.split_at(bits / 2);
    [&[is_odd(first)], data.as_slice(), &[!is_odd(second)]].concat()
}

fn ones_and_zeros(number: u64, bits: usize) -> impl Iterator<Item = bool> {
    (0..bits).rev().map(move |place| number >> place & 1 == 1)
}

#[cfg(test)]
mod tests {
    use firmware_proto::wiegand::number;

    use super::*;

    fn read(bits: &[Wire]) -> Result<String> {
        let frame = bits.iter().fold(0, |frame, wire| frame << 1 | u64::from(*wire == Wire::D1));
        let number = number(u8::try_from(bits.len())?, frame).map_err(|why| anyhow::anyhow!("{why:?}"))?;
        Ok(number.iter().map(|byte| format!("{byte:02X}")).collect())
    }

    #[test]
    fn a_badge_of_every_length_is_read_as_itself() -> Result<()> {
        for badge in ["7B11D7", "010001", "0539A5B8", "0F00104AEF", "04A1B2C3D4E5F6", "E004010012345678"] {
            assert_eq!(read(&bits(badge)?)?, badge);
        }
        Ok(())
    }

    #[test]
    fn published_frames_are_sent_bit_by_bit() -> Result<()> {
        // proxmark3: facility 123, card 4567, in 26 bits.
        let sent = bits("7B11D7")?.iter().fold(0, |frame, wire| frame << 1 | u64::from(*wire == Wire::D1));
        assert_eq!(sent, 0x2F6_23AE);
        Ok(())
    }

    #[test]
    fn swapped_wires_are_no_badge_and_odd_lengths_are_none_either() -> Result<()> {
        assert!(read(&swapped(&bits("7B11D7")?)).is_err());
        assert!(bits("12345").is_err() && bits("zzzzzz").is_err());
        Ok(())
    }
}
