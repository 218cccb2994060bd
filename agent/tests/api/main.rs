//! The HTTP API over real connections and a real store.
#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test with a line number")]

mod classes;
mod club;
mod documents;
mod gates;
mod guards;
mod hooks;
mod integrations;
mod late;
mod pages;
mod published;
