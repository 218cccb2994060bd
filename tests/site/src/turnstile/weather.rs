//! What a long cable beside a motor does to the bytes on it.

use rand::Rng;
use rand::rngs::StdRng;

/// How bad the line is, in bytes of a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// Bytes that do not arrive.
    pub lost: u16,
    /// Bytes of which one bit arrives wrong.
    pub spoilt: u16,
    /// Bytes that arrive twice.
    pub doubled: u16,
}

impl Weather {
    /// Every byte arrives.
    pub const CALM: Self = Self { lost: 0, spoilt: 0, doubled: 0 };

    /// About every other frame is broken.
    pub const STORM: Self = Self { lost: 8, spoilt: 8, doubled: 8 };

    /// What arrives of `bytes`.
    pub(super) fn pass(self, bytes: &[u8], chance: &mut StdRng) -> Vec<u8> {
        if self == Self::CALM {
            return bytes.to_vec();
        }
        let mut arrived = Vec::with_capacity(bytes.len());
        for byte in bytes {
            let fate = chance.random_range(0..1000_u16);
            let (lost, spoilt) = (self.lost, self.lost + self.spoilt);
            match fate {
                _ if fate < lost => {}
                _ if fate < spoilt => arrived.push(byte ^ 1 << chance.random_range(0..8)),
                _ if fate < spoilt + self.doubled => arrived.extend([*byte, *byte]),
                _ => arrived.push(*byte),
            }
        }
        arrived
    }
}
