//! Who claims which credential values: two that some reader could take for one another are the same.

use std::collections::HashMap;

use crate::domain::{loose_key, read_alike};

/// Who claims which values.
#[derive(Default)]
pub(super) struct Claimants<'v, C> {
    by_key: HashMap<String, Vec<(&'v str, C)>>,
}

impl<'v, C: Copy + PartialEq> Claimants<'v, C> {
    /// Notes a claim; says who else claimed a value that reads alike.
    pub(super) fn claim(&mut self, value: &'v str, by: C) -> Option<C> {
        let noted = self.by_key.entry(loose_key(value)).or_default();
        let other = noted.iter().find(|(theirs, who)| *who != by && read_alike(theirs, value)).map(|(_, who)| *who);
        noted.push((value, by));
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_a_reader_takes_for_one_another_are_claimed_once() {
        let mut claimants = Claimants::default();
        assert_eq!(claimants.claim("04:15:ab", 'a'), None);
        assert_eq!(claimants.claim("0415AB", 'a'), None);
        assert_eq!(claimants.claim("0415ab", 'b'), Some('a'));
        assert_eq!(claimants.claim("0042", 'c'), None);
        assert_eq!(claimants.claim("42", 'd'), Some('c'));
        // Texts are compared letter by letter: no reader takes a QR code for another of different case.
        assert_eq!(claimants.claim("Anna!", 'e'), None);
        assert_eq!(claimants.claim("ANNA!", 'f'), None);
    }
}
