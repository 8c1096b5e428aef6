//! The operator's own metrics, and nothing else: no decision is made here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use weir_table::Scope;

use crate::publish::Failure;
use crate::trouble::Trouble;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Written {
    /// A table's ConfigMap.
    Table,
    /// A gathered Secret.
    Credentials,
    /// A ConfigMap was removed.
    Removal,
}

/// What somebody else has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Foreign {
    /// A table's ConfigMap.
    Table,
    /// The status of an object.
    Status,
}

/// How a ready router does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum RouterState {
    /// It says what it serves.
    Answering,
    /// It does not.
    Silent,
}

/// How a write ended, in one word.
fn ending<T>(result: &Result<T, Failure>) -> &'static str {
    result.as_ref().map_or_else(Failure::word, |_| "Done")
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PublishLabels {
    kind: Written,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    kind: &'static str,
    reason: Trouble,
}

/// A word of one of the crate's closed lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForeignLabel {
    kind: Foreign,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: RouterState,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabel {
    /// Empty for the cluster's table.
    namespace: String,
}

/// All of the operator's metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    compile_seconds: Histogram,
    defects: Counter,
    publishes: Family<PublishLabels, Counter>,
    tables_unpublished: Family<ReasonLabel, Gauge>,
    foreign_changes: Family<ForeignLabel, Counter>,
    status_patches: Family<ResultLabel, Counter>,
    events: Family<ResultLabel, Counter>,
    watch_errors: Family<WatchLabels, Counter>,
    watches_failing: Family<WatchLabels, Gauge>,
    table_bytes: Family<TableLabel, Gauge<f64, AtomicU64>>,
    leader: Gauge,
    lease_errors: Family<ReasonLabel, Counter>,
    lease_losses: Family<ReasonLabel, Counter>,
    clock_skew_seconds: Gauge,
    routers: Family<StateLabel, Gauge>,
    router_errors: Family<ReasonLabel, Counter>,
    rollouts_pending: Gauge,
}

/// From 50 µs to 6.5 s.
const COMPILE_BUCKETS: [f64; 9] = [
    0.000_05, 0.000_2, 0.000_8, 0.003_2, 0.012_8, 0.051_2, 0.204_8, 0.819_2, 6.5,
];

/// Registers what it is asked for, and hands it out.
struct Register(Registry);

impl Register {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn plain<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.add(name, help, M::default())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Register(Registry::with_prefix("weir_operator"));
        let buckets = Histogram::new(COMPILE_BUCKETS);
        Self {
            compile_seconds: all.add("compile_seconds", "Time to compile one scope", buckets),
            defects: all.plain(
                "compile_defects",
                "Tables that broke an invariant and were not published",
            ),
            publishes: all.plain("publishes", "Writes of what routers read"),
            tables_unpublished: all.plain(
                "tables_unpublished",
                "Tables whose newest version can't be written now",
            ),
            foreign_changes: all.plain("foreign_changes", "Changes by others of what the operator wrote"),
            status_patches: all.plain("status_patches", "Writes of statuses"),
            events: all.plain("events", "Writes of Events"),
            watch_errors: all.plain("watch_errors", "Failures of watches"),
            watches_failing: all.plain("watches_failing", "Watches that fail now"),
            table_bytes: all.plain("table_bytes", "Size of each table's document"),
            leader: all.plain("leader", "1 while this replica writes"),
            lease_errors: all.plain("lease_errors", "Requests for the lease that failed"),
            lease_losses: all.plain("lease_losses", "How often this replica had to stop leading"),
            clock_skew_seconds: all.plain("clock_skew_seconds", "This machine's clock less the API server's"),
            routers: all.plain("routers", "Ready routers, by whether they say what they serve"),
            router_errors: all.plain("router_errors", "Questions to routers that got no answer"),
            rollouts_pending: all.plain(
                "rollouts_pending",
                "Tables that some ready router does not serve yet",
            ),
            registry: Arc::new(all.0),
        }
    }
}

impl Metrics {
    /// A scope was compiled.
    pub fn compiled(&self, took: Duration) {
        self.compile_seconds.observe(took.as_secs_f64());
    }

    /// The compiler's table broke an invariant.
    pub fn defect(&self) {
        self.defects.inc();
    }

    /// Something that routers read was written, or not.
    pub fn published<T>(&self, kind: Written, result: &Result<T, Failure>) {
        self.publishes
            .get_or_create(&PublishLabels {
                kind,
                result: ending(result),
            })
            .inc();
    }

    /// A status was written, or not.
    pub fn reported<T>(&self, result: &Result<T, Failure>) {
        self.status_patches
            .get_or_create(&ResultLabel {
                result: ending(result),
            })
            .inc();
    }

    /// An Event was written, or not.
    pub fn told<T>(&self, result: &Result<T, Failure>) {
        self.events
            .get_or_create(&ResultLabel {
                result: ending(result),
            })
            .inc();
    }

    /// How many tables can't be written now, by why; a word that is left out stands for none.
    pub fn unpublished(&self, counts: &BTreeMap<&'static str, usize>) {
        self.tables_unpublished.clear();
        for (reason, count) in counts {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.tables_unpublished
                .get_or_create(&ReasonLabel { reason })
                .set(count);
        }
    }

    /// Somebody else has changed what the operator wrote.
    pub fn foreign_change(&self, kind: Foreign) {
        self.foreign_changes.get_or_create(&ForeignLabel { kind }).inc();
    }

    /// A watch failed.
    pub fn watch_failed(&self, kind: &'static str, reason: Trouble) {
        self.watch_errors
            .get_or_create(&WatchLabels { kind, reason })
            .inc();
    }

    /// A watch fails from now on.
    pub fn watch_fails(&self, kind: &'static str, reason: Trouble) {
        self.watches_failing
            .get_or_create(&WatchLabels { kind, reason })
            .inc();
    }

    /// It does not fail any more, or for another reason.
    pub fn watch_recovers(&self, kind: &'static str, reason: Trouble) {
        self.watches_failing
            .get_or_create(&WatchLabels { kind, reason })
            .dec();
    }

    /// A request for the lease failed.
    pub fn lease_failed(&self, reason: Trouble) {
        let reason = reason.word();
        self.lease_errors.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// This replica has stopped leading.
    pub fn lease_lost(&self, reason: &'static str) {
        self.lease_losses.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// This machine's clock less the API server's, in seconds.
    pub fn clock_skew(&self, seconds: i64) {
        self.clock_skew_seconds.set(seconds);
    }

    /// How many ready routers say what they serve, and how many do not.
    pub fn routers(&self, answering: usize, silent: usize) {
        for (state, count) in [(RouterState::Answering, answering), (RouterState::Silent, silent)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.routers.get_or_create(&StateLabel { state }).set(count);
        }
    }

    /// A router was asked in vain.
    pub fn router_failed(&self, reason: &'static str) {
        self.router_errors.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// The size of a scope's document.
    pub fn table_size(&self, scope: &Scope, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.table_bytes
            .get_or_create(&table_label(scope))
            .set(f64::from(bytes));
    }

    /// A scope has no table any more.
    pub fn table_gone(&self, scope: &Scope) {
        self.table_bytes.remove(&table_label(scope));
    }

    /// The number of the tenure in which this replica writes, if it does.
    pub fn leading(&self, term: Option<u64>) {
        self.leader.set(i64::from(term.is_some()));
    }

    /// How many tables are on their way.
    pub fn rollouts_pending(&self, count: usize) {
        self.rollouts_pending
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// All of them in the text format of `OpenMetrics`.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn table_label(scope: &Scope) -> TableLabel {
    let namespace = match scope {
        Scope::Cluster => String::new(),
        Scope::Namespace(namespace) => namespace.clone(),
    };
    TableLabel { namespace }
}

#[cfg(test)]
mod tests {
    use weir_table::Scope;

    use super::{Foreign, Metrics, Written};
    use crate::publish::Failure;
    use crate::trouble::Trouble;

    /// A family without any labels is not rendered.
    fn touch(metrics: &Metrics) {
        metrics.published(Written::Table, &Ok(()));
        metrics.unpublished(&[("Quota", 1)].into());
        metrics.foreign_change(Foreign::Table);
        metrics.reported(&Ok(()));
        metrics.told(&Ok(()));
        metrics.watch_failed("Secret", Trouble::Forbidden);
        metrics.watch_fails("Secret", Trouble::Forbidden);
        metrics.table_size(&Scope::Cluster, 1);
        metrics.lease_failed(Trouble::Timeout);
        metrics.lease_lost("Taken");
        metrics.routers(1, 0);
        metrics.router_failed("Late");
    }

    #[test]
    fn every_metric_is_in_the_documentation() {
        let page = include_str!("../../docs/operator.md");
        let metrics = Metrics::default();
        touch(&metrics);
        let text = metrics.render();
        let named = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let rows: Vec<String> = named
            .map(|(name, kind)| match kind {
                "counter" => format!("\n| `{name}_total` | counter |"),
                kind => format!("\n| `{name}` | {kind} |"),
            })
            .collect();
        assert_eq!(rows.len(), 17, "{text}");
        for row in rows {
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn writes_are_counted_by_what_they_were_and_how_they_ended() {
        let metrics = Metrics::default();
        metrics.published(Written::Table, &Ok(()));
        metrics.published::<()>(Written::Table, &Err(Failure::Conflict));
        let text = metrics.render();
        for line in [
            r#"weir_operator_publishes_total{kind="Table",result="Done"} 1"#,
            r#"weir_operator_publishes_total{kind="Table",result="Conflict"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
