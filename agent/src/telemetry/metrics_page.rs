//! The counters and gauges as Prometheus reads them.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

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
        PrometheusBuilder::new().install_recorder().expect("nothing else in this process installs a recorder")
    });
    MetricsPage(handle.clone())
}
