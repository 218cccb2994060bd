//! What the rules answer, and why: verdict, reasons with stable codes, and a trace with a line for every rule.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ClassId, CrmActionId, MembershipId, PersonId, Way, ZoneId};

/// The rules of the decision order, in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// 0: gate mode and emergency.
    GateMode,
    /// 1: read hygiene.
    ReadHygiene,
    /// 2: identify.
    Identify,
    /// 3: ban.
    Ban,
    /// 4: staff bypass.
    Staff,
    /// 5: reader suitability.
    ReaderSuitability,
    /// 6: presence and anti-passback.
    Presence,
    /// 7: entitlement.
    Entitlement,
    /// 8: conditions.
    Conditions,
    /// 9: capacity.
    Capacity,
    /// 10: CRM access actions.
    Crm,
    /// 11: combine.
    Combine,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a passage was refused, or what was said about it. The code is stable: it travels in events and keys the member texts.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }
        impl Reason {
            /// Every reason, in order.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];
            /// The stable code.
            #[must_use]
            pub fn code(self) -> &'static str { match self { $(Self::$name => $code,)* } }
        }
    };
}

reasons! {
    /// The gate is locked.
    GateLocked = "gate_locked",
    /// The gate is for staff.
    StaffOnly = "staff_only",
    /// No credential has this value.
    UnknownCredential = "unknown_credential",
    /// Several people's credentials read alike in this form.
    AmbiguousCredential = "ambiguous_credential",
    /// Reported lost.
    CredentialLost = "credential_lost",
    /// Withdrawn.
    CredentialRevoked = "credential_revoked",
    /// Not valid yet.
    CredentialNotYetValid = "credential_not_yet_valid",
    /// No longer valid.
    CredentialExpired = "credential_expired",
    /// Banned.
    Banned = "banned",
    /// The zone is closed at this hour.
    Closed = "closed",
    /// Younger than the reader allows.
    TooYoung = "too_young",
    /// The reader has an age limit and the age is unknown.
    AgeUnknown = "age_unknown",
    /// Already inside.
    Passback = "passback",
    /// Nothing entitles them.
    NoEntitlement = "no_entitlement",
    /// A membership has not begun.
    MembershipNotStarted = "membership_not_started",
    /// A membership is over.
    MembershipExpired = "membership_expired",
    /// A membership was ended.
    MembershipEnded = "membership_ended",
    /// A membership is frozen.
    MembershipFrozen = "membership_frozen",
    /// Not charged up to today.
    MembershipNotCharged = "membership_not_charged",
    /// A membership does not open this zone.
    WrongZone = "wrong_zone",
    /// A membership does not open at this hour.
    OutsideHours = "outside_hours",
    /// A punch card is empty.
    NoEntriesLeft = "no_entries_left",
    /// It is not known how many entries a punch card has.
    EntriesUnknown = "entries_unknown",
    /// A booked class has not opened its doors yet.
    ClassTooEarly = "class_too_early",
    /// A booked class began too long ago.
    ClassTooLate = "class_too_late",
    /// A booked class does not take place.
    ClassCancelled = "class_cancelled",
    /// On the waiting list of a class.
    ClassWaitingList = "class_waiting_list",
    /// The association fee has run out.
    FeeExpired = "fee_expired",
    /// Whether the association fee is paid is unknown.
    FeeMissing = "fee_missing",
    /// Dues are overdue.
    DuesOverdue = "dues_overdue",
    /// The medical certificate has expired.
    CertificateExpired = "certificate_expired",
    /// There is no medical certificate.
    CertificateMissing = "certificate_missing",
    /// The zone is full.
    ZoneFull = "zone_full",
    /// A CRM action has a message.
    CrmMessage = "crm_message",
    /// A CRM action blocks.
    CrmBlock = "crm_block",
    /// The agent cannot record passages at present.
    StoreUnavailable = "store_unavailable",
    /// Re-sent by a controller after an outage; never opens.
    Stale = "stale",
}

/// How much weight a reason has in a decision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Kept for the operator only, such as why one of several memberships did not serve.
    Note,
    /// Worth saying; opens all the same.
    Warn,
    /// Holds the gate.
    Block,
}

/// One line of the trace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TraceLine {
    /// The rule.
    pub step: Step,
    /// What it found; none: nothing against it.
    pub reason: Option<Reason>,
    /// With what weight.
    pub severity: Severity,
    /// For the operator: ids and dates, never names.
    pub detail: String,
}

/// Opens or not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The gate opens.
    Grant(Grant),
    /// The gate stays shut.
    Deny,
}

/// By what right somebody passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// The rules let them in.
    Member,
    /// Staff bypass.
    Staff,
    /// The gate is free.
    Free,
    /// Leaving is never refused.
    Exit,
    /// An operator opened.
    Manual,
}

/// A right to pass, once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// By what right.
    pub kind: GrantKind,
    /// The membership or class used, and whether a new visit takes an entry from it.
    pub entitlement: Option<Entitlement>,
    /// The zone whose place is taken until the passage is settled.
    pub enters: Option<ZoneId>,
}

/// What entitles a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Entitlement {
    /// The membership or the booked class.
    #[serde(flatten)]
    pub title: Title,
    /// How it serves.
    pub kind: EntitlementKind,
}

/// What somebody holds that can entitle them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Title {
    /// A membership.
    Membership(MembershipId),
    /// A booked class.
    Class(ClassId),
}

impl Title {
    /// The membership, if it is one.
    #[must_use]
    pub fn membership(&self) -> Option<&MembershipId> {
        match self {
            Self::Membership(membership) => Some(membership),
            Self::Class(_) => None,
        }
    }

    /// The class, if it is one.
    #[must_use]
    pub fn class(&self) -> Option<&ClassId> {
        match self {
            Self::Class(class) => Some(class),
            Self::Membership(_) => None,
        }
    }
}

impl std::fmt::Display for Title {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Membership(membership) => membership.fmt(f),
            Self::Class(class) => write!(f, "class {class}"),
        }
    }
}

/// How a membership or a class serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntitlementKind {
    /// A subscription: nothing is consumed.
    Subscription,
    /// A punch card: a new visit takes one entry.
    PunchCard,
    /// A booked class: nothing is consumed.
    Class,
    /// The open visit goes on: nothing is consumed.
    Visit,
}

/// What the member reads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberText {
    /// A welcome.
    Welcome,
    /// A goodbye.
    Goodbye,
    /// The text for a reason.
    Reason(Reason),
    /// The message of a CRM action.
    Crm {
        /// The action; what the member was shown is recorded on it.
        action: CrmActionId,
        /// Its text.
        text: String,
    },
}

/// The answer of the rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Opens or not.
    pub verdict: Verdict,
    /// Whom it is about, once identified.
    #[serde(skip)]
    pub person: Option<PersonId>,
    /// Which way the passage goes.
    pub way: Way,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Texts for the member, most important first. A reader without a display shows none.
    pub texts: Vec<MemberText>,
    /// A line for every rule that was looked at.
    pub trace: Vec<TraceLine>,
}

impl Decision {
    /// The reasons that block or warn, in the order of the rules; notes are left to the trace.
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        self.trace.iter().filter(|line| line.severity > Severity::Note).filter_map(|line| line.reason)
    }

    /// The grant, if the gate opens.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match &self.verdict {
            Verdict::Grant(grant) => Some(grant),
            Verdict::Deny => None,
        }
    }
}
