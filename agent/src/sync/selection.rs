//! Who may be told of: a member's own choice first, then the club's selection.

use jiff::civil::Date;

use super::Selection;
use crate::domain::{Membership, MembershipKind, Person};

/// Why Mywellness is not told. Named by fields of the person's document, so that the desk finds the switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTold {
    /// The member said no.
    #[error("the person's allow_sync is off")]
    SyncOff,
    /// The member said no to visits and attendance.
    #[error("the person's allow_activity_sync is off")]
    ActivityOff,
    /// The selection is of members.
    #[error("not selected: no active subscription gives membership")]
    NoMember,
    /// The selection is of a group.
    #[error("not selected: not in the group")]
    NotInGroup,
    /// The selection is of a category.
    #[error("not selected: not of the category")]
    NotOfCategory,
}

impl NotTold {
    /// Whether another date could change it.
    #[must_use]
    pub fn depends_on_date(self) -> bool {
        self == Self::NoMember
    }
}

/// Whether the member lets anything of theirs go there. Unknown counts as yes.
///
/// # Errors
/// When they do not.
pub fn lets_sync(person: &Person) -> Result<(), NotTold> {
    if person.allow_sync == Some(false) { Err(NotTold::SyncOff) } else { Ok(()) }
}

/// Whether the member lets their visits go there. Unknown counts as yes.
///
/// # Errors
/// When they do not.
pub fn lets_activity_sync(person: &Person) -> Result<(), NotTold> {
    lets_sync(person)?;
    if person.allow_activity_sync == Some(false) { Err(NotTold::ActivityOff) } else { Ok(()) }
}

/// Whether the club selects this person on that day.
///
/// # Errors
/// When it does not.
pub fn selects(selection: &Selection, person: &Person, today: Date) -> Result<(), NotTold> {
    let (is_selected, otherwise) = match selection {
        Selection::Everyone => (true, NotTold::NoMember),
        Selection::Members => (person.memberships.iter().any(|it| makes_member(it, today)), NotTold::NoMember),
        Selection::Group(name) => (person.groups.contains(name), NotTold::NotInGroup),
        Selection::Category(name) => (person.category.as_ref() == Some(name), NotTold::NotOfCategory),
    };
    if is_selected { Ok(()) } else { Err(otherwise) }
}

/// Whether a membership makes its holder a member on that day: an active subscription whose product gives membership.
/// A frozen one counts while it is bound or charged beyond that day, or renews by itself; its end is not looked at
/// then, since a freeze moves it.
#[must_use]
pub fn makes_member(membership: &Membership, today: Date) -> bool {
    let gives = membership.kind == MembershipKind::Subscription && membership.gives_membership && !membership.ended;
    if !gives || membership.starts_on.is_some_and(|first| first > today) {
        return false;
    }
    if is_frozen(membership, today) {
        let reaches_beyond = |day: Option<Date>| day.is_some_and(|last| last > today);
        return reaches_beyond(membership.bound_until)
            || reaches_beyond(membership.charged_until)
            || membership.auto_renew;
    }
    membership.ends_on.is_none_or(|last| last >= today)
}

/// Whether a membership is frozen on that day. An unknown first day: already; an unknown last day: until further notice.
#[must_use]
pub fn is_frozen(membership: &Membership, today: Date) -> bool {
    membership.frozen.as_ref().is_some_and(|period| {
        period.from.is_none_or(|first| first <= today) && period.until.is_none_or(|last| last >= today)
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;

    const TODAY: Date = date(2026, 11, 21);

    fn person(changes: Value) -> Person {
        let mut document = json!({"external_id": "M-1", "first_name": "Anna", "last_name": "Rossi"});
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

    fn subscription(changes: Value) -> Value {
        let mut document = json!({"id": "S-1", "kind": "subscription", "gives_membership": true,
            "starts_on": "2026-01-01", "ends_on": "2026-12-31"});
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        document
    }

    fn check(memberships: &[Value], expected: Expect) {
        let line = |changes: &Value| {
            let holder = person(json!({"memberships": [subscription(changes.clone())]}));
            let verdict = match selects(&Selection::Members, &holder, TODAY) {
                Ok(()) => "a member",
                Err(_) => "no member",
            };
            format!("{changes} -> {verdict}\n")
        };
        expected.assert_eq(&memberships.iter().map(line).collect::<String>());
    }

    #[test]
    fn a_member_is_who_holds_an_active_subscription_that_gives_membership() {
        check(
            &[
                json!({}),
                json!({"gives_membership": false}),
                json!({"kind": "punch_card"}),
                json!({"ended": true}),
                json!({"starts_on": "2026-11-22"}),
                json!({"starts_on": "2026-11-21"}),
                json!({"ends_on": "2026-11-20"}),
                json!({"ends_on": "2026-11-21"}),
                json!({"ends_on": null, "starts_on": null}),
            ],
            expect![[r#"
                {} -> a member
                {"gives_membership":false} -> no member
                {"kind":"punch_card"} -> no member
                {"ended":true} -> no member
                {"starts_on":"2026-11-22"} -> no member
                {"starts_on":"2026-11-21"} -> a member
                {"ends_on":"2026-11-20"} -> no member
                {"ends_on":"2026-11-21"} -> a member
                {"ends_on":null,"starts_on":null} -> a member
            "#]],
        );
    }

    #[test]
    fn a_frozen_subscription_counts_while_bound_or_charged_ahead_or_renewing() {
        check(
            &[
                json!({"frozen": {}}),
                json!({"frozen": {}, "bound_until": "2026-11-21"}),
                json!({"frozen": {}, "bound_until": "2026-11-22"}),
                json!({"frozen": {}, "charged_until": "2026-11-22"}),
                json!({"frozen": {}, "auto_renew": true}),
                json!({"frozen": {}, "auto_renew": true, "ended": true}),
                json!({"frozen": {"from": "2026-11-22"}}),
                json!({"frozen": {"until": "2026-11-20"}}),
                json!({"frozen": {"from": "2026-11-21", "until": "2026-11-21"}}),
            ],
            expect![[r#"
                {"frozen":{}} -> no member
                {"bound_until":"2026-11-21","frozen":{}} -> no member
                {"bound_until":"2026-11-22","frozen":{}} -> a member
                {"charged_until":"2026-11-22","frozen":{}} -> a member
                {"auto_renew":true,"frozen":{}} -> a member
                {"auto_renew":true,"ended":true,"frozen":{}} -> no member
                {"frozen":{"from":"2026-11-22"}} -> a member
                {"frozen":{"until":"2026-11-20"}} -> a member
                {"frozen":{"from":"2026-11-21","until":"2026-11-21"}} -> no member
            "#]],
        );
    }

    #[test]
    fn a_group_a_category_or_everyone_can_be_selected_instead() {
        let anna = person(json!({"groups": ["Gold"], "category": "adult"}));
        assert_eq!(selects(&Selection::Group("Gold".into()), &anna, TODAY), Ok(()));
        assert_eq!(selects(&Selection::Group("gold".into()), &anna, TODAY), Err(NotTold::NotInGroup));
        assert_eq!(selects(&Selection::Category("adult".into()), &anna, TODAY), Ok(()));
        assert_eq!(selects(&Selection::Category("Gold".into()), &anna, TODAY), Err(NotTold::NotOfCategory));
        assert_eq!(selects(&Selection::Everyone, &anna, TODAY), Ok(()));
        assert_eq!(selects(&Selection::Members, &anna, TODAY), Err(NotTold::NoMember));
    }

    #[test]
    fn only_a_spoken_no_is_a_no_and_the_general_one_covers_visits() {
        let said = |sync: Option<bool>, activity: Option<bool>| {
            let person = person(json!({"allow_sync": sync, "allow_activity_sync": activity}));
            (lets_sync(&person), lets_activity_sync(&person))
        };
        assert_eq!(said(None, None), (Ok(()), Ok(())));
        assert_eq!(said(Some(true), Some(false)), (Ok(()), Err(NotTold::ActivityOff)));
        assert_eq!(said(Some(false), Some(true)), (Err(NotTold::SyncOff), Err(NotTold::SyncOff)));
    }
}
