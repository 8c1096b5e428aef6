//! The router's metrics. Labels come from tables and from the closed vocabulary of failure, never from
//! what callers write, so that their number is bounded.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::state::{TableState, Tables};

/// What became of a request or an attempt, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TargetLabels {
    /// The namespace of the table; empty for the cluster's.
    pub(crate) namespace: String,
    /// The policies on the way, `outer/inner`; empty for a direct call.
    pub(crate) policy: String,
    /// The target as written.
    pub(crate) target: String,
    /// `ok`, or the class of the failure.
    pub(crate) outcome: &'static str,
}

/// Every metric of the router.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests by their last target and outcome.
    pub(crate) requests: Family<TargetLabels, Counter>,
    /// Attempts at any target.
    pub(crate) attempts: Counter,
    /// Failed attempts by target and outcome; a request's good attempt is in `requests`.
    pub(crate) failed_attempts: Family<TargetLabels, Counter>,
    /// Requests that have not ended.
    pub(crate) in_flight: Gauge,
    /// Unreadable events left out of streams that went on.
    pub(crate) skipped_events: Counter,
    /// Snapshots put in force.
    pub(crate) table_swaps: Counter,
    /// Tables refused.
    pub(crate) table_rejects: Counter,
}

impl Metrics {
    /// Metrics of the router that serves `tables`.
    pub(crate) fn new(tables: &Arc<Tables>) -> Self {
        let mut registry = Registry::with_prefix("weir_router");
        registry.register_collector(Box::new(TableInfo(tables.clone())));
        let mut metrics = Self {
            registry,
            requests: Family::default(),
            attempts: Counter::default(),
            failed_attempts: Family::default(),
            in_flight: Gauge::default(),
            skipped_events: Counter::default(),
            table_swaps: Counter::default(),
            table_rejects: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Self {
            registry,
            requests,
            attempts,
            failed_attempts,
            in_flight,
            skipped_events,
            table_swaps,
            table_rejects,
        } = self;
        registry.register("attempts", "Attempts at any target", attempts.clone());
        registry.register(
            "requests",
            "Requests by policy path, last target and outcome",
            requests.clone(),
        );
        registry.register(
            "failed_attempts",
            "Failed attempts by policy path, target and outcome",
            failed_attempts.clone(),
        );
        registry.register(
            "in_flight_requests",
            "Requests that have not ended",
            in_flight.clone(),
        );
        registry.register(
            "skipped_events",
            "Unreadable events left out of streams that went on",
            skipped_events.clone(),
        );
        registry.register("table_swaps", "Snapshots put in force", table_swaps.clone());
        registry.register(
            "table_rejects",
            "Tables refused; the last good one went on",
            table_rejects.clone(),
        );
    }

    /// All metrics as text.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ok = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    scope: &'static str,
    namespace: String,
    state: &'static str,
    digest: String,
}

/// One series per table, and how many were deleted before they were emptied; read off the snapshot in force.
#[derive(Debug)]
struct TableInfo(Arc<Tables>);

impl Collector for TableInfo {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let snapshot = self.0.load();
        let orphaned = snapshot
            .reports
            .iter()
            .filter(|report| report.state == TableState::Orphaned)
            .count();
        let gauge = ConstGauge::new(i64::try_from(orphaned).unwrap_or(i64::MAX));
        let help = "Tables deleted before they were emptied, whose last content still serves";
        gauge.encode(encoder.encode_descriptor("orphaned_tables", help, None, gauge.metric_type())?)?;

        let one = ConstGauge::new(1_i64);
        let mut tables = encoder.encode_descriptor(
            "table_info",
            "The tables and what is served",
            None,
            one.metric_type(),
        )?;
        for report in &snapshot.reports {
            let labels = TableLabels {
                scope: report.scope_word(),
                namespace: report.namespace().to_owned(),
                state: report.state.as_str(),
                digest: report
                    .served
                    .as_ref()
                    .map_or_else(String::new, |served| served.digest.short().to_owned()),
            };
            one.encode(tables.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
