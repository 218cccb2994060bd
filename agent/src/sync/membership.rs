//! The one membership that Mywellness keeps of a person: which of several it is, and how it got there from what was told.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::selection::{is_frozen, makes_member};
use crate::domain::{Membership, MembershipKind, Person};

/// What is told of a membership without an end: a subscription there needs an end, and no integration shows an open one.
const OPEN_END: Date = jiff::civil::date(2099, 12, 31);

/// How a membership stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In force.
    Active,
    /// In force and frozen.
    Frozen,
    /// Over.
    Ended,
}

/// A membership as Mywellness knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MembershipTold {
    /// How it stands.
    pub phase: Phase,
    /// When the person first became a member.
    pub member_since: Option<Date>,
    /// Its first day.
    pub starts_on: Option<Date>,
    /// Its last day.
    pub ends_on: Date,
}

/// What can be done with a membership there, in Mywellness's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// It begins.
    Subscribe,
    /// It goes on for longer.
    Renew,
    /// Other dates than were told.
    Update,
    /// It is frozen.
    Froze,
    /// It is frozen no longer.
    UnFroze,
    /// It ended.
    UnSubscribe,
}

/// The membership to be told of a person on that day: the one that reaches furthest ahead, and a frozen one only if
/// there is no other. None: no product of theirs ever gave membership. `told` stands in for dates that are unknown, so
/// that they stay what they were.
#[must_use]
pub fn membership(person: &Person, told: Option<&MembershipTold>, today: Date) -> Option<MembershipTold> {
    let gives = |it: &&Membership| it.kind == MembershipKind::Subscription && it.gives_membership;
    let ahead = |it: &&Membership| (!is_frozen(it, today), it.ends_on.unwrap_or(Date::MAX));
    if let Some(chosen) = person.memberships.iter().filter(|it| makes_member(it, today)).max_by_key(ahead) {
        // All three dates are required there; the nearest known one stands in for an unknown one.
        let known = told.and_then(|told| told.starts_on);
        let first = chosen.starts_on.or(person.member_since).or(known).unwrap_or(today);
        return Some(MembershipTold {
            phase: if is_frozen(chosen, today) { Phase::Frozen } else { Phase::Active },
            member_since: Some(person.member_since.unwrap_or(first)),
            starts_on: Some(first),
            ends_on: chosen.ends_on.unwrap_or(OPEN_END),
        });
    }
    // One ended before its time ends today: when it was ended is not told to us.
    let ended_on = |it: &Membership| it.ends_on.map_or(today, |end| end.min(today));
    let last = person.memberships.iter().filter(gives).filter(|it| it.starts_on.is_none_or(|first| first <= today));
    // One that was told and is gone from the document ended as well.
    let vanished = told.filter(|told| told.phase != Phase::Ended).map(|told| told.ends_on.min(today));
    let ends_on = last.map(ended_on).max().or(vanished)?;
    Some(MembershipTold { phase: Phase::Ended, member_since: None, starts_on: None, ends_on })
}

/// What leads from what was told to what is wanted, in order; nothing if it is known there. `complete` tells it all the
/// same.
#[must_use]
pub fn operations(told: Option<&MembershipTold>, wanted: &MembershipTold, complete: bool) -> Vec<Operation> {
    use Operation::{Froze, Subscribe, UnFroze, UnSubscribe, Update};
    let before = told.map_or(Phase::Ended, |told| told.phase);
    let mut steps = match (before, wanted.phase) {
        // Its last day moves on with the calendar, where nobody knows when it was ended.
        (Phase::Ended, Phase::Ended) => {
            if told.is_none() || complete {
                vec![UnSubscribe]
            } else {
                Vec::new()
            }
        }
        (Phase::Active | Phase::Frozen, Phase::Ended) => vec![UnSubscribe],
        (Phase::Ended, Phase::Active) => vec![Subscribe],
        // It is not known whether somebody can be frozen there without having been subscribed.
        (Phase::Ended, Phase::Frozen) => vec![Subscribe, Froze],
        (Phase::Active, Phase::Frozen) => other_dates(told, wanted).into_iter().chain([Froze]).collect(),
        (Phase::Frozen, Phase::Active) => [UnFroze].into_iter().chain(other_dates(told, wanted)).collect(),
        (Phase::Active, Phase::Active) => other_dates(told, wanted).into_iter().collect(),
        (Phase::Frozen, Phase::Frozen) => other_dates(told, wanted).map(|_| Update).into_iter().collect(),
    };
    if steps.is_empty() && complete {
        steps.push(Update);
    }
    steps
}

fn other_dates(told: Option<&MembershipTold>, wanted: &MembershipTold) -> Option<Operation> {
    let told = told?;
    let dates = |it: &MembershipTold| (it.member_since, it.starts_on, it.ends_on);
    match (dates(told) == dates(wanted), wanted.ends_on > told.ends_on) {
        (true, _) => None,
        (false, true) => Some(Operation::Renew),
        (false, false) => Some(Operation::Update),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const TODAY: Date = date(2026, 11, 21);

    fn anna(memberships: Value) -> Person {
        serde_json::from_value(json!({"external_id": "M-1", "first_name": "Anna", "last_name": "Rossi",
            "member_since": "2021-09-01", "memberships": memberships}))
        .unwrap()
    }

    fn gold(id: &str, ends_on: Option<&str>, frozen: Option<Value>) -> Value {
        json!({"id": id, "kind": "subscription", "gives_membership": true, "starts_on": "2026-01-01",
            "ends_on": ends_on, "frozen": frozen, "auto_renew": true})
    }

    fn check(memberships: Value, expected: Expect) {
        let told = membership(&anna(memberships), None, TODAY).map(|told| serde_json::to_string(&told).unwrap());
        expected.assert_eq(told.as_deref().unwrap_or("nothing"));
    }

    #[test]
    fn the_membership_reaching_furthest_is_told_and_a_frozen_one_only_if_there_is_no_other() {
        check(
            json!([gold("S-1", Some("2026-12-31"), None), gold("S-2", Some("2027-06-30"), None)]),
            expect![[
                r#"{"phase":"active","member_since":"2021-09-01","starts_on":"2026-01-01","ends_on":"2027-06-30"}"#
            ]],
        );
        check(
            json!([gold("S-1", Some("2026-12-31"), None), gold("S-2", None, Some(json!({})))]),
            expect![[
                r#"{"phase":"active","member_since":"2021-09-01","starts_on":"2026-01-01","ends_on":"2026-12-31"}"#
            ]],
        );
        check(
            json!([gold("S-2", None, Some(json!({})))]),
            expect![[
                r#"{"phase":"frozen","member_since":"2021-09-01","starts_on":"2026-01-01","ends_on":"2099-12-31"}"#
            ]],
        );
    }

    #[test]
    fn a_member_without_an_active_subscription_has_ended_and_a_stranger_to_membership_is_not_told() {
        check(
            json!([gold("S-1", Some("2026-10-31"), None)]),
            expect![[r#"{"phase":"ended","member_since":null,"starts_on":null,"ends_on":"2026-10-31"}"#]],
        );
        check(json!([]), expect!["nothing"]);
        check(json!([{"id": "C-1", "kind": "punch_card", "entries_left": 3}]), expect!["nothing"]);
    }

    fn told(phase: Phase, ends_on: &str) -> MembershipTold {
        let day = Some(date(2026, 1, 1));
        MembershipTold { phase, member_since: day, starts_on: day, ends_on: ends_on.parse().unwrap() }
    }

    #[test]
    fn a_subscription_that_vanished_from_the_document_has_ended() {
        let active = told(Phase::Active, "2026-12-31");
        let ended = membership(&anna(json!([])), Some(&active), TODAY).unwrap();
        assert_eq!((ended.phase, ended.ends_on), (Phase::Ended, TODAY));
        assert_eq!(membership(&anna(json!([])), Some(&ended), TODAY), None, "and that is told once");
    }

    #[test]
    fn a_first_day_that_is_unknown_stays_what_was_told() {
        let endless = json!([{"id": "S-1", "kind": "subscription", "gives_membership": true}]);
        let person = Person { member_since: None, ..anna(endless) };
        let first = membership(&person, None, TODAY).unwrap();
        assert_eq!(first.starts_on, Some(TODAY));
        assert_eq!(membership(&person, Some(&first), date(2026, 12, 24)), Some(first.clone()));
    }

    #[test]
    fn every_way_from_what_was_told_to_what_is_wanted() {
        let far = "2027-12-31";
        let near = "2026-12-31";
        let nothing: Option<MembershipTold> = None;
        let befores = [
            ("nothing", nothing),
            ("active", Some(told(Phase::Active, near))),
            ("frozen", Some(told(Phase::Frozen, near))),
            ("ended", Some(told(Phase::Ended, near))),
        ];
        let mut table = String::new();
        for (name, before) in &befores {
            for phase in [Phase::Active, Phase::Frozen, Phase::Ended] {
                let steps = |ends_on, complete| operations(before.as_ref(), &told(phase, ends_on), complete);
                let (same, later, whole) = (steps(near, false), steps(far, false), steps(near, true));
                table += &format!("{name} to {phase:?}: {same:?}, longer {later:?}, complete {whole:?}\n");
            }
        }
        table += &format!(
            "active, shorter: {:?}\n",
            operations(Some(&told(Phase::Active, far)), &told(Phase::Active, near), false)
        );
        expect![[r#"
            nothing to Active: [Subscribe], longer [Subscribe], complete [Subscribe]
            nothing to Frozen: [Subscribe, Froze], longer [Subscribe, Froze], complete [Subscribe, Froze]
            nothing to Ended: [UnSubscribe], longer [UnSubscribe], complete [UnSubscribe]
            active to Active: [], longer [Renew], complete [Update]
            active to Frozen: [Froze], longer [Renew, Froze], complete [Froze]
            active to Ended: [UnSubscribe], longer [UnSubscribe], complete [UnSubscribe]
            frozen to Active: [UnFroze], longer [UnFroze, Renew], complete [UnFroze]
            frozen to Frozen: [], longer [Update], complete [Update]
            frozen to Ended: [UnSubscribe], longer [UnSubscribe], complete [UnSubscribe]
            ended to Active: [Subscribe], longer [Subscribe], complete [Subscribe]
            ended to Frozen: [Subscribe, Froze], longer [Subscribe, Froze], complete [Subscribe, Froze]
            ended to Ended: [], longer [], complete [UnSubscribe]
            active, shorter: [Update]
        "#]]
        .assert_eq(&table);
    }

    fn any_membership() -> impl Strategy<Value = Value> {
        let frozen = prop_oneof![Just(Value::Null), Just(json!({}))];
        let days = proptest::option::of(0_i64..400);
        (any::<bool>(), days.clone(), days, frozen, any::<bool>(), any::<bool>()).prop_map(
            |(gives, from, to, frozen, ended, renews)| {
                let day = |days: Option<i64>| {
                    days.map(|days| date(2026, 5, 1).checked_add(jiff::Span::new().days(days)).unwrap())
                };
                json!({"id": "x", "kind": "subscription", "gives_membership": gives, "starts_on": day(from),
                    "ends_on": day(to), "frozen": frozen, "ended": ended, "auto_renew": renews})
            },
        )
    }

    proptest! {
        /// The nightly comparison sends nothing twice, whatever was told and whatever holds.
        #[test]
        fn once_told_nothing_differs_on_the_same_day(
            all in proptest::collection::vec(any_membership(), 0..4), before in proptest::option::of(0_usize..3)
        ) {
            let person = anna(Value::Array(all));
            let phases = [Phase::Active, Phase::Frozen, Phase::Ended];
            let before = before.map(|at| told(phases[at], "2026-12-31"));
            if let Some(wanted) = membership(&person, before.as_ref(), TODAY) {
                let again = membership(&person, Some(&wanted), TODAY);
                let steps = again.map_or(Vec::new(), |again| operations(Some(&wanted), &again, false));
                prop_assert!(steps.is_empty(), "{steps:?}");
            }
        }

        #[test]
        fn of_several_none_reaches_further_and_is_as_free(all in proptest::collection::vec(any_membership(), 1..6)) {
            let person = anna(Value::Array(all));
            let Some(chosen) = membership(&person, None, TODAY).filter(|it| it.phase != Phase::Ended) else { return Ok(()) };
            for other in person.memberships.iter().filter(|it| makes_member(it, TODAY)) {
                let frozen = is_frozen(other, TODAY);
                prop_assert!(frozen || chosen.phase == Phase::Active, "a free one goes before a frozen one");
                if frozen == (chosen.phase == Phase::Frozen) {
                    prop_assert!(other.ends_on.unwrap_or(OPEN_END) <= chosen.ends_on);
                }
            }
        }
    }
}
