//! What the central system has received, with duplicates told from first deliveries.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

/// One publish as it arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// The whole topic.
    pub topic: String,
    /// The payload; a string if it was not JSON.
    pub payload: Value,
    /// Whether the broker had kept it.
    pub retained: bool,
    /// Whether the broker said it may have delivered it before.
    pub dup: bool,
    /// When it arrived.
    pub at: Instant,
}

impl Message {
    /// The last level of the topic: `visit`, `passage`, `status` …
    pub fn kind(&self) -> &str {
        self.topic.rsplit('/').next().unwrap_or_default()
    }

    /// The id of the event.
    pub fn id(&self) -> Option<&str> {
        self.payload.get("id")?.as_str()
    }

    /// A field of the event's data.
    pub fn data(&self, field: &str) -> &Value {
        &self.payload["data"][field]
    }
}

/// Everything received so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Every publish, in order of arrival, duplicates included.
    pub messages: Vec<Message>,
    /// Whether the central system is connected and subscribed.
    pub connected: bool,
    /// How often it connected.
    pub connections: usize,
    counts: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Seen {
    /// The publishes of one kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Message> {
        self.messages.iter().filter(move |message| message.kind() == kind)
    }

    /// How often each id of one kind arrived.
    pub fn ids(&self, kind: &str) -> BTreeMap<String, usize> {
        self.counts.get(kind).cloned().unwrap_or_default()
    }

    /// How many different ids of one kind arrived; cheap enough for a condition that is looked at after every message.
    pub fn count(&self, kind: &str) -> usize {
        self.counts.get(kind).map_or(0, BTreeMap::len)
    }

    /// How many publishes of one kind were repetitions.
    pub fn duplicates(&self, kind: &str) -> usize {
        self.counts.get(kind).map_or(0, |ids| ids.values().sum::<usize>() - ids.len())
    }

    /// The latest status the agent published on its site's status topic.
    pub fn status(&self) -> Option<&Value> {
        self.of("status").last().map(|message| &message.payload)
    }

    pub(super) fn take(&mut self, message: Message) {
        if let Some(id) = message.id().map(str::to_owned) {
            let ids = self.counts.entry(message.kind().to_owned()).or_default();
            *ids.entry(id).or_default() += 1;
        }
        self.messages.push(message);
    }

    /// A line for the message of a failed wait.
    pub(super) fn summary(&self) -> String {
        let kinds = self.counts.keys().map(|kind| {
            let (count, again) = (self.count(kind), self.duplicates(kind));
            format!("{kind}: {count} ids and {again} duplicates")
        });
        let kinds: Vec<String> = kinds.collect();
        let state = if self.connected { "connected" } else { "not connected" };
        format!("central saw {} messages ({}), {state}", self.messages.len(), kinds.join(", "))
    }
}
