//! The topics of one club: `{prefix}/{site}/…`.

use super::Config;
use crate::domain::FactKind;

/// The topics of one club.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    root: String,
}

impl Topics {
    pub(super) fn of(config: &Config) -> Self {
        Self { root: format!("{}/{}", config.topic_prefix.trim_end_matches('/'), config.site) }
    }

    /// Where facts of a kind go.
    pub(super) fn fact(&self, kind: FactKind) -> String {
        format!("{}/{}", self.root, kind.as_str())
    }

    /// Where the agent says whether it is there; retained.
    pub(super) fn status(&self) -> String {
        format!("{}/status", self.root)
    }

    /// Where the central system says what it has stored.
    pub(super) fn receipt(&self) -> String {
        format!("{}/receipt", self.root)
    }
}
