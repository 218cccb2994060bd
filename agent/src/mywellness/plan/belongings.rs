//! What a person's photo and badge ask for: a call, where it is newer or another than what is known there.
//!
//! Both are marks, so what is told is what there is when it is sent: a photo that was withdrawn meanwhile stays here, and
//! so does a badge that was lost.

use jiff::Zoned;

use super::{Barred, Known, Rules, Step, as_told, may_be_told, suppressed, unlinked};
use crate::domain::{ClockQuality, Credential, CredentialKind, FactKind, RowOutcome};
use crate::mywellness::TemplatedAction;
use crate::mywellness::template::{Placeholder, Values};
use crate::mywellness::translate::moment;
use crate::store::Link;
use crate::sync::{self, BadgeTold, PhotoTold, Saying, Subject};

/// The only kind of picture that is taken.
const PHOTO_TYPE: &str = "image/jpeg";

pub(super) fn photo(known: &Known, rules: &Rules<'_>, now: &Zoned) -> Result<Step, Barred> {
    may_be_told(known, rules, now.date())?;
    if !rules.config.rules.send.contains(&FactKind::Photo) {
        return Ok(suppressed("mywellness.send names no photos", None));
    }
    let Some(link) = &known.link else { return unlinked(known, rules) };
    let subject = subject(known, now);
    let mut values = who(known, link);
    let actions = &rules.config.actions;
    Ok(match sync::photo(&subject, known.told.photo, &rules.config.rules, known.integration.complete) {
        Saying::Tell(taken_at) => {
            let jpeg = known.person.photo.as_ref().map(|photo| photo.jpeg_base64.clone());
            values.insert(Placeholder::Photo, jpeg.unwrap_or_default());
            values.insert(Placeholder::PhotoType, PHOTO_TYPE.into());
            values.insert(Placeholder::PhotoTakenAt, moment(taken_at, rules.timezone));
            say(actions.photo.as_ref(), "photo", &values, as_told(&PhotoTold { taken_at: Some(taken_at) }))
        }
        Saying::TakeBack => say(actions.no_photo.as_ref(), "no_photo", &values, as_told(&PhotoTold { taken_at: None })),
        Saying::Nothing if sync::publishable(&subject).is_some() => Step::Settle(RowOutcome::Delivered, None),
        Saying::Nothing => suppressed("the person has no photo that may be published", None),
    })
}

pub(super) fn badge(known: &Known, rules: &Rules<'_>, (now, clock): (&Zoned, ClockQuality)) -> Result<Step, Barred> {
    may_be_told(known, rules, now.date())?;
    if !rules.config.rules.send.contains(&FactKind::Badge) {
        return Ok(suppressed("mywellness.send names no badges", None));
    }
    let Some(link) = &known.link else { return unlinked(known, rules) };
    let depends_on_time = |it: &Credential| it.valid_from.is_some() || it.valid_until.is_some();
    if clock == ClockQuality::Untrusted && known.person.credentials.iter().any(depends_on_time) {
        return Ok(Step::Settle(
            RowOutcome::Later("the clock cannot be trusted with which badge is valid".into()),
            None,
        ));
    }
    let (told, mut values) = (known.told.badge.as_ref(), who(known, link));
    let actions = &rules.config.actions;
    Ok(match sync::badge(&subject(known, now), told, &rules.config.rules, known.integration.complete) {
        Saying::Tell(it) => {
            values.insert(Placeholder::Badge, it.value.clone());
            values.insert(Placeholder::BadgeKind, word(it.kind).into());
            say(actions.badge.as_ref(), "badge", &values, as_told(&BadgeTold { badge: Some(it.value.clone()) }))
        }
        Saying::TakeBack => {
            let known_there = told.and_then(|told| told.badge.clone());
            values.insert(Placeholder::Badge, known_there.unwrap_or_default());
            say(actions.no_badge.as_ref(), "no_badge", &values, as_told(&BadgeTold { badge: None }))
        }
        Saying::Nothing if sync::worn(&known.person, now.timestamp()).is_some() => {
            Step::Settle(RowOutcome::Delivered, None)
        }
        Saying::Nothing => suppressed("the person has no card or wristband in use", None),
    })
}

fn subject<'a>(known: &'a Known, now: &'a Zoned) -> Subject<'a> {
    let photo_taken_at = known.person.photo.as_ref().map(|photo| photo.taken_at);
    Subject { person: &known.person, photo_taken_at, now }
}

/// The person there and here, as every action that is about one can ask for.
pub(super) fn who(known: &Known, link: &Link) -> Values {
    Values::from([
        (Placeholder::UserId, link.user_id.clone()),
        (Placeholder::FacilityUserId, link.facility_user_id.clone()),
        (Placeholder::PermanentToken, link.permanent_token.clone().unwrap_or_default()),
        (Placeholder::ExternalId, known.person.external_id.to_string()),
    ])
}

fn say(action: Option<&TemplatedAction>, name: &'static str, values: &Values, told: String) -> Step {
    let never = |why: String| Step::Settle(RowOutcome::Never(why), None);
    let Some(action) = action else {
        return never(format!("[mywellness.actions.{name}] is not configured; retry the row once it is"));
    };
    match action.fill(values) {
        Some(call) => Step::Say { action: name, call, told },
        None => never(format!("filled in, the path of mywellness.actions.{name} leads elsewhere")),
    }
}

/// The word of the person's document.
fn word(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Card => "card",
        CredentialKind::Wristband => "wristband",
        CredentialKind::Barcode => "barcode",
        CredentialKind::Qr => "qr",
        CredentialKind::Pin => "pin",
        CredentialKind::Other => "other",
    }
}
