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
        match kind {
            FactKind::Answer => format!("{}/out/answer", self.root),
            kind => format!("{}/{}", self.root, kind.as_str()),
        }
    }

    /// Where the agent says whether it is there; retained.
    pub(super) fn status(&self) -> String {
        format!("{}/status", self.root)
    }

    /// Where the central system says what it has stored.
    pub(super) fn receipt(&self) -> String {
        format!("{}/receipt", self.root)
    }

    /// Every topic where it says what is to be done.
    pub(super) fn commands(&self) -> String {
        format!("{}/in/#", self.root)
    }

    /// What a topic is that something arrived on.
    pub(super) fn inbound<'t>(&self, topic: &'t str) -> Option<Inbound<'t>> {
        let below = topic.strip_prefix(&self.root)?.strip_prefix('/')?;
        match below.strip_prefix("in/") {
            Some(name) => Some(Inbound::Command(name)),
            None => (below == "receipt").then_some(Inbound::Receipt),
        }
    }
}

/// What arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Inbound<'t> {
    /// What is stored there.
    Receipt,
    /// What is to be done here, by its name.
    Command(&'t str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_begin_with_prefix_and_site_and_are_known_when_something_arrives_on_them() {
        let topics = Topics { root: "varco/v1/milano".into() };
        assert_eq!(topics.fact(FactKind::Visit), "varco/v1/milano/visit");
        assert_eq!(topics.fact(FactKind::Answer), "varco/v1/milano/out/answer");
        assert_eq!(
            (topics.receipt(), topics.commands()),
            ("varco/v1/milano/receipt".into(), "varco/v1/milano/in/#".into())
        );
        assert_eq!(topics.inbound("varco/v1/milano/receipt"), Some(Inbound::Receipt));
        assert_eq!(topics.inbound("varco/v1/milano/in/crm/action"), Some(Inbound::Command("crm/action")));
        for other in ["varco/v1/milano", "varco/v1/milano/in", "varco/v1/milano2/receipt", "varco/v1/milano/visit"] {
            assert_eq!(topics.inbound(other), None, "{other}");
        }
    }
}
