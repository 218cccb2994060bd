//! What is told when the configuration is read again.

use super::{Change, Problems};
use crate::telemetry::Fact;

/// A new configuration is in force.
#[derive(Debug)]
pub struct ConfigurationTaken<'c> {
    /// What is different in it.
    pub change: &'c Change,
}

impl Fact for ConfigurationTaken<'_> {
    fn tell(&self) {
        metrics::counter!("varco_configuration_reads_total", "outcome" => "taken").increment(1);
        tracing::info!(change = %self.change, "the configuration was read again");
    }
}

/// The file was read again and refused; the configuration in force stays.
#[derive(Debug)]
pub struct ConfigurationRefused<'c> {
    /// Why.
    pub problems: &'c Problems,
}

impl Fact for ConfigurationRefused<'_> {
    fn tell(&self) {
        metrics::counter!("varco_configuration_reads_total", "outcome" => "refused").increment(1);
        for problem in self.problems.all() {
            tracing::error!(mend = %problem.mend, "configuration: {problem}");
        }
        tracing::error!("the new configuration was refused ({}); the one in force stays", self.problems);
    }
}
