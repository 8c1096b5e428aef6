//! The router's metrics. Labels come from tables and from the closed vocabulary of failure, never from
//! what callers write, so that their number is bounded. `docs/metrics.md` says what each of them means.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::gen_ai::GenAi;
use super::histogram::{Histogram, WORK};
use super::responses::{ResponseCounts, Responses};
use super::series::{Outcome, Series};
use super::shares::{configured, name};
use super::tables::InForce;
use super::targets::Targets;
use super::told::TargetCounts;
use crate::health::Healths;
use crate::source::CacheUse;
use crate::state::{Leaf, Tables};

/// Every metric of the router.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    tables: Arc<Tables>,
    targets: Arc<Targets>,
    responses: Arc<Responses>,
    swaps: Arc<Histogram>,
    /// Attempts at any target.
    pub(crate) attempts: Counter,
    /// Requests that have not ended.
    pub(crate) in_flight: Gauge,
    /// Unreadable events left out of streams that went on.
    pub(crate) skipped_events: Counter,
    /// Snapshots put in force.
    table_swaps: Counter,
    /// Tables refused.
    pub(crate) table_rejects: Counter,
    /// Times that the cache could not be used, by `operation`.
    cache_failures: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Metrics {
    /// Metrics of the router that serves `tables`, whose targets fare as `healths` say.
    pub(crate) fn new(tables: &Arc<Tables>, healths: &Arc<Healths>) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            tables: tables.clone(),
            targets: Arc::default(),
            responses: Arc::new(Responses::new()),
            swaps: Arc::new(Histogram::new(&WORK)),
            attempts: Counter::default(),
            in_flight: Gauge::default(),
            skipped_events: Counter::default(),
            table_swaps: Counter::default(),
            table_rejects: Counter::default(),
            cache_failures: Family::default(),
        };
        // Told from the beginning, so that the first failure is seen as a change.
        for used in [CacheUse::Read, CacheUse::Write] {
            let _at_zero = metrics.cache_failures.get_or_create(&operation(used));
        }
        metrics.register(healths);
        metrics
    }

    fn register(&mut self, healths: &Arc<Healths>) {
        self.registry
            .register_collector(Box::new(GenAi(self.targets.clone())));
        let own = self.registry.sub_registry_with_prefix("weir_router");
        own.register_collector(Box::new(TargetCounts(self.targets.clone())));
        own.register_collector(Box::new(ResponseCounts(self.responses.clone())));
        own.register_collector(Box::new(InForce {
            tables: self.tables.clone(),
            healths: healths.clone(),
            swaps: self.swaps.clone(),
        }));
        own.register("attempts", "Attempts at any target", self.attempts.clone());
        let help = "Requests that have not ended";
        own.register("in_flight_requests", help, self.in_flight.clone());
        let help = "Unreadable events left out of streams that went on";
        own.register("skipped_events", help, self.skipped_events.clone());
        own.register("table_swaps", "Snapshots put in force", self.table_swaps.clone());
        let help = "Tables refused; the last good one went on";
        own.register("table_rejects", help, self.table_rejects.clone());
        let help = "Times that what is kept for a start without the API server could not be read or written";
        own.register("cache_failures", help, self.cache_failures.clone());
    }

    /// What is counted of the target of `leaf`; looked for once.
    pub(super) fn series<'l>(&self, leaf: &'l Leaf) -> &'l Series {
        leaf.series.or_find(|| self.targets.find(name(leaf)))
    }

    /// Counts a request that ended before any target was asked.
    pub(super) fn ended_without_target(&self, outcome: Outcome) {
        self.targets.untargeted.count(outcome);
    }

    /// Counts an answer to a caller. `operation` is what it asked for, if that is one of the router's.
    pub(crate) fn responded(&self, operation: Option<&'static str>, status: StatusCode) {
        self.responses.count(operation, status);
    }

    /// Counts a snapshot that was put in force `after` what changed had come.
    pub(crate) fn swapped(&self, after: Duration) {
        self.table_swaps.inc();
        self.swaps
            .observe(u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts that the cache could not be used.
    pub(crate) fn cache_failed(&self, used: CacheUse) {
        self.cache_failures.get_or_create(&operation(used)).inc();
    }

    /// All metrics as text. Series of targets that are gone are told once more, and then forgotten.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ok = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        let snapshot = self.tables.load();
        let shares = configured(&snapshot);
        self.targets.tidy(|name| {
            let direct = name.path.is_empty() && snapshot.offers(&name.namespace, &name.target);
            direct || shares.contains_key(name)
        });
        text
    }
}

fn operation(used: CacheUse) -> [(&'static str, &'static str); 1] {
    let word = match used {
        CacheUse::Read => "read",
        CacheUse::Write => "write",
    };
    [("operation", word)]
}

#[cfg(test)]
mod tests;
