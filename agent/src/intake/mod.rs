//! The only writer of people, CRM, classes and erasure: validation and normalising, shared by the API, the
//! import of files and the commands of the central system.

mod alike;
mod classes;
mod command;
mod crm;
mod document;
mod facts;
mod import;
mod lines;
mod once;
mod person;
mod put;
mod read;
mod refused;
mod row;
mod settle;
mod sheet;
mod wording;

pub use classes::{
    Booking, NewAttendance, NewBooking, NewClass, NewProduct, Ticking, Written, move_class, put_booking, put_class,
    put_class_product, tick_off, withdraw_tick,
};
pub use command::{COMMANDS, Command, Means, Obeyed, obey};
pub use crm::{
    ActionWritten, AdvanceAction, Advancing, NewAction, NextAction, advance_action, new_action, put_action_type,
    put_outcome,
};
pub use document::read_document;
pub use import::{Counts, Format, ImportError, ImportNews, LineNote, import_people};
pub use lines::LINE_BYTES_MAX;
pub use once::{Received, Verdict, command_key};
pub use person::{CheckedPerson, PHOTO_BYTES_MAX};
pub use put::{Put, Remote, erase_person, put_person};
pub use read::BATCH_PEOPLE_MAX;
pub use refused::{Cause, Problem, Refused};
pub use sheet::sheet_columns;

#[cfg(test)]
mod tests;
