//! However the logs of several gates are told, the day comes to what it was.

use std::collections::VecDeque;

use jiff::civil::Date;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::store::{HistoryFilter, VisitEntry};

/// The gates, each with one reader and a log of its own: direction, zone, and whether it begins visits.
const GATES: [(&str, Direction, &str, bool); 6] = [
    ("entry", Direction::In, "gym", true),
    ("exit", Direction::Out, "gym", false),
    ("second-entry", Direction::In, "gym", true),
    ("side-entry", Direction::In, "gym", false),
    ("pool", Direction::Inner, "pool", true),
    ("pool-exit", Direction::Out, "pool", false),
];

/// Entries on the card: fewer than some days have visits.
const ENTRIES: u32 = 3;
/// Passages of one story: some days' worth, with gaps of up to seven hours.
const STEPS_MAX: usize = 16;

fn house() -> Policy {
    let mut policy = policy();
    let pool = Zone { id: name("pool"), capacity: None, parent: Some(name("gym")), hours: Vec::new() };
    policy.zones.insert(pool.id.clone(), pool);
    policy.readers = GATES
        .map(|(id, direction, zone, new_visit)| {
            let it = reader(id, direction);
            (name(id), Reader { gate: name(id), zone: Some(name(zone)), new_visit, ..it })
        })
        .into();
    policy
}

/// One passage of Anna's: at which gate, how many minutes after the one before, and whether she came as staff.
type Step = (usize, i64, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gate = prop_oneof![3 => Just(0_usize), 4 => Just(1_usize), 3 => 2..GATES.len()];
    proptest::collection::vec((gate, 1..400_i64, prop::bool::weighted(0.1)), 1..=STEPS_MAX)
}

/// The passages in the order of time, each with its gate's number.
fn walked(anna: PersonId, steps: &[Step]) -> Vec<(usize, Passage)> {
    let mut now = at("05:00");
    let mut walk = |&(gate, minutes, is_staff): &Step| {
        now += jiff::Span::new().minutes(minutes);
        let (id, direction, ..) = GATES[gate];
        let (way, kind) = match direction {
            Direction::Out => (Way::Out, GrantKind::Exit),
            Direction::Inner => (Way::Inner, GrantKind::Member),
            Direction::In | Direction::Both => (Way::In, GrantKind::Member),
        };
        let kind = if is_staff && way != Way::Out { GrantKind::Staff } else { kind };
        let mut passage = passage_on_punch_card(anna, now);
        let decision = passage.decision.as_mut().expect("it was decided");
        let Verdict::Grant(grant) = &mut decision.verdict else { unreachable!("it was granted") };
        (grant.kind, passage.way, passage.gate, passage.reader) = (kind, way, name(id), Some(name(id)));
        (gate, passage)
    };
    steps.iter().map(&mut walk).collect()
}

/// The same as the gates tell it: each keeps its own order, and which is heard next is up to the picks.
fn told(walked: &[(usize, Passage)], picks: &[prop::sample::Index]) -> Vec<Passage> {
    let mut logs: Vec<VecDeque<Passage>> = vec![VecDeque::new(); GATES.len()];
    walked.iter().for_each(|(gate, passage)| logs[*gate].push_back(passage.clone()));
    let mut next = || {
        let pick = picks[walked.len() - logs.iter().map(VecDeque::len).sum::<usize>()..].first()?;
        let mut waiting: Vec<_> = logs.iter_mut().filter(|log| !log.is_empty()).collect();
        let which = pick.index(waiting.len());
        waiting[which].pop_front()
    };
    std::iter::from_fn(|| if walked.is_empty() { None } else { next() }).take(walked.len()).collect()
}

/// What a person's passages came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    presence: Option<Presence>,
    /// Of each visit its club day, whether it is over, and when it was left. A visit that lasted past the cut-off is over,
    /// by the exit or by the next entry, whichever was told first.
    ends: Vec<(Date, bool, Option<Timestamp>)>,
    taken: u32,
    consumed: Option<BTreeMap<MembershipId, u32>>,
    overdrawn: usize,
}

/// Writes all down as a person of their own, and tells what it came to. Nothing that was told upstream is taken back on
/// the way.
fn outcome(tx: &Tx<'_>, tell: impl Fn(PersonId) -> Vec<Passage>) -> Result<Outcome, StoreError> {
    let id: ExternalId = name(&format!("M-{}", Uuid::now_v7().simple()));
    let card = id.as_str().trim_start_matches("M-").to_uppercase();
    tx.put_person(&person_with_entries(id.as_str(), &card, ENTRIES), at("04:00"))?;
    let who = tx.person_id(&id)?.expect("the person was put");
    let passages = tell(who);
    let last = passages.iter().map(|it| it.at).max().unwrap_or(at("05:00"));
    let filter = HistoryFilter { person: Some(id), limit: 100, ..HistoryFilter::default() };
    let mut visits = Vec::new();
    for passage in &passages {
        tx.record(passage, &house(), &lanes(), last)?;
        let now = tx.visits(&filter)?.items;
        let begins =
            |visits: &[VisitEntry]| visits.iter().map(|it| (it.visit.id, it.visit.started_at)).collect::<Vec<_>>();
        assert!(begins(&visits).iter().all(|it| begins(&now).contains(it)), "a visit told is gone or began elsewhere");
        assert!(now.len() - visits.len() <= 1, "one passage begins at most one visit");
        visits = now;
    }
    let site = house().site;
    let is_of = |day, at| crate::visit::club_day(at, &site.timezone, site.club_day_starts) == day;
    let end_of = |it: &VisitEntry| {
        let (day, end) = (it.visit.club_day, it.visit.ended);
        (day, end.is_some(), end.map(|end| end.at).filter(|at| is_of(day, *at)))
    };
    let mut ends: Vec<_> = visits.iter().map(end_of).collect();
    ends.sort_unstable();
    assert!(visits.iter().all(|it| it.delivery.len() == lanes().len()), "each is told to each lane once");
    Ok(Outcome {
        presence: tx.standing(who, last)?.and_then(|it| it.presence),
        ends,
        taken: visits.iter().map(|it| it.entries_taken).sum(),
        consumed: tx.standing(who, last)?.map(|it| it.consumed),
        overdrawn: visits.iter().filter(|it| it.overdrawn).count(),
    })
}

#[test]
fn the_logs_of_several_gates_come_to_the_same_in_whatever_order_they_are_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let club = club();
    let told_twice = |steps: Vec<Step>, picks: Vec<prop::sample::Index>| {
        let write = move |tx: &Tx<'_>| {
            let in_order = outcome(tx, |anna| walked(anna, &steps).into_iter().map(|(_, it)| it).collect())?;
            Ok((in_order, outcome(tx, |anna| told(&walked(anna, &steps), &picks))?))
        };
        runtime.block_on(club.write(write))
    };
    let picks = proptest::collection::vec(any::<prop::sample::Index>(), STEPS_MAX);
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) });
    let all = runner.run(&(steps(), picks), |(steps, picks)| {
        let (in_order, interleaved) = told_twice(steps, picks);
        prop_assert_eq!(in_order, interleaved);
        Ok(())
    });
    assert!(all.is_ok(), "{}", all.expect_err("it failed"));
}
