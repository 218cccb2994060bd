//! One fact, one tell: a struct per noteworthy fact writes its log line and counts its metric together.
//!
//! Each module keeps its facts in its own `facts.rs`; this module says what a fact is, and where logs and metrics go.

mod catalogue;
mod logs;
mod metrics_page;

pub use logs::{LogFormat, start_logs};
pub use metrics_page::{MetricsPage, start_metrics};

/// Something that happened and is worth a log line and a counter. WARN may wake someone, ERROR must, INFO is a
/// change an operator would notice. Fields carry ids only: no names, no card numbers.
pub trait Fact {
    /// Writes the log line and counts the metric.
    fn tell(&self);
}
