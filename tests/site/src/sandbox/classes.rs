//! The facility's calendar. Third parties cannot book: members do it in their app, and webhooks tell of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cloud::Outcome;
use super::form::Form;

/// One occurrence of a class: the id is the series', the date tells which one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Of the series.
    pub id: String,
    /// Its day as a number, yyyyMMdd.
    pub partition_date: u32,
    /// What it is called.
    pub name: String,
    /// Of the activity, the same for every occurrence: what a club's own class product is mapped to.
    pub event_type_id: String,
    /// Local time without offset, `yyyy-MM-ddTHH:mm:ss`.
    pub start_date: String,
    /// The same.
    pub end_date: String,
    /// Where.
    pub room: String,
    /// How many may take part.
    pub max_participants: u32,
    /// Who has a place, by user id.
    #[serde(default)]
    pub participants: Vec<String>,
}

/// What becomes of a booking, in the words of the app's own interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booking {
    /// There is a place.
    Booked,
    /// There was one already.
    UserAlreadyBooked,
    /// Every place is taken.
    ToMuchParticipants,
    /// There is no such class, or no such person.
    EventNotExists,
    /// The place is free again.
    UnBooked,
    /// There was no booking to cancel.
    BookingNotAvailable,
}

/// All classes.
#[derive(Debug, Default)]
pub(super) struct Calendar(Vec<Class>);

impl Calendar {
    pub(super) fn all(&self) -> &[Class] {
        &self.0
    }

    /// Adds an occurrence, or replaces it; whether it was there.
    pub(super) fn put(&mut self, class: Class) -> bool {
        match self.find(&class.id, class.partition_date) {
            Some(found) => {
                *found = class;
                true
            }
            None => {
                self.0.push(class);
                false
            }
        }
    }

    pub(super) fn book(&mut self, user: &str, (id, date): (&str, u32)) -> Booking {
        let Some(class) = self.find(id, date) else { return Booking::EventNotExists };
        if class.participants.iter().any(|it| it == user) {
            return Booking::UserAlreadyBooked;
        }
        if class.participants.len() >= class.max_participants as usize {
            return Booking::ToMuchParticipants;
        }
        class.participants.push(user.to_owned());
        Booking::Booked
    }

    pub(super) fn unbook(&mut self, user: &str, (id, date): (&str, u32)) -> Booking {
        let Some(class) = self.find(id, date) else { return Booking::EventNotExists };
        let before = class.participants.len();
        class.participants.retain(|it| it != user);
        if class.participants.len() < before { Booking::UnBooked } else { Booking::BookingNotAvailable }
    }

    /// `SearchCalendarEvents`, as the professional host answers it: a third party's token may do there, or may not.
    pub(super) fn search(&self, body: &Map<String, Value>) -> Outcome {
        let mut form = Form::new(body, &["timeScope", "dateStart", "dateLimit", "eventType"]);
        form.word("timeScope", &["Custom"]);
        form.word("eventType", &["Class"]);
        let (from, to) = (form.day_number("dateStart"), form.day_number("dateLimit"));
        form.finish()?;
        let found = self.0.iter().filter(|class| (from..=to).contains(&class.partition_date));
        let items: Vec<Value> = found.map(Class::item).collect();
        Ok(json!({ "eventItems": items }))
    }

    fn find(&mut self, id: &str, partition_date: u32) -> Option<&mut Class> {
        self.0.iter_mut().find(|class| class.id == id && class.partition_date == partition_date)
    }
}

impl Class {
    fn item(&self) -> Value {
        let Self { id, partition_date, name, event_type_id, start_date, end_date, room, max_participants, .. } = self;
        let taken = self.participants.len();
        json!({
            "id": id, "name": name, "partitionDate": partition_date, "eventTypeId": event_type_id,
            "startDate": start_date, "endDate": end_date, "room": room, "maxParticipants": max_participants,
            "numberOfParticipants": taken, "availablePlaces": (*max_participants as usize).saturating_sub(taken),
        })
    }
}
