//! What the retained status topic says: that the agent is there, or that it is not.

use jiff::Timestamp;
use serde_json::json;

/// The last will, and the goodbye of an agent that ends in order.
pub(super) const OFFLINE: &str = r#"{"online":false}"#;

/// Said at each connection; `since` is when that was.
pub(super) fn online(since: Timestamp) -> String {
    json!({ "online": true, "version": env!("CARGO_PKG_VERSION"), "since": since }).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_status_says_which_version_is_online_since_when() {
        let said: Value = serde_json::from_str(&online("2026-11-21T08:00:00Z".parse().unwrap())).unwrap();
        assert_eq!(said["online"], true);
        assert_eq!(said["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(said["since"], "2026-11-21T08:00:00Z");
    }
}
