//! When a photo is sent: if it was taken or imported after the person was last told of, and the member lets it be published.

use jiff::Timestamp;

use crate::domain::Person;

/// Whether the person's photo is to be sent, given when a photo of theirs was last sent.
#[must_use]
pub fn photo_is_due(person: &Person, last_sent: Option<Timestamp>) -> bool {
    let may_be_published = person.allow_sync != Some(false) && person.allow_photo_publish == Some(true);
    let is_newer = |taken_at: Timestamp| last_sent.is_none_or(|last| taken_at > last);
    may_be_published && person.photo.as_ref().is_some_and(|photo| is_newer(photo.taken_at))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_photo_is_sent_when_it_is_newer_than_the_last_sync_and_the_member_lets_it_be_published() {
        let due = |publish: Option<bool>, taken_at: Option<&str>, last: Option<&str>| {
            let photo = taken_at.map(|at| json!({"taken_at": at, "jpeg_base64": "/9j/"}));
            let person = json!({"external_id": "M-1", "first_name": "A", "last_name": "R",
                "allow_photo_publish": publish, "photo": photo});
            photo_is_due(&serde_json::from_value(person).unwrap(), last.map(|at| at.parse().unwrap()))
        };
        let (early, late) = ("2026-01-05T10:00:00Z", "2026-03-01T10:00:00Z");
        assert!(due(Some(true), Some(early), None), "never sent");
        assert!(due(Some(true), Some(late), Some(early)), "taken since");
        assert!(!due(Some(true), Some(early), Some(late)), "taken before");
        assert!(!due(Some(true), Some(early), Some(early)), "the very one");
        assert!(!due(Some(true), None, None), "no photo");
        assert!(!due(Some(false), Some(late), None), "the member said no");
        assert!(!due(None, Some(late), None), "the member was not asked");
    }
}
