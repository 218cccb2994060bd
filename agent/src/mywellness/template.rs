//! Templates with `{{placeholders}}` out of a fixed set: parsed with the configuration, filled when a call is made. Pure.
//!
//! Third parties are given some actions of Mywellness only with a contract, so their paths and bodies stand in the
//! configuration. Whatever is filled in stays where it was put: in a JSON text it is escaped, in a path it is one part.

use std::collections::BTreeMap;

use serde_json::Value;

macro_rules! placeholders {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $sample:literal;)*) => {
        /// What a template may ask for.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Placeholder {
            $($(#[$doc])* $name,)*
        }
        impl Placeholder {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// What stands between the braces.
            #[must_use]
            pub fn word(self) -> &'static str { match self { $(Self::$name => $word,)* } }
            /// What it may look like, to try a template with.
            fn sample(self) -> &'static str { match self { $(Self::$name => $sample,)* } }
        }
    };
}

placeholders! {
    /// The facility's id, which the login tells. In paths only, as a whole part.
    FacilityId = "facility_id", "f-1";
    /// The user, across all clubs.
    UserId = "user_id", "u-1";
    /// The user at this club.
    FacilityUserId = "facility_user_id", "fu-1";
    /// The lasting handle of the person there; empty if Mywellness gave none.
    PermanentToken = "permanent_token", "p-1";
    /// The person here.
    ExternalId = "external_id", "M-1";
    /// The activity there that the class product is linked to.
    ActivityId = "activity_id", "a-1";
    /// The class here.
    ClassId = "class_id", "Y-1";
    /// When the class begins, local time with its offset.
    StartsAt = "starts_at", "2026-11-23 18:00:00 +01:00";
    /// When the class ends, likewise.
    EndsAt = "ends_at", "2026-11-23 19:00:00 +01:00";
    /// The day of the class, `yyyy-MM-dd`.
    StartDate = "start_date", "2026-11-23";
    /// The day of the class as the number `yyyyMMdd`, by which Mywellness tells the days of a series apart.
    PartitionDate = "partition_date", "20261123";
    /// Today, as the number `yyyyMMdd`.
    FromDay = "from_day", "20261123";
    /// Four weeks from today, likewise.
    ToDay = "to_day", "20261221";
    /// When the person was ticked off, local time with its offset.
    AttendedAt = "attended_at", "2026-11-23 17:52:00 +01:00";
    /// The photo, as base64.
    Photo = "photo", "/9j/4A==";
    /// Its media type.
    PhotoType = "photo_type", "image/jpeg";
    /// When it was taken or imported, local time with its offset.
    PhotoTakenAt = "photo_taken_at", "2026-01-05 11:00:00 +01:00";
    /// The badge, as the person's document has it.
    Badge = "badge", "0415AB12CD";
    /// What it is: `card` or `wristband`.
    BadgeKind = "badge_kind", "card";
}

/// Values for placeholders; what is not there is filled in as empty.
pub(super) type Values = BTreeMap<Placeholder, String>;

/// Why a text is no template; the `Display` text says what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadTemplate {
    /// Braces that are not closed.
    #[error("{{{{ is not closed by }}}}")]
    Open,
    /// A placeholder that there is not, or not here.
    #[error("{{{{{0}}}}} is no placeholder here")]
    Unknown(String),
    /// A path that is none.
    #[error("{0:?} is no path after the facility's own part")]
    Path(String),
    /// A body that would be no JSON object.
    #[error("filled in, this is no JSON object: {0}")]
    Body(String),
    /// A body with a token of its own.
    #[error("the session's token is added by itself")]
    Token,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    Slot(Placeholder),
}

/// The path of an action after the facility's own part, such as `core/user/{{user_id}}/CheckIn`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathTemplate(Vec<Vec<Piece>>);

/// One part of a filled path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum PathPart {
    /// As it is.
    Text(String),
    /// The facility's id, which only the session knows.
    FacilityId,
}

impl PathTemplate {
    /// Reads a path whose placeholders are all in `allowed`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, allowed: &[Placeholder]) -> Result<Self, BadTemplate> {
        let bad = || BadTemplate::Path(text.to_owned());
        let parts = text.split('/').map(|part| pieces(part, allowed)).collect::<Result<Vec<_>, _>>()?;
        let is_part = |part: &Vec<Piece>| match part.as_slice() {
            [] => false,
            [Piece::Text(text)] => !matches!(text.as_str(), "." | ".."),
            several => several.len() == 1 || !several.contains(&Piece::Slot(Placeholder::FacilityId)),
        };
        let is_plain = |c: char| !c.is_control() && !matches!(c, '?' | '#' | '\\' | ' ');
        if parts.iter().all(is_part) && text.chars().all(is_plain) { Ok(Self(parts)) } else { Err(bad()) }
    }

    pub(super) fn asks_for(&self, placeholder: Placeholder) -> bool {
        self.0.iter().flatten().any(|piece| *piece == Piece::Slot(placeholder))
    }

    /// The parts, filled. None: a part came out empty, or as a way to another path.
    pub(super) fn fill(&self, values: &Values) -> Option<Vec<PathPart>> {
        let part = |pieces: &Vec<Piece>| {
            if pieces.as_slice() == [Piece::Slot(Placeholder::FacilityId)] {
                return Some(PathPart::FacilityId);
            }
            let filled: String = pieces.iter().map(|piece| plain(piece, values)).collect();
            (!matches!(filled.as_str(), "" | "." | "..")).then_some(PathPart::Text(filled))
        };
        self.0.iter().map(part).collect()
    }
}

/// The body of an action: a JSON object with placeholders, in texts or in place of values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BodyTemplate(Vec<Placed>);

/// A piece, and whether it stands within a JSON text.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Placed {
    piece: Piece,
    in_text: bool,
}

impl BodyTemplate {
    /// Reads a body whose placeholders are all in `allowed`.
    ///
    /// # Errors
    /// What is wrong with it, also if it would not be a JSON object once it is filled in.
    pub fn parse(text: &str, allowed: &[Placeholder]) -> Result<Self, BadTemplate> {
        let allowed: Vec<_> = allowed.iter().copied().filter(|it| *it != Placeholder::FacilityId).collect();
        let (mut in_text, mut escaped) = (false, false);
        let mut placed = Vec::new();
        for piece in pieces(text, &allowed)? {
            let begins_in_text = in_text;
            if let Piece::Text(text) = &piece {
                for c in text.chars() {
                    in_text ^= c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                }
            }
            placed.push(Placed { piece, in_text: begins_in_text });
        }
        let template = Self(placed);
        let samples = Placeholder::ALL.iter().map(|it| (*it, it.sample().to_owned())).collect();
        match serde_json::from_str::<Value>(&template.text(&samples)) {
            Ok(Value::Object(fields)) if fields.contains_key("token") => Err(BadTemplate::Token),
            Ok(Value::Object(_)) => Ok(template),
            Ok(other) => Err(BadTemplate::Body(format!("it is {other}"))),
            Err(error) => Err(BadTemplate::Body(error.to_string())),
        }
    }

    pub(super) fn asks_for(&self, placeholder: Placeholder) -> bool {
        self.0.iter().any(|placed| placed.piece == Piece::Slot(placeholder))
    }

    /// The object, filled.
    pub(super) fn fill(&self, values: &Values) -> Value {
        serde_json::from_str(&self.text(values))
            .expect("a value is escaped, and the template was tried when it was read")
    }

    fn text(&self, values: &Values) -> String {
        let filled = |Placed { piece, in_text }: &Placed| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Slot(_) => {
                let value = plain(piece, values);
                let is_number = value.bytes().all(|b| b.is_ascii_digit()) && value.parse::<u64>().is_ok();
                let quoted = Value::from(value.as_str()).to_string();
                match in_text {
                    true => quoted[1..quoted.len() - 1].to_owned(),
                    // A number keeps its digits; an id that is all digits but has a zero before them is a text.
                    false if is_number && (value == "0" || !value.starts_with('0')) => value,
                    false if value.is_empty() => "null".to_owned(),
                    false => quoted,
                }
            }
        };
        self.0.iter().map(filled).collect()
    }
}

fn plain(piece: &Piece, values: &Values) -> String {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Slot(slot) => values.get(slot).cloned().unwrap_or_default(),
    }
}

fn pieces(text: &str, allowed: &[Placeholder]) -> Result<Vec<Piece>, BadTemplate> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (word, after) = after.split_once("}}").ok_or(BadTemplate::Open)?;
        let known = allowed.iter().find(|it| it.word() == word.trim());
        let slot = known.ok_or_else(|| BadTemplate::Unknown(word.trim().to_owned()))?;
        pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
        pieces.push(Piece::Slot(*slot));
        rest = after;
    }
    pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ALL: &[Placeholder] = Placeholder::ALL;

    fn values(pairs: &[(Placeholder, &str)]) -> Values {
        pairs.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect()
    }

    #[test]
    fn a_value_is_escaped_in_a_text_and_a_number_where_nothing_stands_around_it() {
        let text = r#"{"who": "user {{ user_id }}", "day": {{partition_date}}, "id": {{class_id}}, "token2": {{permanent_token}}, "q": "\"{{external_id}}\""}"#;
        let template = BodyTemplate::parse(text, ALL).unwrap();
        let filled = template.fill(&values(&[
            (Placeholder::UserId, r#"a"b\c"#),
            (Placeholder::PartitionDate, "20261123"),
            (Placeholder::ClassId, "007"),
            (Placeholder::ExternalId, "M-1\n"),
        ]));
        let wanted = json!({"who": r#"user a"b\c"#, "day": 20_261_123, "id": "007", "token2": null, "q": "\"M-1\n\""});
        assert_eq!(filled, wanted);
    }

    #[test]
    fn a_path_is_filled_part_by_part() {
        let path = PathTemplate::parse("core/facility/{{facility_id}}/user-{{user_id}}", ALL).unwrap();
        let text = |text: &str| PathPart::Text(text.into());
        let filled = path.fill(&values(&[(Placeholder::UserId, "../x")]));
        assert_eq!(filled, Some(vec![text("core"), text("facility"), PathPart::FacilityId, text("user-../x")]));
        let bare = PathTemplate::parse("core/{{user_id}}", ALL).unwrap();
        for way_out in ["", ".", ".."] {
            assert_eq!(bare.fill(&values(&[(Placeholder::UserId, way_out)])), None);
        }
    }

    #[test]
    fn what_is_no_template_says_why() {
        let body = |text: &str| BodyTemplate::parse(text, ALL).err().map(|it| it.to_string()).unwrap_or_default();
        assert_eq!(body("{{user"), "{{ is not closed by }}");
        assert_eq!(body(r#"{"a": "{{usr_id}}"}"#), "{{usr_id}} is no placeholder here");
        assert_eq!(body(r#"{"a": "{{facility_id}}"}"#), "{{facility_id}} is no placeholder here");
        assert!(body(r#"{"a": "#).starts_with("filled in, this is no JSON object: EOF"), "{}", body(r#"{"a": "#));
        assert_eq!(body("[1]"), "filled in, this is no JSON object: it is [1]");
        assert_eq!(body(r#"{"token": ""}"#), "the session's token is added by itself");
        let path = |text: &str| PathTemplate::parse(text, ALL).is_ok();
        assert!(path("core/x") && path("{{user_id}}/x"));
        for bad in
            ["", "/core/x", "core/", "core/../x", "core/x?y=1", "core x", "core/a{{facility_id}}", "a/{{nobody}}"]
        {
            assert!(!path(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_filled_in_the_object_keeps_its_shape(value in ".{0,40}") {
            let template = BodyTemplate::parse(r#"{"a": "x{{user_id}}y", "b": {{user_id}}, "c": 1}"#, ALL).unwrap();
            let filled = template.fill(&values(&[(Placeholder::UserId, &value)]));
            prop_assert_eq!(&filled["a"], &json!(format!("x{value}y")));
            prop_assert_eq!(filled.as_object().unwrap().len(), 3);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,80}") {
            let _body = BodyTemplate::parse(&text, ALL);
            let _path = PathTemplate::parse(&text, ALL);
        }
    }
}
