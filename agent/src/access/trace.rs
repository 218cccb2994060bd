//! The trace of a decision: a line for every rule, weighed by the right somebody passes by, and what follows from it.

use jiff::Timestamp;

use crate::domain::{
    Decision, Grant, GrantKind, MemberText, PersonId, Reason, Severity, Step, TraceLine, Verdict, Way,
};

/// Most texts a decision carries. A member reads one or two while walking; more would only be scrolled past.
const TEXTS_MAX: usize = 4;

/// What one rule has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    reason: Option<Reason>,
    severity: Severity,
    detail: String,
}

impl Finding {
    pub(super) fn note(detail: impl Into<String>) -> Self {
        Self { reason: None, severity: Severity::Note, detail: detail.into() }
    }

    pub(super) fn new(severity: Severity, reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason: Some(reason), severity, detail: detail.into() }
    }

    pub(super) fn block(reason: Reason, detail: impl Into<String>) -> Self {
        Self::new(Severity::Block, reason, detail)
    }
}

/// How a rule is asked of somebody.
enum Asked {
    /// Its findings weigh at most so much.
    UpTo(Severity),
    /// Not at all, and why.
    Not(&'static str),
}

fn asked(kind: GrantKind, step: Step) -> Asked {
    match (kind, step) {
        (GrantKind::Member, _) => Asked::UpTo(Severity::Block),
        (GrantKind::Manual, _) => Asked::UpTo(Severity::Warn),
        (GrantKind::Staff, Step::GateMode | Step::ReadHygiene | Step::Identify | Step::Ban | Step::Staff) => {
            Asked::UpTo(Severity::Block)
        }
        (GrantKind::Staff, _) => Asked::Not("not asked of staff"),
        (GrantKind::Free, Step::GateMode | Step::ReadHygiene) => Asked::UpTo(Severity::Block),
        (GrantKind::Free, Step::Identify | Step::Ban) => Asked::UpTo(Severity::Warn),
        (GrantKind::Free, _) => Asked::Not("not asked at a free gate"),
        (GrantKind::Exit, Step::ReaderSuitability | Step::Presence | Step::Entitlement | Step::Capacity) => {
            Asked::Not("not asked of those who leave")
        }
        (GrantKind::Exit, _) => Asked::UpTo(Severity::Warn),
    }
}

/// The lines so far.
pub(super) struct Trace {
    kind: GrantKind,
    /// No finding weighs more.
    at_most: Severity,
    lines: Vec<TraceLine>,
}

impl Trace {
    pub(super) fn new(kind: GrantKind) -> Self {
        Self { kind, at_most: Severity::Block, lines: Vec::with_capacity(16) }
    }

    /// Of a passage that has been: nothing can hold it any more.
    pub(super) fn looking_back(kind: GrantKind) -> Self {
        Self { at_most: Severity::Warn, ..Self::new(kind) }
    }

    /// Asks a rule, if it concerns this right at all.
    pub(super) fn ask(&mut self, step: Step, rule: impl FnOnce() -> Vec<Finding>) {
        self.ask_for(step, || (rule(), None::<()>));
    }

    /// Asks a rule that also yields something when it serves.
    pub(super) fn ask_for<T>(&mut self, step: Step, rule: impl FnOnce() -> (Vec<Finding>, Option<T>)) -> Option<T> {
        let (findings, weight, found) = match asked(self.kind, step) {
            Asked::UpTo(weight) => {
                let (findings, found) = rule();
                (findings, weight.min(self.at_most), found)
            }
            Asked::Not(why) => (vec![Finding::note(why)], Severity::Note, None),
        };
        if findings.is_empty() {
            self.lines.push(line(step, Finding::note(""), weight));
        }
        self.lines.extend(findings.into_iter().map(|finding| line(step, finding, weight)));
        found
    }

    /// Rule 11: any block wins. The grant stands if there is none.
    pub(super) fn combine(
        mut self,
        grant: Grant,
        person: Option<PersonId>,
        way: Way,
        at: Timestamp,
        messages: Vec<MemberText>,
    ) -> Decision {
        let blocked = self.lines.iter().find(|line| line.severity == Severity::Block).and_then(|line| line.reason);
        let summary = match (blocked, &grant.entitlement) {
            (Some(reason), _) => format!("refused: {}", reason.code()),
            (None, Some(entitlement)) => format!("opens, using {}", entitlement.title),
            (None, None) => "opens".to_owned(),
        };
        let mut texts = match blocked {
            Some(reason) => refusal(reason, messages),
            None => welcome(way, messages, &self.lines),
        };
        texts.truncate(TEXTS_MAX);
        self.lines.push(line(Step::Combine, Finding::note(summary), Severity::Note));
        let verdict = if blocked.is_some() { Verdict::Deny } else { Verdict::Grant(grant) };
        Decision { verdict, person, way, at, texts, trace: self.lines }
    }
}

fn line(step: Step, finding: Finding, weight: Severity) -> TraceLine {
    let Finding { reason, severity, detail } = finding;
    TraceLine { step, reason, severity: severity.min(weight), detail }
}

/// The first reason in the order of the rules; what CRM has to say follows, or stands for itself when it is CRM that blocks.
fn refusal(reason: Reason, messages: Vec<MemberText>) -> Vec<MemberText> {
    if reason == Reason::CrmBlock && !messages.is_empty() {
        return messages;
    }
    std::iter::once(MemberText::Reason(reason)).chain(messages).collect()
}

/// What CRM has to say, else what the member should see to before it holds the gate, else a greeting.
fn welcome(way: Way, messages: Vec<MemberText>, lines: &[TraceLine]) -> Vec<MemberText> {
    if !messages.is_empty() {
        return messages;
    }
    let greeting = match way {
        Way::Out => return vec![MemberText::Goodbye],
        Way::In | Way::Inner => MemberText::Welcome,
    };
    let warned = lines.iter().filter(|line| line.severity == Severity::Warn).filter_map(|line| line.reason);
    let said = warned.filter(|reason| is_said_in_public(*reason)).map(MemberText::Reason).next();
    vec![said.unwrap_or(greeting)]
}

/// Warnings that others in the queue may read. What is owed is between the member and the desk.
fn is_said_in_public(reason: Reason) -> bool {
    matches!(reason, Reason::CertificateExpired | Reason::CertificateMissing | Reason::FeeExpired | Reason::FeeMissing)
}
