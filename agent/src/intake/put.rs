//! Writing people down and erasing them, each in one transaction.

use jiff::Timestamp;

use crate::domain::{Credential, ExternalId, Person};
use crate::store::{Claim, DeletionOrdered, StoreError, Tx, View};
use crate::telemetry::Fact;

use super::facts::PersonErased;
use super::person::CheckedPerson;
use super::refused::{Cause, Problem, Refused};

/// A person was written down.
#[derive(Clone, PartialEq, Debug)]
pub struct Put {
    /// Whether they are new here.
    pub created: bool,
    /// What is odd about their document.
    pub warnings: Vec<Problem>,
}

/// Writes a person down, in place of what was known of them. Refuses, having written nothing, who was erased, and
/// whose credentials belong to somebody else.
///
/// # Errors
/// When the store cannot; a refusal is no error.
pub fn put_person(tx: &Tx<'_>, person: &CheckedPerson, now: Timestamp) -> Result<Result<Put, Refused>, StoreError> {
    if let Err(refused) = welcome(tx, person)? {
        return Ok(Err(refused));
    }
    let claims = tx.claims_by_others(&person.person().external_id, &person.credential_values())?;
    if !claims.is_empty() {
        return Ok(Err(claimed(person.person(), &claims)));
    }
    let created = tx.put_person(person.person(), now)?;
    Ok(Ok(Put { created, warnings: person.warnings().to_vec() }))
}

/// What an erasure asks of upstreams that know people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remote {
    /// Nothing: what is known there stays there.
    Stays,
    /// The person is to be deleted there too.
    Goes,
}

/// Erases a person: passages and visits stay, anonymous. Says what was ordered at Mywellness; none: nobody has this id. The person goes and their tombstone comes in
/// one transaction, so that a crash leaves them whole or gone.
///
/// # Errors
/// When the store cannot.
pub fn erase_person(
    tx: &Tx<'_>,
    person: &ExternalId,
    remote: Remote,
    now: Timestamp,
) -> Result<Option<DeletionOrdered>, StoreError> {
    let ordered = match remote {
        Remote::Goes => tx.order_remote_deletion(person, now)?,
        Remote::Stays => DeletionOrdered::Nothing,
    };
    let erased = tx.erase_person(person, now)?;
    if erased {
        PersonErased.tell();
    }
    Ok(erased.then_some(ordered))
}

/// Whether this person may be written down at all.
pub(super) fn welcome(view: &View<'_>, person: &CheckedPerson) -> Result<Result<(), Refused>, StoreError> {
    if view.is_erased(&person.person().external_id)? {
        let why = "this person was erased and is not taken again under this id";
        return Ok(Err(Refused::one(Cause::Erased, "external_id", why)));
    }
    Ok(Ok(()))
}

/// Names each credential that belongs to somebody else, and to whom: an operator has to know where to look.
fn claimed(person: &Person, claims: &[Claim]) -> Refused {
    let problem = |claim: &Claim| Problem {
        path: path_of(&person.credentials, &claim.value),
        why: format!("belongs to {}, who must give it up first", claim.owner),
    };
    Refused { problems: claims.iter().map(problem).collect(), cause: Cause::Claimed }
}

fn path_of(credentials: &[Credential], value: &str) -> String {
    for (at, credential) in credentials.iter().enumerate() {
        if credential.value == value {
            return format!("credentials[{at}].value");
        }
        if let Some(alias) = credential.aliases.iter().position(|alias| alias == value) {
            return format!("credentials[{at}].aliases[{alias}]");
        }
    }
    "credentials".to_owned()
}
