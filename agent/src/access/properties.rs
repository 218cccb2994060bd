//! What holds for whoever comes, and what several gates together never do.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span};
use proptest::prelude::*;

use super::world::{Scene, action, passage, presence_in, punch_card, standing, subscription};
use super::*;
use crate::domain::*;
use crate::visit::world::{booked, rome, visit_since};
use crate::visit::{self, After, Opening, PresenceChange, Takes, VisitChange, going_on};

const READERS: [&str; 5] = ["entry", "exit", "pool", "pool-exit", "court"];
const LEVELS: [Level; 3] = [Level::Off, Level::Warn, Level::Block];
const ZONES: [&str; 3] = ["club", "gym", "pool"];
const ACTIONS: [AccessAction; 3] = [AccessAction::None, AccessAction::Message, AccessAction::MessageAndBlock];

fn any_membership() -> impl Strategy<Value = Membership> {
    let dates = (-2_i32..3, -2_i32..3, -2_i32..3);
    (any::<bool>(), 0_u32..3, proptest::option::of(dates), 0_u8..6, proptest::option::of(0..ZONES.len()), 0_u32..100)
        .prop_map(|(is_card, left, dates, odd, zone, number)| {
            let id = format!("M-{number}");
            let day = |offset: i32| {
                rome("2026-03-10T12:00").to_zoned(jiff::tz::TimeZone::UTC).date() + Span::new().days(offset)
            };
            let base = if is_card { punch_card(&id, left) } else { subscription(&id) };
            Membership {
                starts_on: dates.map(|(start, _, _)| day(start)),
                ends_on: dates.map(|(_, end, _)| day(end)),
                charged_until: dates.map(|(_, _, charged)| day(charged)),
                ended: odd == 0,
                frozen: (odd == 1).then_some(Frozen { from: None, until: None }),
                zones: zone.map(|zone| ZONES[zone].parse().unwrap()).into_iter().collect(),
                ..base
            }
        })
}

fn any_booking() -> impl Strategy<Value = BookedClass> {
    let status = prop_oneof![Just(BookingStatus::Booked), Just(BookingStatus::Waiting), Just(BookingStatus::Cancelled)];
    (0_u32..3, -120_i64..120, proptest::option::of(0..ZONES.len()), status, any::<bool>(), any::<bool>()).prop_map(
        |(number, minutes, zone, booking, cancelled, opens_gate)| {
            let usual = booked(&format!("Y-{number}"), "2026-03-10T12:00");
            let starts_at = usual.class.starts_at + SignedDuration::from_mins(minutes);
            let status = if cancelled { ClassStatus::Cancelled } else { ClassStatus::Scheduled };
            let zone = zone.map(|zone| ZONES[zone].parse().unwrap());
            let ends_at = starts_at + SignedDuration::from_hours(1);
            let class = Class { starts_at, ends_at, zone, status, ..usual.class.clone() };
            BookedClass { class, booking, opens_gate, ..usual }
        },
    )
}

fn any_standing() -> impl Strategy<Value = Standing> {
    let visit = proptest::option::of((0_i64..40, 0_u8..4));
    let presence = proptest::option::of((0..ZONES.len(), 0_i64..30));
    let actions = proptest::collection::vec((0..ACTIONS.len(), any::<bool>()), 0..3);
    let memberships = proptest::collection::vec(any_membership(), 0..4);
    let bookings = proptest::collection::vec(any_booking(), 0..3);
    (memberships, visit, presence, actions, bookings, 0_u8..8, 0_u32..4).prop_map(
        |(memberships, visit, presence, actions, bookings, odd, people)| {
            let mut it = standing(1);
            let used = memberships.first().map(|membership| membership.id.clone());
            it.person.memberships = memberships;
            it.bookings = bookings;
            it.person.staff = odd == 0;
            it.person.ban = (odd == 1).then_some(Ban { until: None, reason: None });
            if let Some(card) = it.credential.as_mut().filter(|_| odd == 2) {
                card.status = CredentialStatus::Lost;
            }
            it.visit = visit.map(|(hours_ago, end)| Visit { membership: used, ..some_visit(hours_ago, end) });
            it.presence = presence.map(|(zone, hours_ago)| Presence {
                since: rome("2026-03-10T12:00") - SignedDuration::from_hours(hours_ago),
                ..presence_in(ZONES[zone], "2026-03-10T12:00")
            });
            it.actions = (1..)
                .zip(actions)
                .map(|(number, (kind, speaks))| action(number, ACTIONS[kind], speaks.then_some("Ask Sara")))
                .collect();
            it.occupancy = ZONES.map(|zone| (zone.parse().unwrap(), people)).into();
            it
        },
    )
}

fn some_visit(hours_ago: i64, end: u8) -> Visit {
    let site = crate::visit::world::site("Europe/Rome");
    let started_at = rome("2026-03-10T12:00") - SignedDuration::from_hours(hours_ago);
    let by = [EndedBy::Exit, EndedBy::Timeout, EndedBy::NextDay].get(usize::from(end));
    Visit {
        started_at,
        club_day: visit::club_day(started_at, &site.timezone, site.club_day_starts),
        ended: by.map(|by| VisitEnd { at: started_at, by: *by }),
        ..visit_since("2026-03-10T12:00", None)
    }
}

fn any_scene() -> impl Strategy<Value = Scene> {
    let gate = (0_u8..12, 0_u8..8);
    let levels = (0_usize..3, 0_usize..3, 0_usize..3, 0_usize..3);
    (any_standing(), 0..READERS.len(), gate, levels, proptest::option::of(0_u32..12)).prop_map(
        |(standing, reader, (mode, records), (fee, dues, certificate, passback), capacity)| {
            let mut scene = Scene::at(READERS[reader]);
            scene.now = rome("2026-03-10T12:00");
            scene.standing = standing;
            scene.gate.mode =
                [GateMode::Free, GateMode::Staff, GateMode::Locked].get(usize::from(mode)).copied().unwrap_or_default();
            scene.gate.records = if records == 0 { Records::Full } else { Records::Open };
            scene.policy.fee = LEVELS[fee];
            scene.policy.dues.level = LEVELS[dues];
            scene.policy.certificate = CertificateRule { level: LEVELS[certificate], missing: LEVELS[certificate] };
            scene.policy.anti_passback = LEVELS[passback];
            scene.policy.zones.get_mut("gym").unwrap().capacity = capacity;
            scene
        },
    )
}

proptest! {
    #[test]
    fn the_same_facts_give_the_same_decision(scene in any_scene()) {
        prop_assert_eq!(scene.decide(), scene.decide());
    }

    #[test]
    fn leaving_is_never_refused(scene in any_scene(), who in 0_u8..3) {
        let who = match who {
            0 => Identified::Unknown,
            1 => Identified::Ambiguous,
            _ => Identified::Known(Box::new(scene.standing.clone())),
        };
        let decision = scene.decide_for(&who);
        if scene.reader.direction == Direction::Out {
            prop_assert_eq!(decision.way, Way::Out);
        }
        if decision.way == Way::Out {
            prop_assert_eq!(decision.grant().map(|grant| grant.kind), Some(GrantKind::Exit));
        }
    }

    #[test]
    fn a_block_in_the_trace_is_a_refusal_and_nothing_else_is(scene in any_scene()) {
        let decision = scene.decide();
        let blocked = decision.trace.iter().any(|line| line.severity == Severity::Block);
        prop_assert_eq!(blocked, decision.grant().is_none());
        prop_assert!(decision.trace.iter().all(|line| line.severity < Severity::Block || line.reason.is_some()));
        prop_assert!(decision.trace.is_sorted_by_key(|line| line.step));
        prop_assert!(!decision.texts.is_empty());
    }

    #[test]
    fn adding_a_crm_block_never_opens_and_always_holds_a_member(scene in any_scene()) {
        let before = scene.decide();
        let mut scene = scene;
        scene.standing.actions.push(action(99, AccessAction::MessageAndBlock, None));
        let after = scene.decide();
        prop_assert!(before.grant().is_some() || after.grant().is_none());
        let by_right_of = |decision: &Decision| decision.grant().map(|grant| grant.kind);
        prop_assert_ne!(by_right_of(&after), Some(GrantKind::Member));
        if by_right_of(&before) != Some(GrantKind::Member) {
            prop_assert_eq!(by_right_of(&before), by_right_of(&after));
        }
    }

    #[test]
    fn a_re_entry_consumes_nothing(scene in any_scene()) {
        let it = &scene.standing;
        let decision = scene.decide();
        let Some(grant) = decision.grant().filter(|_| going_on(it.visit.as_ref(), &scene.policy.site, scene.now).is_some())
        else { return Ok(()) };
        prop_assert_ne!(grant.entitlement.as_ref().map(|entitlement| entitlement.kind), Some(EntitlementKind::PunchCard));
        let settled = visit::settle(&visit::Facts {
            policy: &scene.policy,
            reader: Some(&scene.reader),
            way: decision.way,
            kind: grant.kind,
            entitlement: grant.entitlement.as_ref(),
            visit: it.visit.as_ref(),
            entries_left: Some(1),
            at: scene.now,
            late: None,
        });
        prop_assert_eq!(settled.takes, Takes::Nothing);
    }

    #[test]
    fn an_operator_always_opens_and_sees_the_same_reasons(scene in any_scene()) {
        let decision = by_hand(Some(&scene.standing), &scene.reader, scene.gate, &scene.policy, &scene.reserved, scene.now);
        prop_assert_eq!(decision.grant().map(|grant| grant.kind), Some(GrantKind::Manual));
        prop_assert!(decision.trace.iter().all(|line| line.severity < Severity::Block));
    }
}

/// Several gates over one store: decisions reserve, passages are confirmed or not in any order.
struct Club {
    scene: Scene,
    people: BTreeMap<PersonId, Standing>,
    pending: Vec<Pending>,
    passages: u128,
}

struct Pending {
    id: PassageId,
    person: PersonId,
    reader: Reader,
    decision: Decision,
}

impl Club {
    /// Six people, each with a card of one entry; three places in the gym, one of them in the pool.
    fn new() -> Self {
        let mut scene = Scene::at("entry");
        scene.policy.zones.get_mut("gym").unwrap().capacity = Some(3);
        scene.policy.zones.get_mut("pool").unwrap().capacity = Some(1);
        let people = (1..=6).map(|id| {
            let mut standing = standing(id);
            standing.person.memberships = vec![punch_card("P-1", 1)];
            (standing.id, standing)
        });
        Self { people: people.collect(), scene, pending: Vec::new(), passages: 0 }
    }

    fn come(&mut self, person: PersonId, reader: &str) {
        let reader = self.scene.policy.readers[reader].clone();
        // Two gates may let one person in at once, but a body leaves only where it is, and does not go in and out at once.
        let leaves = reader.direction == Direction::Out;
        let is_there = self.people[&person].presence.as_ref().is_some_and(|it| Some(&it.zone) == reader.zone.as_ref());
        let busy = |pending: &Pending| pending.person == person && (leaves || pending.decision.way == Way::Out);
        if (leaves && !is_there) || self.pending.iter().any(busy) {
            return;
        }
        self.scene.standing = Standing { occupancy: self.occupancy(), ..self.people[&person].clone() };
        self.scene.reader = reader.clone();
        let decision = self.scene.decide();
        let Some(grant) = decision.grant() else { return };
        self.passages += 1;
        let id = passage(self.passages);
        self.scene.reserved.reserve(id, Some(person), grant);
        self.pending.push(Pending { id, person, reader, decision });
    }

    fn occupancy(&self) -> BTreeMap<ZoneId, u32> {
        let mut occupancy = BTreeMap::new();
        for presence in self.people.values().filter_map(|it| it.presence.as_ref()) {
            *occupancy.entry(presence.zone.clone()).or_default() += 1;
        }
        occupancy
    }

    fn turn(&mut self, which: usize) {
        let Some(pending) = self.take(which) else { return };
        let grant = pending.decision.grant().unwrap();
        let standing = self.people.get_mut(&pending.person).unwrap();
        let consumed = standing.consumed.values().sum::<u32>();
        let after = visit::settle(&visit::Facts {
            policy: &self.scene.policy,
            reader: Some(&pending.reader),
            way: pending.decision.way,
            kind: grant.kind,
            entitlement: grant.entitlement.as_ref(),
            visit: standing.visit.as_ref(),
            entries_left: Some(1_u32.saturating_sub(consumed)),
            at: self.scene.now,
            late: None,
        });
        write(standing, after);
    }

    fn take(&mut self, which: usize) -> Option<Pending> {
        if self.pending.is_empty() {
            return None;
        }
        let pending = self.pending.remove(which % self.pending.len());
        self.scene.reserved.release(pending.id);
        Some(pending)
    }

    fn holds(&self) {
        let inside = |zones: &[&str]| {
            self.people
                .values()
                .filter(|it| it.presence.as_ref().is_some_and(|it| zones.contains(&it.zone.as_str())))
                .count()
        };
        assert!(inside(&["gym", "pool"]) <= 3, "the gym is over full");
        assert!(inside(&["pool"]) <= 1, "the pool is over full");
        for (person, it) in &self.people {
            assert!(it.consumed.values().sum::<u32>() <= 1, "{person:?} entered twice on one entry");
            let paying = self.pending.iter().filter(|pending| pending.person == *person && takes_an_entry(pending));
            assert!(paying.count() <= 1, "the last entry was granted twice");
        }
    }
}

fn takes_an_entry(pending: &Pending) -> bool {
    let entitlement = pending.decision.grant().and_then(|grant| grant.entitlement.as_ref());
    entitlement.is_some_and(|it| it.kind == EntitlementKind::PunchCard)
}

/// What the store does with it, in its transaction.
fn write(standing: &mut Standing, after: After) {
    if let Some(ending) = after.ends {
        standing.visit.as_mut().unwrap().ended = Some(ending.end);
    }
    match after.visit {
        VisitChange::Untouched | VisitChange::Joins { .. } => {}
        VisitChange::Opens(Opening { club_day, title, .. }) => {
            let (membership, class) =
                (title.as_ref().and_then(Title::membership), title.as_ref().and_then(Title::class));
            let (membership, class) = (membership.cloned(), class.cloned());
            standing.visit = Some(Visit { club_day, membership, class, ..visit_since("2026-03-10T09:00", None) });
        }
        VisitChange::Continues { .. } => standing.visit.as_mut().unwrap().ended = None,
    }
    match after.presence {
        PresenceChange::Untouched => {}
        PresenceChange::Counted(presence) => standing.presence = Some(presence),
        PresenceChange::Gone => standing.presence = None,
    }
    match after.takes {
        Takes::Nothing => {}
        Takes::Entry(membership) => *standing.consumed.entry(membership).or_default() += 1,
        Takes::Overdrawn(membership) => panic!("{membership} was granted though it was spoken for"),
    }
}

#[derive(Clone, Debug)]
enum Event {
    Comes(i64, &'static str),
    Turns(usize),
    StaysAway(usize),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1_i64..=6, prop::sample::select(vec!["entry", "entry", "pool", "pool-exit", "exit"])).prop_map(|(who, reader)| Event::Comes(who, reader)),
        3 => (0_usize..8).prop_map(Event::Turns),
        1 => (0_usize..8).prop_map(Event::StaysAway),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn two_gates_never_give_away_the_last_place_or_the_last_entry_twice(events in proptest::collection::vec(any_event(), 1..80)) {
        let mut club = Club::new();
        for event in events {
            match event {
                Event::Comes(who, reader) => club.come(PersonId(who), reader),
                Event::Turns(which) => club.turn(which),
                Event::StaysAway(which) => drop(club.take(which)),
            }
            club.holds();
        }
    }
}
