//! Tells Technogym Mywellness who the members are and when they came, over the HTTP contract for third parties.
//!
//! One row at a time: `plan` (pure) says what a row asks for, `client` sends it, `outcome` (pure) says what the answer
//! means for the row. Sources of the protocol's facts are named where they are used; no official reference is public.

mod actions;
mod answer;
mod client;
mod config;
mod courier;
mod deliver;
mod enquiry;
mod facts;
mod hook;
mod outcome;
mod plan;
mod reach;
mod records;
mod template;
mod translate;
mod wire;

#[cfg(test)]
mod pretend;

pub use actions::{
    ACTIVITIES, Actions, ActivitiesAction, BADGE, CHECK_IN, Method, NO_BADGE, NO_PHOTO, PHOTO, Success, TemplatedAction,
};
pub use client::{CheckError, check};
pub use config::*;
pub use deliver::Mywellness;
pub use enquiry::{Activity, Enquiries, Unanswered};
pub use hook::{ClassEvent, ClassForm, Ear, EventAt, Heard, Made, News, NoNews, Notice, Sameness, UserIs};
pub use reach::BadSetup;
pub use template::{BadTemplate, BodyTemplate, PathTemplate, Placeholder};
