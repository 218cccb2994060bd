//! Which known word a mistyped one was meant to be.

/// Most letters by which a mistyped word may differ, as a share of its length: more is a guess, not a suggestion.
const DIFFERENCE_SHARE_MAX: usize = 3;

/// The known word nearest to a mistyped one, if one is near enough.
pub(super) fn did_you_mean<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    let distance_max = word.chars().count() / DIFFERENCE_SHARE_MAX;
    known
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let keys = ["timezone", "locale", "id"];
        let meant = |word| did_you_mean(word, keys.iter().copied());
        assert_eq!(meant("timezoen"), Some("timezone"));
        assert_eq!(meant("Locale"), Some("locale"));
        assert_eq!(meant("ids"), Some("id"));
        assert_eq!(meant("colour"), None);
        assert_eq!(meant("ix"), None);
    }
}
