//! What the lane reads and writes in the store: a person with their link, a new link, and the marks it brings about.

use super::plan::Known;
use crate::clock::Clock;
use crate::domain::{Attendance, ClassProductId, ExternalId, FactKind, Hold, LaneId, OutboxRow, PersonId, RowId};
use crate::outbox::Feed;
use crate::store::{Link, LinkSaved, Store, StoreError};

/// What came of saving a link.
pub(super) enum Linking {
    /// It is saved.
    Linked,
    /// The person was erased, or their integration deleted, meanwhile.
    Unwanted,
    /// That user there is linked to this person here.
    TakenBy(String),
}

/// The store, as one lane uses it.
pub(super) struct Records {
    store: Store,
    lane: LaneId,
    clock: Clock,
}

impl Records {
    pub(super) fn of(feed: &Feed, clock: Clock) -> Self {
        Self { store: feed.store().clone(), lane: feed.lane().clone(), clock }
    }

    /// What is known of a row's person; none: they were erased, or the row is nobody's.
    pub(super) async fn known(&self, row: &OutboxRow) -> Result<Option<Known>, StoreError> {
        let Some(id) = row.person else { return Ok(None) };
        let (lane, product) = (row.lane.clone(), product_of(row));
        // Whoever is made known may have one to be given too. All other rows have no use for half a megabyte.
        let with_photo = matches!(row.kind, FactKind::Person | FactKind::Photo);
        let reading = self.store.read("reading a person for Mywellness", move |view| {
            let person = if with_photo {
                view.person_by_id(id)?.map(|stored| stored.person)
            } else {
                view.person_without_photo(id)?.map(|(person, _)| person)
            };
            let Some(person) = person else { return Ok(None) };
            // There is one from the person's first put.
            let Some(integration) = view.integration(id)? else { return Ok(None) };
            let (link, told) = (view.link(id)?, view.told(id)?);
            let product = product.map_or(Ok(None), |product| view.class_product(&product))?;
            let activity = product.and_then(|product| product.mywellness_id);
            let marks_wait = view.marks_wait(&lane, id)?;
            Ok(Some(Known { id, person, link, integration, told, activity, marks_wait }))
        });
        reading.await
    }

    /// Marks the person to be made known there. A mark that waits already is not doubled.
    pub(super) async fn ask_for_link(&self, id: PersonId, key: ExternalId) -> Result<(), StoreError> {
        let (lane, now) = (self.lane.clone(), self.clock.now().wall);
        let asking = self.store.write("asking for a person to be linked", move |tx| {
            tx.enqueue(&lane, FactKind::Person, key.as_str(), Some(id), "", now)
        });
        asking.await
    }

    /// Saves the link and what was `told` with it, which releases what waited for it, and writes the `marks` that being
    /// known brings about. Waits for the disk if it is full: the answer it keeps cannot be had again.
    pub(super) async fn save_link(
        &self,
        id: PersonId,
        key: ExternalId,
        (link, told): (Link, Option<String>),
        marks: Vec<FactKind>,
    ) -> Result<Linking, StoreError> {
        let (lane, now) = (self.lane.clone(), self.clock.now().wall);
        let saving = self.store.write_through("linking a person to Mywellness", move |tx| {
            match tx.save_link(&lane, id, &link)? {
                LinkSaved::Saved => {}
                LinkSaved::Unwanted => {
                    tx.name_in_deletion(&key, &link.facility_user_id, now)?;
                    return Ok(Linking::Unwanted);
                }
                LinkSaved::TakenBy(other) => {
                    let other = tx.person_by_id(other)?;
                    let name = other.map_or("another person".into(), |it| it.person.external_id.to_string());
                    return Ok(Linking::TakenBy(name));
                }
            }
            if let Some(told) = &told {
                tx.save_told(id, FactKind::Person, told)?;
            }
            for kind in &marks {
                tx.enqueue(&lane, *kind, key.as_str(), Some(id), "", now)?;
            }
            Ok(Linking::Linked)
        });
        saving.await
    }

    /// Writes down that an order to delete somebody was carried out.
    pub(super) async fn deletion_done(&self, order: RowId) -> Result<(), StoreError> {
        let now = self.clock.now().wall;
        let forgetting = move |tx: &crate::store::Tx<'_>| tx.deletion_done(order, now);
        self.store.write_through("forgetting whom a deletion was about", forgetting).await
    }

    /// Lets what waited for the person's link be looked at again.
    pub(super) async fn release_held(&self, id: PersonId) -> Result<(), StoreError> {
        let (lane, now) = (self.lane.clone(), self.clock.now().wall);
        let releasing = self
            .store
            .write("releasing what waited for a link", move |tx| tx.release_held(&lane, id, Hold::Link, now).map(drop));
        releasing.await
    }
}

/// The product of the class that a row of attendance tells of.
fn product_of(row: &OutboxRow) -> Option<ClassProductId> {
    let attendance = (row.kind == FactKind::Attendance).then(|| serde_json::from_str::<Attendance>(&row.body));
    attendance?.ok().map(|attendance| attendance.product)
}
