//! One request as it is counted and logged. It ends exactly once: by its outcome, or, when nobody is left to
//! wait for one, as cancelled. It never sees a body.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use weir_dialect::form::Usage;
use weir_table::FailureClass;

use super::metrics::{Metrics, TargetLabels};
use crate::access::Caller;
use crate::error::Failure;
use crate::log::ACCESS;
use crate::state::Leaf;

/// A request under way.
#[derive(Debug)]
pub(crate) struct Record {
    metrics: Arc<Metrics>,
    others: u64,
    begun: Instant,
    id: HeaderValue,
    operation: &'static str,
    caller: Option<Arc<str>>,
    key_source: Cow<'static, str>,
    leaf: Option<Arc<Leaf>>,
    attempts: u32,
    committed: Option<Instant>,
    status: u16,
    usage: Option<Usage>,
    ended: bool,
}

impl Record {
    /// Begins the record of the request `id`.
    pub(crate) fn begin(metrics: &Arc<Metrics>, id: HeaderValue, operation: &'static str) -> Self {
        let others = metrics.in_flight.inc();
        Self {
            others: u64::try_from(others).unwrap_or_default(),
            metrics: metrics.clone(),
            begun: Instant::now(),
            id,
            operation,
            caller: None,
            key_source: Cow::Borrowed("none"),
            leaf: None,
            attempts: 0,
            committed: None,
            status: FailureClass::Cancelled.status(),
            usage: None,
            ended: false,
        }
    }

    /// How many other requests were under way when it came.
    pub(crate) fn others(&self) -> u64 {
        self.others
    }

    /// When the request came.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// Who calls.
    pub(crate) fn called_by(&mut self, caller: Caller<'_>) {
        self.caller = caller.holder.map(|holder| holder.label.clone());
    }

    /// The request's id.
    pub(crate) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// Where the key of the hash came from, such as `requesty.trace_id`.
    pub(crate) fn keyed_by(&mut self, source: Cow<'static, str>) {
        self.key_source = source;
    }

    /// A target is about to be asked.
    pub(crate) fn asks(&mut self, leaf: &Arc<Leaf>) {
        self.attempts += 1;
        self.metrics.attempts.inc();
        self.leaf = Some(leaf.clone());
    }

    /// The target last asked failed.
    pub(crate) fn attempt_failed(&self, class: FailureClass) {
        if let Some(leaf) = &self.leaf {
            self.metrics
                .failed_attempts
                .get_or_create(&labels(leaf, class.as_str()))
                .inc();
        }
    }

    /// An answer is certain.
    pub(crate) fn committed(&mut self) {
        self.committed = Some(Instant::now());
    }

    /// The answer took this, as its provider says.
    pub(crate) fn took(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// The caller is about to be sent this status.
    pub(crate) fn responds(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    /// How often a target was asked.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// An unreadable event was left out.
    pub(crate) fn skipped_event(&self) {
        self.metrics.skipped_events.inc();
    }

    /// The caller has the whole answer.
    pub(crate) fn succeeded(mut self) {
        match &self.leaf {
            Some(leaf) => {
                let metrics = &self.metrics;
                leaf.served
                    .get_or_init(|| metrics.requests.get_or_create_owned(&labels(leaf, "ok")))
                    .inc();
            }
            None => self.count("ok"),
        }
        self.end("ok");
    }

    /// The caller has an error, or a stream that ended in one. What broke after it was committed is nobody's
    /// to decide about any more, but its target fares by it.
    pub(crate) fn failed(mut self, class: FailureClass) {
        if let (Some(leaf), Some(committed)) = (&self.leaf, self.committed) {
            leaf.health
                .failed(committed, &Failure::new(class, ""), Instant::now());
        }
        self.count(class.as_str());
        self.end(class.as_str());
    }

    fn count(&self, outcome: &'static str) {
        let none = || TargetLabels {
            namespace: String::new(),
            policy: String::new(),
            target: String::new(),
            outcome,
        };
        let labels = self.leaf.as_ref().map_or_else(none, |leaf| labels(leaf, outcome));
        self.metrics.requests.get_or_create(&labels).inc();
    }

    fn end(&mut self, outcome: &'static str) {
        self.ended = true;
        self.metrics.in_flight.dec();
        let (policy, target) = self
            .leaf
            .as_ref()
            .map_or(("", ""), |leaf| (&*leaf.path, &*leaf.label));
        let micros =
            |at: Instant| u64::try_from(at.duration_since(self.begun).as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: ACCESS,
            id = self.id(),
            operation = self.operation,
            caller = self.caller.as_deref().unwrap_or_default(),
            policy,
            model = target,
            key_source = &*self.key_source,
            attempts = u64::from(self.attempts),
            outcome,
            status = u64::from(self.status),
            input_tokens = self.usage.map(|usage| usage.input),
            output_tokens = self.usage.map(|usage| usage.output),
            committed_micros = self.committed.map(micros),
            total_micros = micros(Instant::now()),
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.ended {
            self.count(FailureClass::Cancelled.as_str());
            self.end(FailureClass::Cancelled.as_str());
        }
    }
}

fn labels(leaf: &Leaf, outcome: &'static str) -> TargetLabels {
    TargetLabels {
        namespace: leaf.namespace.to_string(),
        policy: leaf.path.to_string(),
        target: leaf.label.to_string(),
        outcome,
    }
}
