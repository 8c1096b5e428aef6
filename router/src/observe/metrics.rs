//! The router's metrics. Labels come from tables and from the closed vocabulary of failure, never from
//! what callers write, so that their number is bounded. `docs/metrics.md` says what each of them means.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::counts::{Count, Counts, RequestCounts};
use super::gen_ai::GenAi;
use super::histogram::{Histogram, WORK};
use super::responses::ResponseCounts;
use super::shares::configured;
use super::tables::InForce;
use super::targets::Targets;
use super::told::TargetCounts;
use crate::health::Healths;
use crate::places::Places;
use crate::source::CacheUse;
use crate::state::Tables;

/// Every metric of the router.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    tables: Arc<Tables>,
    targets: Arc<Targets>,
    /// What requests count, each worker's for itself.
    counts: Counts,
    swaps: Arc<Histogram>,
    /// Snapshots put in force.
    table_swaps: Counter,
    /// Tables refused.
    pub(crate) table_rejects: Counter,
    /// Times that the cache could not be used, by `operation`.
    cache_failures: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Metrics {
    /// Metrics of the router that serves `tables`, whose targets fare as `healths` say, and whose requests have
    /// `places`.
    pub(crate) fn new(tables: &Arc<Tables>, healths: &Arc<Healths>, places: &Arc<Places>) -> Self {
        let workers = places.workers();
        let targets = Arc::new(Targets::new(workers));
        let mut metrics = Self {
            registry: Registry::default(),
            tables: tables.clone(),
            counts: Counts::new(workers, &targets),
            targets,
            swaps: Arc::new(Histogram::new(&WORK)),
            table_swaps: Counter::default(),
            table_rejects: Counter::default(),
            cache_failures: Family::default(),
        };
        // Told from the beginning, so that the first failure is seen as a change.
        for used in [CacheUse::Read, CacheUse::Write] {
            let _at_zero = metrics.cache_failures.get_or_create(&operation(used));
        }
        metrics.register(healths, places);
        metrics
    }

    fn register(&mut self, healths: &Arc<Healths>, places: &Arc<Places>) {
        self.registry
            .register_collector(Box::new(GenAi(self.targets.clone())));
        let own = self.registry.sub_registry_with_prefix("weir_router");
        let counts = &self.counts;
        own.register_collector(Box::new(TargetCounts(self.targets.clone(), counts.clone())));
        own.register_collector(Box::new(ResponseCounts(counts.clone())));
        own.register_collector(Box::new(RequestCounts(counts.clone(), places.clone())));
        own.register_collector(Box::new(InForce {
            tables: self.tables.clone(),
            healths: healths.clone(),
            swaps: self.swaps.clone(),
        }));
        own.register("table_swaps", "Snapshots put in force", self.table_swaps.clone());
        let help = "Tables refused; the last good one went on";
        own.register("table_rejects", help, self.table_rejects.clone());
        let help = "Times that what is kept for a start without the API server could not be read or written";
        own.register("cache_failures", help, self.cache_failures.clone());
    }

    /// What this worker counts.
    pub(crate) fn own(&self) -> &Arc<Count> {
        self.counts.own()
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
