//! The versions of the messages that this code speaks, and how two ends agree on one.

/// The oldest version still spoken.
pub const MIN: u16 = 1;

/// The newest. It rises with every variant that is added to a message.
pub const CURRENT: u16 = 1;

/// The newest version that both ends speak, given the other's range.
#[must_use]
pub fn agreed(min: u16, current: u16) -> Option<u16> {
    let newest = if current < CURRENT { current } else { CURRENT };
    (newest >= min && newest >= MIN).then_some(newest)
}

const _: () = assert!(MIN <= CURRENT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_both_speak_is_agreed_on() {
        assert_eq!(agreed(MIN, CURRENT), Some(CURRENT));
        assert_eq!(agreed(MIN, CURRENT + 7), Some(CURRENT));
        assert_eq!(agreed(CURRENT + 1, CURRENT + 7), None);
        assert_eq!(agreed(0, MIN - 1), None);
    }
}
