//! The words of the field: plain data that every other module speaks, valid from birth and free of behaviour that waits.

mod alarm;
mod badge;
mod class;
mod crm;
mod decision;
mod delivery;
mod ids;
mod letters;
mod null;
mod passage;
mod person;
mod site;
mod standing;
mod time;

pub use alarm::{Alarm, AlarmKind, AlarmState};
pub use badge::{BADGE_CHARS_MAX, Badge, BadgeForm, BadgeFormat, BadgeOrder, UnreadableBadge, loose_key, read_alike};
pub use class::{Attendance, BookedClass, Booking, BookingStatus, Class, ClassProduct, ClassStatus, TickedBy};
pub use crm::{AccessAction, ActionRecord, ActionStatus, ActionType, AdvanceMode, Outcome, OutcomeGroup, ShownMessage};
pub use decision::{
    Decision, Entitlement, EntitlementKind, Grant, GrantKind, MemberText, Reason, Severity, Step, Title, TraceLine,
    Verdict,
};
pub use delivery::{
    Audience, ErasureTold, FactKind, Hold, LanePlan, LaneSummary, OutboxEntry, OutboxRow, PassageTold, RowOutcome,
    RowState, VisitTold,
};
pub use ids::{
    ActionTypeId, AlarmId, AttendanceId, BadName, ClassId, ClassProductId, CrmActionId, ExternalId, GateId, LaneId,
    MembershipId, OutcomeId, PassageId, PersonId, ReaderId, RowId, SiteId, VisitId, ZoneId,
};
pub use letters::plain_letters;
pub use null::null_is_default;
pub use passage::{Origin, Passage, PassageOutcome, Shown};
pub use person::{
    Address, Ban, Credential, CredentialKind, CredentialStatus, Days, Due, Frozen, Gender, Hours, Membership,
    MembershipKind, Person, Photo, Source,
};
pub use site::{
    CertificateRule, ClassesRule, Confirm, Direction, Display, DuesRule, Gate, GateMode, Level, Locale, Policy, Reader,
    Site, Way, Zone,
};
pub use standing::{EndedBy, Identified, OpenAction, Presence, Standing, Visit, VisitEnd};
pub use time::{ClockQuality, Now, Uptime};
