//! Whether a person may be told of today, what is missing if not, and what of them Mywellness does not know yet.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::badge::{BadgeTold, badge};
use super::membership::{MembershipTold, Phase, membership, operations};
use super::personalia::{Personalia, group_ids, said};
use super::photo::{PhotoTold, photo};
use super::selection::{NotTold, lets_sync, selects};
use super::{Footing, Mode, Rules, Saying, Subject, SyncState};
use crate::domain::{FactKind, Person};

/// An operator's word on whether a person may be made known there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Nobody said anything.
    None,
    /// Yes.
    Given,
    /// The integration was deleted: not unless an operator synchronises it again.
    Withdrawn,
}

/// A person's integration as the store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Integration {
    /// How it stands.
    pub state: SyncState,
    /// Why, in a word, if something is in the way.
    pub cause: Option<Cause>,
    /// The same with its details.
    pub reason: Option<String>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// An operator's word.
    pub approval: Approval,
    /// Everything is to be told anew, whatever was told before.
    pub complete: bool,
}

/// What is in the way, in a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The member said no.
    OptedOut,
    /// The club does not select the person.
    NotSelected,
    /// Required fields are missing.
    Incomplete,
    /// An operator has to approve.
    Approval,
    /// An operator suspended it.
    Suspended,
    /// An operator deleted it.
    Deleted,
    /// Several people there could be the one.
    Ambiguous,
    /// The person found there is linked to somebody else here.
    LinkedElsewhere,
    /// Mywellness refused it.
    Refused,
    /// Mywellness keeps failing at it.
    Failing,
}

/// Fields that Mywellness requires and the document lacks, by our names.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("required by Mywellness and missing: {}", .0.join(", "))]
pub struct Missing(pub Vec<&'static str>);

/// Why a person is not told of.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Barred {
    /// By the member's or the club's choice.
    #[error(transparent)]
    NotTold(#[from] NotTold),
    /// The integration is suspended.
    #[error("the integration is suspended")]
    Suspended,
    /// The integration was deleted by an operator.
    #[error("the integration was deleted; synchronize makes it anew")]
    Deleted,
    /// An operator has to approve.
    #[error("waits for an operator's approval")]
    Approval,
    /// Something required is missing.
    #[error(transparent)]
    Incomplete(#[from] Missing),
}

impl Barred {
    /// The same in a word.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::NotTold(NotTold::SyncOff | NotTold::ActivityOff) => Cause::OptedOut,
            Self::NotTold(NotTold::NoMember | NotTold::NotInGroup | NotTold::NotOfCategory) => Cause::NotSelected,
            Self::Suspended => Cause::Suspended,
            Self::Deleted => Cause::Deleted,
            Self::Approval => Cause::Approval,
            Self::Incomplete(_) => Cause::Incomplete,
        }
    }
}

/// Required fields that are missing: names and birth date always, e-mail and gender by configuration.
#[must_use]
pub fn missing(person: &Person, rules: &Rules) -> Vec<&'static str> {
    let email = person.email.as_deref().and_then(said);
    let required = [
        ("first_name", said(&person.first_name).is_some()),
        ("last_name", said(&person.last_name).is_some()),
        ("birth_date", person.birth_date.is_some()),
        ("email", email.is_some() || !rules.email_required),
        ("gender", person.gender.is_some() || !rules.gender_required),
    ];
    required.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect()
}

/// Whether a person may be told of on that day. The member's own no comes first, then the operator's word, then the
/// club's selection; whoever is not known there yet must be approved, where that is asked for, and complete.
///
/// # Errors
/// What is in the way.
pub fn may_be_known(
    person: &Person,
    (integration, footing): (&Integration, Footing),
    rules: &Rules,
    today: Date,
) -> Result<(), Barred> {
    lets_sync(person)?;
    match integration.state {
        SyncState::Suspended => return Err(Barred::Suspended),
        SyncState::ToDelete => return Err(Barred::Deleted),
        _ if integration.approval == Approval::Withdrawn => return Err(Barred::Deleted),
        SyncState::New | SyncState::Enabled | SyncState::ToUpdate | SyncState::CreationFailed | SyncState::InError => {}
    }
    selects(&rules.selection, person, today)?;
    if footing == Footing::Linked {
        return Ok(());
    }
    if rules.mode == Mode::Operator && integration.approval != Approval::Given {
        return Err(Barred::Approval);
    }
    match missing(person, rules) {
        complete if complete.is_empty() => Ok(()),
        missing => Err(Missing(missing).into()),
    }
}

/// What Mywellness was last known to have taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Of the person.
    pub person: Option<Personalia>,
    /// Of the membership.
    pub membership: Option<MembershipTold>,
    /// Of the groups, by their ids there.
    pub groups: Option<Vec<i64>>,
    /// Of the photo.
    pub photo: Option<PhotoTold>,
    /// Of the badge.
    pub badge: Option<BadgeTold>,
}

/// What is to be told of a person on that day, in order; nothing if all of it is known there. Whoever is not known there
/// is made known first, and the rest follows from that. The end of a membership takes its holder out of the selection,
/// and is told all the same to who knows them.
///
/// # Errors
/// What is in the way.
pub fn to_tell(
    subject: &Subject<'_>,
    (integration, footing): (&Integration, Footing),
    told: &Told,
    rules: &Rules,
) -> Result<Vec<FactKind>, Barred> {
    let (person, today) = (subject.person, subject.now.date());
    let verdict = may_be_known(person, (integration, footing), rules, today);
    if footing == Footing::Unlinked {
        return verdict.map(|()| rules.marks().into_iter().take(1).filter(|kind| *kind == FactKind::Person).collect());
    }
    let differing = differing(subject, told, rules);
    match verdict {
        Ok(()) if integration.complete => Ok(everything(subject, told, rules)),
        Ok(()) => Ok(differing),
        Err(barred @ Barred::NotTold(_)) if lets_sync(person).is_ok() && differing.contains(&FactKind::Membership) => {
            let ends = membership(person, told.membership.as_ref(), today).is_some_and(|it| it.phase == Phase::Ended);
            if ends && told.membership.is_some() { Ok(vec![FactKind::Membership]) } else { Err(barred) }
        }
        Err(barred) => Err(barred),
    }
}

/// The kinds of mark of a person known there that differ from what was told, among those that are told at all.
#[must_use]
pub fn differing(subject: &Subject<'_>, told: &Told, rules: &Rules) -> Vec<FactKind> {
    let (person, today) = (subject.person, subject.now.date());
    let differs = |kind: &FactKind| match kind {
        FactKind::Person => {
            let known = told.person.clone().unwrap_or_default();
            !Personalia::of(person).differing(&known).is_empty()
        }
        FactKind::Membership => {
            let known = told.membership.as_ref();
            let wanted = membership(person, known, today);
            wanted.is_some_and(|wanted| !operations(known, &wanted, false).is_empty())
        }
        FactKind::Groups => {
            let wanted = group_ids(person, &rules.group_ids);
            // Who never was in a mapped group is left alone there.
            told.groups.as_ref().map_or(!wanted.is_empty(), |known| *known != wanted)
        }
        FactKind::Photo => photo(subject, told.photo, rules, false) != Saying::Nothing,
        FactKind::Badge => badge(subject, told.badge.as_ref(), rules, false) != Saying::Nothing,
        FactKind::Passage
        | FactKind::Visit
        | FactKind::Attendance
        | FactKind::Alarm
        | FactKind::Answer
        | FactKind::Booking
        | FactKind::Erasure => false,
    };
    rules.marks().into_iter().filter(differs).collect()
}

/// Every kind of mark that is told at all. Of a photo or a badge that there is not, there is nothing to tell.
fn everything(subject: &Subject<'_>, told: &Told, rules: &Rules) -> Vec<FactKind> {
    let says_something = |kind: &FactKind| match kind {
        FactKind::Photo => photo(subject, told.photo, rules, true) != Saying::Nothing,
        FactKind::Badge => badge(subject, told.badge.as_ref(), rules, true) != Saying::Nothing,
        _ => true,
    };
    rules.marks().into_iter().filter(says_something).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::super::GroupMaster;
    use super::super::world::{anna_with, at, rules};
    use super::*;

    const TODAY: Date = date(2026, 11, 21);

    fn integration(state: SyncState, approval: Approval) -> Integration {
        let since = "2026-11-21T10:00:00Z".parse().unwrap();
        Integration { state, cause: None, reason: None, since, approval, complete: false }
    }

    #[test]
    fn the_members_no_comes_before_the_operators_word_and_that_before_the_clubs_selection() {
        let nobody = json!({"allow_sync": false, "memberships": [], "email": null});
        let stranger = json!({"memberships": [], "email": null});
        let incomplete = json!({"email": " ", "birth_date": null});
        let cases = [
            ("complete", json!({}), SyncState::New, Approval::None),
            ("opted out, and all the rest", nobody, SyncState::Suspended, Approval::Withdrawn),
            ("suspended", stranger.clone(), SyncState::Suspended, Approval::Given),
            ("to be deleted", stranger.clone(), SyncState::ToDelete, Approval::Given),
            ("deleted", stranger.clone(), SyncState::New, Approval::Withdrawn),
            ("no member", stranger, SyncState::New, Approval::Given),
            ("incomplete", incomplete.clone(), SyncState::New, Approval::Given),
            ("incomplete, not approved", incomplete, SyncState::CreationFailed, Approval::None),
        ];
        let mut table = String::from("case: automatic; operator; linked\n");
        for (name, changes, state, approval) in cases {
            let (person, integration) = (anna_with(&changes), integration(state, approval));
            let verdict =
                |mode, footing| match may_be_known(&person, (&integration, footing), &Rules { mode, ..rules() }, TODAY)
                {
                    Ok(()) => "goes".to_owned(),
                    Err(barred) => format!("{:?}", barred.cause()),
                };
            let (automatic, operator) =
                (verdict(Mode::Automatic, Footing::Unlinked), verdict(Mode::Operator, Footing::Unlinked));
            table += &format!("{name}: {automatic}; {operator}; {}\n", verdict(Mode::Operator, Footing::Linked));
        }
        expect![[r#"
            case: automatic; operator; linked
            complete: goes; Approval; goes
            opted out, and all the rest: OptedOut; OptedOut; OptedOut
            suspended: Suspended; Suspended; Suspended
            to be deleted: Deleted; Deleted; Deleted
            deleted: Deleted; Deleted; Deleted
            no member: NotSelected; NotSelected; NotSelected
            incomplete: Incomplete; Incomplete; goes
            incomplete, not approved: Incomplete; Approval; goes
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once_and_only_what_the_club_requires() {
        let person = anna_with(&json!({"last_name": "  ", "birth_date": null, "gender": null, "email": " "}));
        assert_eq!(missing(&person, &rules()), ["last_name", "birth_date", "email", "gender"]);
        let lenient = Rules { email_required: false, gender_required: false, ..rules() };
        assert_eq!(missing(&person, &lenient), ["last_name", "birth_date"]);
    }

    /// What differs for Anna with these changes and a photo of that moment.
    fn differs(changes: &Value, photo: Option<&str>, told: &Told, rules: &Rules) -> Vec<FactKind> {
        let (person, now) = (anna_with(changes), at("2026-11-21T10:00:00Z"));
        let photo_taken_at = photo.map(|it| it.parse().unwrap());
        differing(&Subject { person: &person, photo_taken_at, now: &now }, told, rules)
    }

    #[test]
    fn only_what_differs_from_what_was_told_is_to_be_told() {
        use FactKind::{Badge, Groups, Membership, Person as Personal, Photo};
        let with_all = json!({"allow_photo_publish": true, "credentials": [{"value": "A1"}]});
        let (early, late) = (Some("2026-01-05T10:00:00Z"), Some("2026-11-20T10:00:00Z"));
        let all = [Personal, Membership, Groups, Photo, Badge];
        assert_eq!(differs(&with_all, early, &Told::default(), &rules()), all, "in this order");
        assert_eq!(differs(&json!({}), early, &Told::default(), &rules()), [Personal, Membership, Groups]);
        let person = anna_with(&with_all);
        let told = Told {
            person: Some(Personalia::of(&person)),
            membership: membership(&person, None, TODAY),
            groups: Some(vec![12]),
            photo: Some(PhotoTold { taken_at: early.map(|it| it.parse().unwrap()) }),
            badge: Some(BadgeTold { badge: Some("A1".into()) }),
        };
        assert_eq!(differs(&with_all, early, &told, &rules()), []);
        let of = |changes: Value| differs(&changes, None, &told, &rules());
        assert_eq!(of(json!({"mobile": "+39 333"})), [Personal]);
        assert_eq!(of(json!({"groups": ["Choir"]})), [Groups]);
        assert_eq!(of(json!({"email": "other@example.org"})), [], "the e-mail is the member's own login there");
        let frozen = json!({"memberships": [{"id": "S-1", "kind": "subscription", "gives_membership": true,
            "frozen": {}, "auto_renew": true}]});
        assert_eq!(of(frozen), [Membership]);
        let off = Rules { group_master: GroupMaster::Off, ..rules() };
        assert_eq!(differs(&json!({"groups": []}), None, &told, &off), [], "groups are only tried out");
        assert_eq!(differs(&with_all, late, &told, &rules()), [Photo]);
        assert_eq!(of(json!({"credentials": [{"value": "B2"}]})), [Badge]);
        let not_sent = Rules { send: vec![Personal], ..rules() };
        assert_eq!(differs(&json!({"credentials": [{"value": "B2"}]}), late, &told, &not_sent), []);
    }

    #[test]
    fn to_synchronize_tells_everything_anew_that_there_is() {
        use FactKind::{Badge, Groups, Membership, Person as Personal, Photo};
        let now = at("2026-11-21T10:00:00Z");
        let complete = Integration { complete: true, ..integration(SyncState::ToUpdate, Approval::Given) };
        let tell = |changes: Value, photo: Option<&str>, told: &Told, rules: &Rules| {
            let person = anna_with(&changes);
            let photo_taken_at = photo.map(|it| it.parse().unwrap());
            let subject = Subject { person: &person, photo_taken_at, now: &now };
            to_tell(&subject, (&complete, Footing::Linked), told, rules)
        };
        let with_all = json!({"allow_photo_publish": true, "credentials": [{"value": "A1"}]});
        let taken_at = Some("2026-01-05T10:00:00Z");
        let told = Told {
            photo: Some(PhotoTold { taken_at: taken_at.map(|it| it.parse().unwrap()) }),
            badge: Some(BadgeTold { badge: Some("A1".into()) }),
            ..Told::default()
        };
        assert_eq!(tell(with_all, taken_at, &told, &rules()), Ok(vec![Personal, Membership, Groups, Photo, Badge]));
        assert_eq!(tell(json!({}), None, &told, &rules()), Ok(vec![Personal, Membership, Groups]), "there is neither");
        let takes_back = Rules { takes_back: vec![Photo, Badge], ..rules() };
        let all = Ok(vec![Personal, Membership, Groups, Photo, Badge]);
        assert_eq!(tell(json!({}), None, &told, &takes_back), all, "and that can be said");
    }
}
