//! What people do at Mywellness without the club's agent: staff at the portal, members in their app.

use jiff::Timestamp;

use super::book::Book;
use super::classes::{Booking, Class};
use super::people::Known;
use super::webhooks::{self, About, Topic};

/// What a webhook calls the portal.
const PORTAL: &str = "professional";

impl Book {
    /// Staff make a person of the facility at the portal; nothing links them to the club's own number, unless it is
    /// written down there. Their user id.
    pub(super) fn create_in_portal(&mut self, known: &Known, at: Timestamp) -> Option<String> {
        let person = self.cloud.people.know(known)?;
        let user = person.user_id.clone();
        let notice = webhooks::creation(&self.cloud.options.facility_url, person, PORTAL, at);
        self.cloud.tell(notice);
        Some(user)
    }

    /// The calendar.
    pub fn classes(&self) -> &[Class] {
        self.cloud.calendar.all()
    }

    /// Adds a class to the calendar, or changes it.
    pub(super) fn put_class(&mut self, class: Class, at: Timestamp) {
        if self.cloud.calendar.put(class.clone()) {
            let times = About::Times(&class.start_date, &class.end_date);
            self.tell_of_class((Topic::Changed, "Changed"), (&class.id, class.partition_date), times, at);
        }
    }

    /// A member books in the app.
    pub(super) fn book_in_app(&mut self, external_id: &str, class: (&str, u32), at: Timestamp) -> Booking {
        let Some(person) = self.user(external_id).cloned() else { return Booking::EventNotExists };
        let booking = self.cloud.calendar.book(&person.user_id, class);
        if booking == Booking::Booked {
            self.tell_of_class((Topic::Booked, "Booked"), class, About::Person(&person), at);
        }
        booking
    }

    /// A member cancels in the app.
    pub(super) fn unbook_in_app(&mut self, external_id: &str, class: (&str, u32), at: Timestamp) -> Booking {
        let Some(person) = self.user(external_id).cloned() else { return Booking::EventNotExists };
        let booking = self.cloud.calendar.unbook(&person.user_id, class);
        if booking == Booking::UnBooked {
            self.tell_of_class((Topic::Unbooked, "Unbooked"), class, About::Person(&person), at);
        }
        booking
    }

    fn tell_of_class(&mut self, event: (Topic, &str), class: (&str, u32), about: About<'_>, at: Timestamp) {
        let notice = webhooks::of_class(&self.cloud.options.facility_url, event, class, about, at);
        self.cloud.tell(notice);
    }
}
