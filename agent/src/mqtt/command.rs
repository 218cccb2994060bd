//! A command as it arrives: a CloudEvent in structured JSON on a topic that names the command; pure.

use serde::Deserialize;
use serde_json::Value;

/// Longest payload of a command, in bytes: a person with the largest photo that is taken, and all that goes with them.
const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Longest id and source, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// What a readable command holds.
#[derive(PartialEq, Debug)]
pub(super) struct Event {
    /// Its id and its source.
    pub(super) id: (String, String),
    /// Its document.
    pub(super) data: Value,
}

/// Why a payload is no command.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Malformed {
    /// Its id and its source, if they can be read.
    pub(super) id: Option<(String, String)>,
    /// The attribute that is wrong; `.` is all of it.
    pub(super) path: &'static str,
    /// What is wrong, and what to send instead. Nothing of the payload is quoted.
    pub(super) why: String,
}

/// CloudEvents 1.0. Attributes that are not named here are extensions and say nothing to us.
#[derive(Deserialize)]
struct Envelope {
    specversion: Option<Value>,
    id: Option<String>,
    source: Option<String>,
    r#type: Option<String>,
    datacontenttype: Option<String>,
    data: Option<Value>,
}

/// Reads a command that arrived under this name.
pub(super) fn read(name: &str, payload: &[u8]) -> Result<Event, Malformed> {
    let wrong = |path, why: &str| Malformed { id: None, path, why: why.to_owned() };
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(wrong(".", "is larger than 1 MiB"));
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope>(payload) else {
        return Err(wrong(".", "is no CloudEvent in JSON: an object with specversion, id, source, type and data"));
    };
    let Envelope { specversion, id, source, r#type, datacontenttype, data } = envelope;
    let (id, source) = match (is_name(id, "id"), is_name(source, "source")) {
        (Ok(id), Ok(source)) => (id, source),
        (Err(wrong), _) | (_, Err(wrong)) => return Err(wrong),
    };
    let wrong = |path, why: String| Malformed { id: Some((id.clone(), source.clone())), path, why };
    if specversion != Some(Value::from("1.0")) {
        return Err(wrong("specversion", "is not \"1.0\"".into()));
    }
    let expected = type_of(name);
    if r#type.as_ref() != Some(&expected) {
        return Err(wrong("type", format!("is not {expected}, as the topic says")));
    }
    let is_json = |media_type: &String| media_type.starts_with("application/json") || media_type.ends_with("+json");
    if datacontenttype.as_ref().is_some_and(|media_type| !is_json(media_type)) {
        return Err(wrong("datacontenttype", "is not application/json".into()));
    }
    match data {
        Some(data @ Value::Object(_)) => Ok(Event { id: (id, source), data }),
        _ => Err(wrong("data", "is no JSON object".into())),
    }
}

/// The type of a command's event: `club.varco.in.crm.action.v1` for `crm/action`.
fn type_of(name: &str) -> String {
    format!("club.varco.in.{}.v1", name.replace('/', "."))
}

fn is_name(text: Option<String>, path: &'static str) -> Result<String, Malformed> {
    let fits = |text: &String| (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    let why = || format!("is missing, or not a text of 1 to {NAME_BYTES_MAX} bytes");
    text.filter(fits).ok_or_else(|| Malformed { id: None, path, why: why() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({"specversion": "1.0", "id": "1", "source": "/central", "type": "club.varco.in.crm.action.v1",
               "datacontenttype": "application/json", "data": {"person": "M-1"}, "traceparent": "00-1-2-3"})
    }

    fn told(event: &Value) -> String {
        match read("crm/action", event.to_string().as_bytes()) {
            Ok(it) => format!("{:?} {}", it.id, it.data),
            Err(Malformed { id, path, why }) => format!("{path}: {why}; from {id:?}"),
        }
    }

    #[test]
    fn a_command_says_who_wants_what() {
        assert_eq!(told(&event()), r#"("1", "/central") {"person":"M-1"}"#);
    }

    #[test]
    fn what_is_no_command_is_refused_with_the_attribute_that_is_wrong() {
        let mut transcript = String::new();
        for (attribute, value) in [
            ("specversion", json!("0.3")),
            ("id", json!("")),
            ("id", json!(7)),
            ("id", json!("x".repeat(NAME_BYTES_MAX + 1))),
            ("source", Value::Null),
            ("type", json!("club.varco.in.person.v1")),
            ("datacontenttype", json!("text/xml")),
            ("data", json!("e30=")),
        ] {
            let mut event = event();
            event[attribute] = value;
            transcript += &format!("{}\n", told(&event));
        }
        transcript += &format!("{}\n", told(&json!([])));
        transcript += &format!("{}\n", told(&json!("x".repeat(PAYLOAD_BYTES_MAX))));
        expect_test::expect![[r#"
            specversion: is not "1.0"; from Some(("1", "/central"))
            id: is missing, or not a text of 1 to 256 bytes; from None
            .: is no CloudEvent in JSON: an object with specversion, id, source, type and data; from None
            id: is missing, or not a text of 1 to 256 bytes; from None
            source: is missing, or not a text of 1 to 256 bytes; from None
            type: is not club.varco.in.crm.action.v1, as the topic says; from Some(("1", "/central"))
            datacontenttype: is not application/json; from Some(("1", "/central"))
            data: is no JSON object; from Some(("1", "/central"))
            .: is no CloudEvent in JSON: an object with specversion, id, source, type and data; from None
            .: is larger than 1 MiB; from None
        "#]]
        .assert_eq(&transcript);
    }

    #[test]
    fn the_command_shown_to_integrators_is_one() {
        let page = include_str!("../../../docs/integrating.md");
        let (_, after) = page.split_once("```json command").unwrap();
        let shown = read("membership", after.split_once("```").unwrap().0.as_bytes());
        assert_eq!(shown.unwrap().id, ("5f0c8a52-0001".to_owned(), "/central".to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes_may_arrive(name: String, bytes: Vec<u8>) {
            let _taken_or_refused = read(&name, &bytes);
        }
    }
}
