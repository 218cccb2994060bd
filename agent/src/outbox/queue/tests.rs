//! The queue against a store of ten lines: whatever happens in whatever order, order is kept and nothing is forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::{FactKind, RowState};

const PAGE: u32 = 4;
const WINDOW: usize = 3;

/// A row as the store of this test has it.
#[derive(Clone, Debug)]
struct Stored {
    person: i64,
    waits: bool,
    /// Held once: released rows may be overtaken by rows read before the release.
    was_held: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Write(i64),
    BeginRead,
    EndRead,
    Take,
    Deliver(usize),
    Later(usize),
    Hold(usize),
    Release,
    Wait(u64),
    LoseSession,
}

struct World {
    queue: Queue,
    order: RowOrder,
    stored: BTreeMap<i64, Stored>,
    out: Vec<i64>,
    read: Option<(PageRequest, Vec<OutboxRow>)>,
    now: u64,
}

fn row(id: i64, person: i64) -> OutboxRow {
    let (lane, key, body) = ("mqtt".parse().unwrap(), id.to_string(), String::new());
    let (kind, state) = (FactKind::Visit, RowState::Pending);
    OutboxRow { id: RowId(id), lane, kind, key, person: Some(PersonId(person)), state, attempts: 0, failures: 0, body }
}

impl World {
    fn new(order: RowOrder) -> Self {
        let (stored, out, read, now) = (BTreeMap::new(), Vec::new(), None, 0);
        Self { queue: Queue::new(WINDOW, PAGE, order), order, stored, out, read, now }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Write(person) => {
                let id = i64::try_from(self.stored.len()).unwrap() + 1;
                self.stored.insert(id, Stored { person, waits: true, was_held: false });
                self.queue.something_changed(self.at(self.now));
            }
            Step::BeginRead if self.read.is_none() => self.begin_read(),
            Step::BeginRead => {}
            Step::EndRead => self.end_read(),
            Step::Take => drop(self.take()),
            Step::Deliver(which) => {
                if let Some(id) = self.pick(which) {
                    self.stored.get_mut(&id).unwrap().waits = false;
                    self.queue.left(RowId(id));
                }
            }
            Step::Later(which) => {
                if let Some(id) = self.pick(which) {
                    self.queue.put_off(RowId(id), self.at(self.now + 5));
                }
            }
            Step::Hold(which) => {
                if let Some(id) = self.pick(which) {
                    let stored = self.stored.get_mut(&id).unwrap();
                    (stored.waits, stored.was_held) = (false, true);
                    self.queue.left(RowId(id));
                }
            }
            Step::Release => {
                self.stored.values_mut().filter(|stored| stored.was_held).for_each(|stored| stored.waits = true);
                self.queue.something_changed(self.at(self.now));
            }
            Step::Wait(seconds) => {
                self.now += seconds;
                self.queue.wake_due(self.at(self.now));
            }
            Step::LoseSession => {
                self.queue.start_over();
                self.out.clear();
            }
        }
    }

    fn at(&self, seconds: u64) -> Uptime {
        Uptime(Duration::from_secs(seconds))
    }

    fn pick(&mut self, which: usize) -> Option<i64> {
        (!self.out.is_empty()).then(|| self.out.remove(which % self.out.len()))
    }

    fn begin_read(&mut self) {
        let Some(request) = self.queue.wanted_page() else { return };
        let after = self.stored.range(request.after.0 + 1..).filter(|(_, stored)| stored.waits);
        self.read = Some((request, after.take(PAGE as usize).map(|(id, stored)| row(*id, stored.person)).collect()));
    }

    fn end_read(&mut self) {
        if let Some((request, rows)) = self.read.take() {
            self.queue.accept(request, rows, self.at(self.now));
        }
    }

    fn take(&mut self) -> Option<i64> {
        let id = self.queue.take()?.id.0;
        assert!(!self.out.contains(&id), "row {id} is handed out twice at once");
        let person = self.stored[&id].person;
        let earlier = self.stored.range(..id).filter(|(_, it)| it.waits && !it.was_held && it.person == person);
        for (before, _) in earlier {
            let follows_in_stream = self.order == RowOrder::InStream && self.out.contains(before);
            assert!(follows_in_stream || self.stored[&id].was_held, "row {id} overtakes row {before}");
        }
        self.out.push(id);
        assert!(self.out.len() <= WINDOW, "more rows out than the window holds");
        Some(id)
    }

    /// From here on the upstream takes everything: every row that waits must go.
    fn drain(&mut self) {
        for _ in 0..self.stored.len() * 8 + 8 {
            self.begin_read();
            self.end_read();
            while self.take().is_some() {}
            self.apply(&Step::Deliver(0));
            self.apply(&Step::Wait(5));
        }
        let forgotten: Vec<_> = self.stored.iter().filter(|(_, stored)| stored.waits).collect();
        assert!(forgotten.is_empty(), "forgotten: {forgotten:?}");
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_i64).prop_map(Step::Write),
        3 => Just(Step::BeginRead),
        3 => Just(Step::EndRead),
        6 => Just(Step::Take),
        3 => any::<usize>().prop_map(Step::Deliver),
        2 => any::<usize>().prop_map(Step::Later),
        1 => any::<usize>().prop_map(Step::Hold),
        1 => Just(Step::Release),
        2 => (1..4_u64).prop_map(Step::Wait),
        1 => Just(Step::LoseSession),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn rows_of_one_person_keep_their_order_and_every_row_goes_in_the_end(
        in_stream: bool,
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let mut world = World::new(if in_stream { RowOrder::InStream } else { RowOrder::AfterAnswer });
        for step in &steps {
            world.apply(step);
        }
        world.drain();
    }
}

/// Hands out what can go and says which rows those are.
fn taken(queue: &mut Queue) -> Vec<i64> {
    std::iter::from_fn(|| queue.take()).map(|row| row.id.0).collect()
}

fn filled(order: RowOrder, rows: &[(i64, i64)]) -> Queue {
    let mut queue = Queue::new(8, 64, order);
    read(&mut queue, rows);
    queue
}

fn read(queue: &mut Queue, rows: &[(i64, i64)]) {
    let request = queue.wanted_page().expect("there is room for a page");
    let rows = rows.iter().filter(|(id, _)| *id > request.after.0).map(|(id, person)| row(*id, *person)).collect();
    queue.accept(request, rows, Uptime::default());
}

#[test]
fn a_row_put_off_keeps_its_person_waiting_while_others_go_on() {
    let rows = [(1, 7), (2, 8), (3, 7), (4, 9)];
    let mut queue = filled(RowOrder::AfterAnswer, &rows);
    assert_eq!(taken(&mut queue), [1, 2, 4]);
    queue.put_off(RowId(1), Uptime(Duration::from_secs(10)));
    queue.left(RowId(2));
    queue.left(RowId(4));
    queue.wake_due(Uptime(Duration::from_secs(9)));
    assert_eq!(queue.wanted_page(), None, "nothing can go before the tenth second");
    queue.wake_due(Uptime(Duration::from_secs(10)));
    read(&mut queue, &[(1, 7), (3, 7)]);
    assert_eq!(taken(&mut queue), [1]);
    queue.left(RowId(1));
    read(&mut queue, &[(3, 7)]);
    assert_eq!(taken(&mut queue), [3]);
}

#[test]
fn in_one_stream_rows_of_a_person_follow_each_other_unanswered() {
    let mut queue = filled(RowOrder::InStream, &[(1, 7), (2, 7), (3, 7)]);
    assert_eq!(taken(&mut queue), [1, 2, 3]);
}

#[test]
fn a_row_begun_and_never_answered_is_named_when_the_session_is_over() {
    let mut queue = filled(RowOrder::AfterAnswer, &[(1, 7), (2, 8)]);
    assert_eq!(taken(&mut queue), [1, 2]);
    queue.out(RowId(2)).expect("it is out").begun = true;
    assert_eq!(queue.start_over(), [RowId(2)]);
}

#[test]
fn a_page_that_lay_while_the_upstream_stalled_is_read_again_when_something_changed() {
    let mut queue = Queue::new(1, 64, RowOrder::InStream);
    read(&mut queue, &[(1, 7), (2, 8)]);
    assert_eq!(taken(&mut queue), [1]);
    queue.something_changed(Uptime(Duration::from_secs(60)));
    read(&mut queue, &[(1, 7)]);
    queue.left(RowId(1));
    assert_eq!(taken(&mut queue), [0_i64; 0], "the second was given up meanwhile");
}
