//! Messages that wait to be written down, read as they come: whose content is known by then is kept no longer.

use super::command::{self, Malformed};
use super::desk::Desk;
use super::facts::{CommandIgnored, ReceiptRefused};
use super::receipt::{self, IDS_MAX};
use super::topics::{Inbound, Topics};
use super::wire::Message;
use crate::domain::{CrmActionId, Policy};
use crate::intake::{Cause, Command, Received, Refused};
use crate::telemetry::Fact;

/// Messages gathered while the ones before are being written; then the broker has to wait.
const MESSAGES_MAX: usize = 512;
/// Bytes of commands gathered: a few people with photos.
const COMMAND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What was gathered: every message, for its acknowledgement, and what they say.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) messages: Vec<Message>,
    pub(super) ids: Vec<String>,
    pub(super) commands: Vec<Received>,
    command_bytes: usize,
}

impl Gathered {
    /// A message that says nothing to us is acknowledged with the others: it would come again for ever.
    pub(super) fn take(&mut self, mut message: Message, topics: &Topics, desk: &Desk) {
        match topics.inbound(message.topic()) {
            Some(Inbound::Receipt) => self.take_receipt(&message),
            Some(Inbound::Command(name)) => self.take_command(name, &message, desk),
            None => CommandIgnored { why: "its topic is none that we subscribed to" }.tell(),
        }
        message.forget_payload();
        self.messages.push(message);
    }

    fn take_receipt(&mut self, message: &Message) {
        let read = if message.is_retained() { Err("it is retained") } else { receipt::read(message.payload()) };
        match read {
            Ok(ids) => self.ids.extend(ids),
            Err(why) => ReceiptRefused { why, bytes: message.payload().len() }.tell(),
        }
    }

    /// What the broker kept on a topic is of any age, and comes again with every subscription: it is no command.
    fn take_command(&mut self, name: &str, message: &Message, desk: &Desk) {
        let Some(commands) = &desk.commands else {
            return CommandIgnored { why: "mqtt.commands is not configured" }.tell();
        };
        if message.is_retained() {
            return CommandIgnored { why: "it is retained" }.tell();
        }
        self.command_bytes += message.payload().len();
        let policy = commands.policy.borrow().clone();
        self.commands.push(received(name, message.payload(), &policy, desk));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MESSAGES_MAX || self.ids.len() >= IDS_MAX || self.command_bytes >= COMMAND_BYTES_MAX
    }
}

/// A command with all that its transaction must find made, so that a repeated one does the same.
fn received(name: &str, payload: &[u8], policy: &Policy, desk: &Desk) -> Received {
    let now = desk.clock.now();
    let (id, wanted) = match command::read(name, payload) {
        Ok(event) => (Some(event.id), Command::read(name, event.data, policy, now)),
        Err(Malformed { id, path, why }) => (id, Err(Refused::one(Cause::Malformed, path, why))),
    };
    let (answer, fresh) = (desk.clock.new_id(), CrmActionId(desk.clock.new_id()));
    Received { name: name.to_owned(), id, wanted, answer, fresh, now }
}
