//! Which of a person's open CRM actions act at a reader now, strongest first.

use std::cmp::Reverse;

use jiff::{Timestamp, civil};

use crate::domain::{AccessAction, Display, OpenAction, Reader};

/// An action that acts at a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acting<'a> {
    /// The action. Its `access_action` says what it does; it is never [`AccessAction::None`].
    pub action: &'a OpenAction,
    /// The text to show; none without a display, without a text, or once it was shown `show_limit` times.
    pub message: Option<&'a str>,
}

/// The actions that act at this reader: those that block before those that only speak, then by due date, undated last.
///
/// `show_limit` silences messages and never opens a gate: a block holds until the action is concluded, expires, or its
/// type becomes obsolete. A reader without a display shows nothing and still blocks (Wellness in Cloud, "Azione
/// all'accesso": a message is sent if the reader has a display; Messaggio e Blocco blocks in any case).
#[must_use]
pub fn in_force<'a>(actions: &'a [OpenAction], reader: &Reader, now: Timestamp) -> Vec<Acting<'a>> {
    let mut acting: Vec<_> = actions
        .iter()
        .filter(|action| is_in_force(action, now) && meets(action, &reader.device_type))
        .filter_map(|action| acts(action, reader.display))
        .collect();
    acting.sort_by_key(|it| {
        let due = it.action.due_on.unwrap_or(civil::Date::MAX);
        (Reverse(it.action.access_action), due, it.action.id)
    });
    acting
}

fn is_in_force(action: &OpenAction, now: Timestamp) -> bool {
    !action.obsolete && action.valid_until.is_none_or(|until| now <= until)
}

fn meets(action: &OpenAction, device_type: &str) -> bool {
    action.device_types.is_empty() || action.device_types.iter().any(|named| named.eq_ignore_ascii_case(device_type))
}

fn acts(action: &OpenAction, display: Display) -> Option<Acting<'_>> {
    let silenced = display == Display::None || action.show_limit.is_some_and(|limit| action.shown >= limit);
    let message = action.message.as_deref().map(str::trim).filter(|text| !text.is_empty() && !silenced);
    match action.access_action {
        AccessAction::None => None,
        AccessAction::Message => message.map(|_| Acting { action, message }),
        AccessAction::MessageAndBlock => Some(Acting { action, message }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use jiff::civil::date;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{BadgeForm, BadgeFormat, BadgeOrder, CrmActionId, Direction};

    const NOON: &str = "2026-03-10T12:00:00Z";

    fn action(number: u128, access_action: AccessAction) -> OpenAction {
        OpenAction {
            id: CrmActionId(Uuid::from_u128(number)),
            access_action,
            obsolete: false,
            device_types: Vec::new(),
            message: Some(format!("text {number}")),
            due_on: None,
            valid_until: None,
            show_limit: None,
            shown: 0,
        }
    }

    fn reader(device_type: &str, display: Display) -> Reader {
        Reader {
            id: "entry-1".parse().unwrap(),
            gate: "turnstile-1".parse().unwrap(),
            direction: Direction::In,
            new_visit: true,
            zone: None,
            device_type: device_type.into(),
            display,
            attendance: false,
            minimum_age: None,
            badge: BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None },
        }
    }

    fn check(actions: &[OpenAction], reader: &Reader, expected: Expect) {
        let lines: Vec<_> = in_force(actions, reader, NOON.parse().unwrap())
            .iter()
            .map(|it| format!("{} {:?} {:?}", it.action.id.0.as_u128(), it.action.access_action, it.message))
            .collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn the_strongest_comes_first_and_messages_follow_by_due_date() {
        let due = |day: i8, action: OpenAction| OpenAction { due_on: Some(date(2026, 3, day)), ..action };
        let actions = [
            action(1, AccessAction::Message),
            due(20, action(2, AccessAction::Message)),
            due(12, action(3, AccessAction::Message)),
            action(4, AccessAction::None),
            due(30, action(5, AccessAction::MessageAndBlock)),
        ];
        check(
            &actions,
            &reader("turnstile", Display::Web),
            expect![[r#"
                5 MessageAndBlock Some("text 5")
                3 Message Some("text 3")
                2 Message Some("text 2")
                1 Message Some("text 1")"#]],
        );
    }

    #[test]
    fn without_a_display_the_block_still_applies_and_messages_do_not() {
        let actions = [action(1, AccessAction::Message), action(2, AccessAction::MessageAndBlock)];
        check(&actions, &reader("turnstile", Display::None), expect!["2 MessageAndBlock None"]);
    }

    #[test]
    fn the_show_limit_silences_a_message_and_never_opens_a_gate() {
        let shown = |shown, action| OpenAction { show_limit: Some(2), shown, ..action };
        let actions = [
            shown(1, action(1, AccessAction::Message)),
            shown(2, action(2, AccessAction::Message)),
            shown(7, action(3, AccessAction::MessageAndBlock)),
        ];
        check(
            &actions,
            &reader("turnstile", Display::Web),
            expect![[r#"
                3 MessageAndBlock None
                1 Message Some("text 1")"#]],
        );
    }

    #[test]
    fn an_action_acts_up_to_its_last_moment_and_not_after() {
        let until = |moment: &str, action| OpenAction { valid_until: Some(moment.parse().unwrap()), ..action };
        let actions = [
            until(NOON, action(1, AccessAction::MessageAndBlock)),
            until("2026-03-10T11:59:59Z", action(2, AccessAction::MessageAndBlock)),
        ];
        check(&actions, &reader("turnstile", Display::Web), expect![[r#"1 MessageAndBlock Some("text 1")"#]]);
    }

    #[test]
    fn obsolete_types_and_other_devices_do_not_act() {
        let on = |device: &str, action| OpenAction { device_types: vec![device.into()], ..action };
        let actions = [
            OpenAction { obsolete: true, ..action(1, AccessAction::MessageAndBlock) },
            on("locker", action(2, AccessAction::MessageAndBlock)),
            on("Turnstile", action(3, AccessAction::Message)),
        ];
        check(&actions, &reader("turnstile", Display::Web), expect![[r#"3 Message Some("text 3")"#]]);
    }
}
