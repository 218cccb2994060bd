//! Somebody at a gate with a controller, from the read to its end.

use super::super::Ask;
use super::words::{By, Decider, Effect, EventKey, GrantId, Late, No};
use crate::domain::{Display, GrantKind, MemberText, Now, PassageId, PassageOutcome, ReaderId, Uptime, Way};

/// Somebody at the gate, from the read to its end.
#[derive(Debug)]
pub(super) struct Person {
    /// The controller's read; none for another reader and for an opening by hand.
    pub(super) read: Option<u32>,
    /// Whose badge at which reader, if known.
    pub(super) ask: Option<Ask>,
    pub(super) at: Now,
    pub(super) leads_out: bool,
    /// The controller waits for no answer any more, or never did.
    pub(super) is_answered: bool,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// The rules are being asked.
    Asked,
    /// The gate is busy with somebody else; next is this one.
    Waits,
    /// Let in by this agent.
    Granted(Granted),
    /// Passed, and that is written down; the gate turns still.
    Counted(GrantId, Way, Uptime),
    /// Let in by an agent before this one.
    Remembered(GrantId),
    /// Let in by the controller.
    Alone,
}

#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) id: PassageId,
    pub(super) grant: GrantId,
    pub(super) kind: GrantKind,
    pub(super) way: Way,
    /// When it confirms itself.
    pub(super) counts_at: Option<Uptime>,
    /// When its end is overdue.
    pub(super) until: Uptime,
    pub(super) at_most: Uptime,
    pub(super) is_released: bool,
    /// It answered the read that the controller held; what the read says of its answer is about it then.
    pub(super) answers: bool,
}

impl Person {
    pub(super) fn granted(&self) -> Option<&Granted> {
        if let Stage::Granted(granted) = &self.stage { Some(granted) } else { None }
    }

    pub(super) fn open_grant(&self) -> Option<GrantId> {
        self.granted().map(|granted| granted.grant)
    }

    /// Which way the gate is open for this one, if it is.
    pub(super) fn way(&self) -> Option<Way> {
        match &self.stage {
            Stage::Granted(Granted { way, .. }) | Stage::Counted(_, way, _) => Some(*way),
            Stage::Alone | Stage::Remembered(_) if self.leads_out => Some(Way::Out),
            Stage::Alone | Stage::Remembered(_) => Some(Way::In),
            Stage::Asked | Stage::Waits => None,
        }
    }

    pub(super) fn is_meant(&self, by: By) -> bool {
        match (by, &self.stage) {
            (By::Grant(grant), Stage::Granted(own)) => own.grant == grant,
            (By::Grant(grant), Stage::Counted(own, ..) | Stage::Remembered(own)) => *own == grant,
            (By::Own(read), _) => self.read == Some(read),
            (By::Grant(_), Stage::Asked | Stage::Waits | Stage::Alone) | (By::Free | By::Nobody, _) => false,
        }
    }

    /// Tells a person no, where they can see it.
    pub(super) fn denied(&self, texts: Vec<MemberText>, display: Display, meaning: No) -> Option<Effect> {
        let reader = self.ask.as_ref().map(|ask| ask.reader.clone());
        match self.read {
            Some(read) if !self.is_answered => Some(Effect::Deny { read, reader, texts, meaning }),
            Some(_) | None => show(&reader?, texts, display, meaning),
        }
    }

    /// The controller was reset.
    pub(super) fn lost_with(self, boot: u64) -> Option<Effect> {
        let key = self.read.map(|number| EventKey { boot, number });
        let way = if self.leads_out { Way::Out } else { Way::In };
        let late = |by| {
            let (ask, at, outcome) = (self.ask.clone(), self.at, PassageOutcome::NotPassed);
            key.map(|key| Effect::RecordLate(Late { key, unless_passed: None, ask, at, way, by, outcome }))
        };
        match &self.stage {
            Stage::Granted(it) => Some(Effect::Record { id: it.id, read: key, outcome: PassageOutcome::NotPassed }),
            Stage::Remembered(_) => late(Decider::Agent),
            Stage::Alone => late(Decider::Controller),
            Stage::Asked | Stage::Waits | Stage::Counted(..) => None,
        }
    }
}

pub(super) fn show(reader: &ReaderId, texts: Vec<MemberText>, display: Display, meaning: No) -> Option<Effect> {
    let is_shown = display != Display::None && !texts.is_empty();
    is_shown.then(|| Effect::Show { reader: reader.clone(), texts, meaning })
}
