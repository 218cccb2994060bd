//! The counters and gauges as Prometheus reads them.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::catalogue;

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Renders the page that `GET /metrics` answers with.
#[derive(Clone)]
pub struct MetricsPage(PrometheusHandle);

impl MetricsPage {
    /// The page at this moment, in the Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Installs the process's one recorder, or finds the one installed before.
pub fn start_metrics() -> MetricsPage {
    let handle = RECORDER.get_or_init(|| {
        let handle = PrometheusBuilder::new().install_recorder();
        catalogue::describe();
        metrics::gauge!("varco_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle.expect("nothing else in this process installs a recorder")
    });
    MetricsPage(handle.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_comes_with_its_meaning() {
        let page = start_metrics();
        metrics::counter!("varco_visits_total", "gate" => "door").increment(2);
        let page = page.render();
        let wanted = "# HELP varco_visits_total New visits, by the gate where they began.\n\
                      # TYPE varco_visits_total counter\n\
                      varco_visits_total{gate=\"door\"} 2\n";
        assert!(page.contains(wanted), "{page}");
        assert!(page.contains("varco_build_info{version="), "{page}");
    }
}
