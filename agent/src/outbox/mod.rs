//! Lanes: rows go to their upstream in order per person, and leave only when their receiver acknowledged that very row.

mod event;
mod facts;
mod feed;
mod http;
mod lane;
mod measure;
mod queue;
mod schedule;
mod status;
#[cfg(test)]
mod stories;

pub use event::{EVENT_BYTES_MAX, Named, Untranslatable, event};
pub use feed::Feed;
pub use http::{retry_after, root_cause};
pub use lane::run;
pub use measure::measure;
pub use schedule::{Jitter, delay_after, delay_after_failure};
pub use status::LaneStatus;

/// A session with an upstream ended; the lane backs off and begins another. The text says what ended it, without
/// personal data: it is logged.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SessionLost(pub String);

/// How an upstream keeps the rows of one person in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowOrder {
    /// One request a row: a person's next row goes out when the one before was answered.
    AfterAnswer,
    /// One ordered stream that is lost as a whole: a person's rows may follow each other unanswered, since none arrives
    /// without the ones before it.
    InStream,
}

/// An upstream: rows in, acknowledgements out.
///
/// A row handed out in state `in_flight` or `unsure` was sent before and its answer is not known.
pub trait Deliver: Send + 'static {
    /// How many rows may be outstanding at once.
    fn window(&self) -> usize;
    /// How the rows of one person keep their order.
    fn order(&self) -> RowOrder {
        RowOrder::AfterAnswer
    }
    /// One session, until the upstream is lost or the feed ends. Dropped without notice when the lane has to end.
    fn session(&mut self, feed: &mut Feed) -> impl Future<Output = Result<(), SessionLost>> + Send;
}
