//! A receipt of the central system: which ids it says it has stored; pure.

use serde::Deserialize;

/// Ids in one receipt, at most: 400 kB of a message that is not to fill the memory.
pub(super) const IDS_MAX: usize = 10_000;
/// The longest id, in bytes. Ours have 36.
const ID_BYTES_MAX: usize = 128;

/// What the central system publishes on the receipt topic.
#[derive(Deserialize)]
struct Receipt {
    ids: Vec<String>,
}

/// Reads a receipt. A later version may say more than the ids.
///
/// # Errors
/// Why it is none, without its content: whoever wrote it may have put anything in it.
pub(super) fn read(payload: &[u8]) -> Result<Vec<String>, &'static str> {
    let receipt: Receipt = serde_json::from_slice(payload).map_err(|_| "it is no {\"ids\": [\"…\"]}")?;
    if receipt.ids.len() > IDS_MAX {
        return Err("it has more than 10,000 ids");
    }
    if receipt.ids.iter().any(|id| id.len() > ID_BYTES_MAX) {
        return Err("it has an id of more than 128 bytes");
    }
    Ok(receipt.ids)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_receipt_names_the_ids_that_are_stored() {
        assert_eq!(read(br#"{"ids":["a","b"],"at":"later versions may say more"}"#), Ok(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn a_receipt_that_is_none_is_refused_with_a_reason_and_without_its_content() {
        for bad in ["", "{}", "[\"a\"]", "{\"ids\":\"a\"}", "{\"ids\":[1]}", "\u{0}"] {
            assert_eq!(read(bad.as_bytes()), Err("it is no {\"ids\": [\"…\"]}"), "{bad:?}");
        }
        let many = format!(r#"{{"ids":[{}"a"]}}"#, r#""a","#.repeat(IDS_MAX));
        assert_eq!(read(many.as_bytes()), Err("it has more than 10,000 ids"));
        let long = format!(r#"{{"ids":["{}"]}}"#, "a".repeat(ID_BYTES_MAX + 1));
        assert_eq!(read(long.as_bytes()), Err("it has an id of more than 128 bytes"));
    }

    proptest! {
        #[test]
        fn any_bytes_may_arrive(bytes: Vec<u8>) {
            let _taken_or_refused = read(&bytes);
        }
    }
}
