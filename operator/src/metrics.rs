//! The operator's own metrics, and nothing else: no decision is made here.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use weir_table::Scope;

use crate::publish::Failure;

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

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Ending {
    /// It was done.
    Done,
    /// The object had changed, or was gone.
    Conflict,
    /// The lease was not held.
    NotLeading,
    /// The API server did not do it.
    Failed,
}

impl<T> From<&Result<T, Failure>> for Ending {
    fn from(result: &Result<T, Failure>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(Failure::Conflict | Failure::NotFound) => Self::Conflict,
            Err(Failure::NotLeading) => Self::NotLeading,
            Err(
                Failure::CredentialsFirst
                | Failure::Altered
                | Failure::TooLarge
                | Failure::Timeout
                | Failure::Refused(_),
            ) => Self::Failed,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PublishLabels {
    kind: Written,
    result: Ending,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: Ending,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
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
    status_patches: Family<ResultLabel, Counter>,
    watch_errors: Family<KindLabel, Counter>,
    table_bytes: Family<TableLabel, Gauge<f64, AtomicU64>>,
    leader: Gauge,
    rollouts_pending: Gauge,
}

/// From 50 µs to 6.5 s.
const COMPILE_BUCKETS: [f64; 9] = [
    0.000_05, 0.000_2, 0.000_8, 0.003_2, 0.012_8, 0.051_2, 0.204_8, 0.819_2, 6.5,
];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("weir_operator");
        let compile_seconds = Histogram::new(COMPILE_BUCKETS);
        let (defects, leader, rollouts_pending) = (Counter::default(), Gauge::default(), Gauge::default());
        let publishes = Family::default();
        let status_patches = Family::default();
        let watch_errors = Family::default();
        let table_bytes = Family::default();
        registry.register(
            "compile_seconds",
            "Time to compile one scope",
            compile_seconds.clone(),
        );
        registry.register(
            "compile_defects",
            "Tables that broke an invariant and were not published",
            defects.clone(),
        );
        registry.register("publishes", "Writes of what routers read", publishes.clone());
        registry.register("status_patches", "Writes of statuses", status_patches.clone());
        registry.register("watch_errors", "Failures of watches", watch_errors.clone());
        registry.register(
            "table_bytes",
            "Size of each table's document",
            table_bytes.clone(),
        );
        registry.register("leader", "1 while this replica writes", leader.clone());
        registry.register(
            "rollouts_pending",
            "Tables that some ready router does not serve yet",
            rollouts_pending.clone(),
        );
        let registry = Arc::new(registry);
        Self {
            registry,
            compile_seconds,
            defects,
            publishes,
            status_patches,
            watch_errors,
            table_bytes,
            leader,
            rollouts_pending,
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
                result: result.into(),
            })
            .inc();
    }

    /// A status was written, or not.
    pub fn reported<T>(&self, result: &Result<T, Failure>) {
        self.status_patches
            .get_or_create(&ResultLabel {
                result: result.into(),
            })
            .inc();
    }

    /// A watch failed.
    pub fn watch_failed(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&KindLabel { kind }).inc();
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
    use super::{Metrics, Written};
    use crate::publish::Failure;

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
