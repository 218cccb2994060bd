//! When a photo is told: if it is newer than the one told last, and the member lets it be published.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Rules, Saying, Subject};
use crate::domain::FactKind;

/// What Mywellness knows of a person's photo.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PhotoTold {
    /// When it was taken or imported; none: it was taken back.
    pub taken_at: Option<Timestamp>,
}

/// What is to be said of the person's photo, given the one told last; `complete` asks for it whatever was told.
///
/// Both times are the management system's, so that it does not matter how far its clock is from ours, nor how long a
/// photo was on its way here. One that was withdrawn is taken back only where the club wrote down how.
#[must_use]
pub fn photo(subject: &Subject<'_>, told: Option<PhotoTold>, rules: &Rules, complete: bool) -> Saying<Timestamp> {
    let known = told.and_then(|told| told.taken_at);
    match (publishable(subject), known) {
        (Some(taken_at), known) if complete || known.is_none_or(|known| taken_at > known) => Saying::Tell(taken_at),
        (Some(_), _) => Saying::Nothing,
        (None, Some(_)) if rules.takes_back.contains(&FactKind::Photo) => Saying::TakeBack,
        (None, _) => Saying::Nothing,
    }
}

/// When the person's photo was taken, if there is one that may be published. Leave that was never given is none.
#[must_use]
pub fn publishable(subject: &Subject<'_>) -> Option<Timestamp> {
    let person = subject.person;
    let may_be_published = person.allow_sync != Some(false) && person.allow_photo_publish == Some(true);
    subject.photo_taken_at.filter(|_| may_be_published)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::world::{anna, at, rules};
    use super::*;

    const EARLY: &str = "2026-01-05T10:00:00Z";
    const LATE: &str = "2026-03-01T10:00:00Z";

    /// What is said of a photo: whether it may be published, when it was taken, and when the one told last was.
    fn said(publish: Option<bool>, taken_at: Option<&str>, told: Option<&str>) -> [Saying<Timestamp>; 3] {
        let person = crate::domain::Person { allow_photo_publish: publish, ..anna() };
        let now = at("2026-11-22T09:00:00Z");
        let moment = |text: &str| text.parse().unwrap();
        let subject = Subject { person: &person, photo_taken_at: taken_at.map(moment), now: &now };
        let told = told.map(|told| PhotoTold { taken_at: (told != "taken back").then(|| moment(told)) });
        let takes_back = Rules { takes_back: vec![FactKind::Photo], ..rules() };
        let say = |rules, complete| photo(&subject, told, rules, complete);
        [say(&rules(), false), say(&takes_back, false), say(&rules(), true)]
    }

    #[test]
    fn a_photo_is_told_when_it_is_newer_than_the_last_and_the_member_lets_it_be_published() {
        let cases = [
            ("never told", Some(true), Some(EARLY), None),
            ("taken since", Some(true), Some(LATE), Some(EARLY)),
            ("the very one", Some(true), Some(EARLY), Some(EARLY)),
            ("taken before", Some(true), Some(EARLY), Some(LATE)),
            ("taken back before", Some(true), Some(EARLY), Some("taken back")),
            ("no photo", Some(true), None, None),
            ("no photo any more", Some(true), None, Some(EARLY)),
            ("the member said no", Some(false), Some(LATE), None),
            ("the member said no since", Some(false), Some(LATE), Some(EARLY)),
            ("the member was not asked", None, Some(LATE), None),
            ("none, and taken back before", None, None, Some("taken back")),
        ];
        let mut table = String::from("case: said; where it can be taken back; when all is asked for\n");
        for (name, publish, taken_at, told) in cases {
            let word = |saying| match saying {
                Saying::Tell(_) => "told",
                Saying::TakeBack => "taken back",
                Saying::Nothing => "-",
            };
            table += &format!("{name}: {}\n", said(publish, taken_at, told).map(word).join("; "));
        }
        expect![[r#"
            case: said; where it can be taken back; when all is asked for
            never told: told; told; told
            taken since: told; told; told
            the very one: -; -; told
            taken before: -; -; told
            taken back before: told; told; told
            no photo: -; -; -
            no photo any more: -; taken back; -
            the member said no: -; -; -
            the member said no since: -; taken back; -
            the member was not asked: -; -; -
            none, and taken back before: -; -; -
        "#]]
        .assert_eq(&table);
    }
}
