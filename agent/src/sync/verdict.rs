//! Whether a person may be told of today, what is missing if not, and what of them Mywellness does not know yet.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::membership::{MembershipTold, Phase, membership, operations};
use super::personalia::{Personalia, group_ids, said};
use super::selection::{NotTold, lets_sync, selects};
use super::{Footing, Mode, Rules, SyncState};
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
}

/// What is to be told of a person on that day, in order; nothing if all of it is known there. Whoever is not known there
/// is made known first, and the rest follows from that. The end of a membership takes its holder out of the selection,
/// and is told all the same to who knows them.
///
/// # Errors
/// What is in the way.
pub fn to_tell(
    person: &Person,
    (integration, footing): (&Integration, Footing),
    told: &Told,
    rules: &Rules,
    today: Date,
) -> Result<Vec<FactKind>, Barred> {
    let verdict = may_be_known(person, (integration, footing), rules, today);
    if footing == Footing::Unlinked {
        return verdict.map(|()| rules.marks().into_iter().take(1).filter(|kind| *kind == FactKind::Person).collect());
    }
    let differing = differing(person, told, rules, today);
    match verdict {
        Ok(()) if integration.complete => Ok(rules.marks()),
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
pub fn differing(person: &Person, told: &Told, rules: &Rules, today: Date) -> Vec<FactKind> {
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
        FactKind::Passage
        | FactKind::Visit
        | FactKind::Attendance
        | FactKind::Alarm
        | FactKind::Answer
        | FactKind::Erasure => false,
    };
    rules.marks().into_iter().filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::super::{GroupMaster, Selection};
    use super::*;

    const TODAY: Date = date(2026, 11, 21);

    fn rules() -> Rules {
        Rules {
            mode: Mode::Automatic,
            send: vec![FactKind::Person, FactKind::Membership, FactKind::Groups, FactKind::Visit],
            group_ids: [("Gold".to_owned(), 12)].into(),
            group_master: GroupMaster::On,
            email_required: true,
            gender_required: true,
            selection: Selection::Members,
        }
    }

    fn anna(changes: Value) -> Person {
        let mut document = json!({"external_id": "M-1", "first_name": "Anna", "last_name": "Rossi", "gender": "F",
            "birth_date": "1990-04-12", "email": "anna@example.org", "groups": ["Gold"],
            "memberships": [{"id": "S-1", "kind": "subscription", "gives_membership": true}]});
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

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
            let (person, integration) = (anna(changes), integration(state, approval));
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
        let person = anna(json!({"last_name": "  ", "birth_date": null, "gender": null, "email": " "}));
        assert_eq!(missing(&person, &rules()), ["last_name", "birth_date", "email", "gender"]);
        let lenient = Rules { email_required: false, gender_required: false, ..rules() };
        assert_eq!(missing(&person, &lenient), ["last_name", "birth_date"]);
    }

    #[test]
    fn only_what_differs_from_what_was_told_is_to_be_told() {
        use FactKind::{Groups, Membership, Person as Personal};
        let person = anna(json!({}));
        assert_eq!(differing(&person, &Told::default(), &rules(), TODAY), [Personal, Membership, Groups]);
        let told = Told {
            person: Some(Personalia::of(&person)),
            membership: membership(&person, None, TODAY),
            groups: Some(vec![12]),
        };
        assert_eq!(differing(&person, &told, &rules(), TODAY), []);
        let of = |changes| differing(&anna(changes), &told, &rules(), TODAY);
        assert_eq!(of(json!({"mobile": "+39 333"})), [Personal]);
        assert_eq!(of(json!({"groups": ["Choir"]})), [Groups]);
        assert_eq!(of(json!({"email": "other@example.org"})), [], "the e-mail is the member's own login there");
        let frozen = json!({"memberships": [{"id": "S-1", "kind": "subscription", "gives_membership": true,
            "frozen": {}, "auto_renew": true}]});
        assert_eq!(of(frozen), [Membership]);
        let off = Rules { group_master: GroupMaster::Off, ..rules() };
        assert_eq!(differing(&anna(json!({"groups": []})), &told, &off, TODAY), [], "groups are only tried out");
    }
}
