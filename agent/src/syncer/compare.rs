//! The comparison of everybody with what Mywellness acknowledged last: page by page, so that its memory is one page.

use std::sync::Arc;

use jiff::Timestamp;

use super::Syncer;
use crate::domain::PersonId;
use crate::store::StoreError;
use crate::sync::Occasion;

/// People compared at a time: a few milliseconds on the thread that the console and the lanes read with.
const PAGE_PEOPLE: u32 = 100;

/// Makes due whoever has something to be told. Returns how many were compared, and how many of them those are.
pub(super) async fn everybody(syncer: &Syncer, began: Timestamp, occasion: Occasion) -> Result<(u32, u32), StoreError> {
    let now = began.to_zoned(syncer.timezone.clone());
    let (mut after, mut compared, mut differing) = (PersonId(0), 0_u32, 0_u32);
    loop {
        let (rules, now) = (Arc::clone(&syncer.rules), now.clone());
        let page =
            move |view: &crate::store::View<'_>| view.differing_people(after, PAGE_PEOPLE, (&rules, occasion), &now);
        let (looked_at, people, last) = syncer.store.read("comparing people", page).await?;
        compared += looked_at;
        differing += u32::try_from(people.len()).unwrap_or(u32::MAX);
        if !people.is_empty() {
            syncer.store.write("making integrations due", move |tx| tx.make_due(&people)).await?;
        }
        let Some(last) = last else { break };
        after = last;
    }
    syncer.store.write("noting a comparison", move |tx| tx.note_comparison(began, compared, differing)).await?;
    Ok((compared, differing))
}
