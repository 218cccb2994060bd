//! What a gate's machine remembers of badges: whom it asked about, who waits, and what it answered lately.

use std::time::Duration;

use super::Ask;
use crate::domain::{Display, MemberText, Uptime, Way};

/// Reads of one gate that are being decided at once. Decisions take far less than a millisecond and a gate has two or
/// three readers; a read beyond that is dropped, and the person holds the card there again.
const ASKED_MAX: usize = 4;
/// A question is taken for lost after so long, so that a badge whose answer never came is asked about again.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Answers remembered for repeats. More people than this do not read at one gate within a repeat window.
const ANSWERS_MAX: usize = 16;

/// What a badge was answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) texts: Vec<MemberText>,
    pub(super) display: Display,
    pub(super) opened: bool,
}

/// The memory of one gate.
#[derive(Debug)]
pub(super) struct Memory {
    repeat_window: Duration,
    asked: Vec<(Ask, Uptime)>,
    waiting: Option<(Ask, Way)>,
    /// Oldest first, each with the end of its window.
    answers: Vec<(Ask, Answer, Uptime)>,
}

impl Memory {
    pub(super) fn new(repeat_window: Duration) -> Self {
        Self { repeat_window, asked: Vec::new(), waiting: None, answers: Vec::new() }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.repeat_window);
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.asked.is_empty() && self.waiting.is_none()
    }

    /// The answer to the badge that the gate is open for is kept as long as that: its next read prolongs the grant.
    pub(super) fn forget_what_is_over(&mut self, now: Uptime, open_for: Option<&Ask>) {
        self.asked.retain(|(_, until)| now < *until);
        self.answers.retain(|(ask, _, until)| now < *until || Some(ask) == open_for);
    }

    /// The answer that this read repeats. The window runs from the last read, so that a card left on a reader stays one
    /// read for as long as it lies there.
    pub(super) fn repeated(&mut self, ask: &Ask, now: Uptime) -> Option<Answer> {
        let (_, answer, until) = self.answers.iter_mut().find(|(known, _, _)| known == ask)?;
        *until = now.after(self.repeat_window);
        Some(answer.clone())
    }

    pub(super) fn has_answer(&self, ask: &Ask) -> bool {
        self.answers.iter().any(|(known, _, _)| known == ask)
    }

    /// Notes a question, unless it is being decided, waits already, or there are too many.
    pub(super) fn asks(&mut self, ask: &Ask, now: Uptime) -> bool {
        let known = self.asked.iter().any(|(asked, _)| asked == ask)
            || self.waiting.as_ref().is_some_and(|(waiting, _)| waiting == ask);
        let takes = !known && self.asked.len() < ASKED_MAX;
        if takes {
            self.asked.push((ask.clone(), now.after(ANSWER_WITHIN)));
        }
        takes
    }

    pub(super) fn answered(&mut self, ask: &Ask) {
        self.asked.retain(|(asked, _)| asked != ask);
    }

    pub(super) fn remember(&mut self, ask: Ask, answer: Answer, now: Uptime) {
        if self.answers.len() == ANSWERS_MAX {
            self.answers.remove(0);
        }
        self.answers.push((ask, answer, now.after(self.repeat_window)));
    }

    pub(super) fn forget(&mut self, ask: &Ask) {
        self.answers.retain(|(known, _, _)| known != ask);
    }

    /// One waits. Whoever leaves takes the place of somebody entering, since leaving is never refused; of two who enter
    /// the first stays. The other is shown nothing and holds the card there again.
    pub(super) fn waits(&mut self, ask: Ask, way: Way) {
        let yields = match &self.waiting {
            None => true,
            Some((_, waiting)) => way == Way::Out && *waiting != Way::Out,
        };
        if yields {
            self.waiting = Some((ask, way));
        }
    }

    /// Takes who waits, and notes that they are asked about.
    pub(super) fn next(&mut self, now: Uptime) -> Option<Ask> {
        let (ask, _) = self.waiting.take()?;
        self.asked.push((ask.clone(), now.after(ANSWER_WITHIN)));
        Some(ask)
    }
}
