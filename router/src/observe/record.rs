//! One request as it is counted and logged. It ends exactly once: by its outcome, or, when nobody is left to
//! wait for one, as cancelled. It never sees a body.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use weir_dialect::form::Usage;
use weir_table::FailureClass;

use super::counts::Count;
use super::series::{Counted, Ended, Outcome, word};
use super::task::Task;
use crate::access::Caller;
use crate::error::Failure;
use crate::log::{self, Line};
use crate::operation::Operation;
use crate::places::Place;
use crate::state::Leaf;

/// A request under way.
#[derive(Debug)]
pub(crate) struct Record {
    /// What the worker counts on which it came.
    count: Arc<Count>,
    /// Its place among those under way.
    place: Option<Place>,
    begun: Instant,
    id: HeaderValue,
    operation: Operation,
    caller: Option<Box<str>>,
    key_source: Cow<'static, str>,
    tags: String,
    leaf: Option<Arc<Leaf>>,
    /// Why the last attempt failed, until there is another.
    failed: Option<FailureClass>,
    attempts: u32,
    committed: Option<Instant>,
    streamed: bool,
    dropped: u64,
    status: u16,
    usage: Option<Usage>,
    ended: bool,
}

impl Record {
    /// Begins the record of the request `id`.
    pub(crate) fn begin(count: &Arc<Count>, id: HeaderValue, operation: Operation) -> Self {
        Self {
            count: count.clone(),
            place: None,
            begun: Instant::now(),
            id,
            operation,
            caller: None,
            key_source: Cow::Borrowed("none"),
            tags: String::new(),
            leaf: None,
            failed: None,
            attempts: 0,
            committed: None,
            streamed: false,
            dropped: 0,
            status: FailureClass::Cancelled.status(),
            usage: None,
            ended: false,
        }
    }

    /// It has `place` until it ends.
    pub(crate) fn has(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// When the request came.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// Who calls.
    pub(crate) fn called_by(&mut self, caller: Caller<'_>) {
        // Copied, because all requests with the same key would count its holders.
        self.caller = caller.holder.map(|holder| Box::from(&*holder.label));
    }

    /// The request's id.
    pub(crate) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// Where the key of the hash came from, such as `requesty.trace_id`.
    pub(crate) fn keyed_by(&mut self, source: Cow<'static, str>) {
        self.key_source = source;
    }

    /// What the caller wants to find its request by.
    pub(crate) fn tagged(&mut self, tags: String) {
        self.tags = tags;
    }

    /// A target is about to be asked.
    pub(crate) fn asks(&mut self, leaf: &Arc<Leaf>) {
        self.attempts += 1;
        self.count.attempts.fetch_add(1, Relaxed);
        let last = self.leaf.replace(leaf.clone());
        let failed = self.failed.take();
        match last {
            None => drop(self.of(leaf).first_choices.inc()),
            Some(last) if Arc::ptr_eq(&last, leaf) => self.of(leaf).retries.count(failed),
            Some(last) => self.of(&last).fallbacks.count(failed),
        }
    }

    /// The target last asked failed.
    pub(crate) fn attempt_failed(&mut self, class: FailureClass) {
        self.failed = Some(class);
        if let Some(leaf) = &self.leaf {
            self.of(leaf).failed_attempts.count(Some(class));
        }
    }

    /// An answer is certain.
    pub(crate) fn committed(&mut self) {
        self.committed = Some(Instant::now());
    }

    /// The answer comes as a stream, whose first content has come.
    pub(crate) fn streams(&mut self) {
        self.streamed = true;
    }

    /// So many fields of the request had no place at the target.
    pub(crate) fn dropped(&mut self, fields: u64) {
        self.dropped = fields;
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
        self.count.skipped_events.fetch_add(1, Relaxed);
    }

    /// The caller has the whole answer.
    pub(crate) fn succeeded(mut self) {
        self.end(None);
    }

    /// The caller has an error, or a stream that ended in one. What broke after it was committed is nobody's
    /// to decide about any more, but its target fares by it.
    pub(crate) fn failed(mut self, class: FailureClass) {
        if let (Some(leaf), Some(committed)) = (&self.leaf, self.committed) {
            leaf.health
                .failed(committed, &Failure::new(class, ""), Instant::now());
        }
        self.end(Some(class));
    }

    /// What this worker counts of `leaf`.
    fn of<'l>(&self, leaf: &'l Leaf) -> &'l Counted {
        self.count.series(leaf).own()
    }

    fn end(&mut self, outcome: Outcome) {
        self.ended = true;
        self.place = None;
        let lasted = self.begun.elapsed();
        self.count(outcome, lasted);
        self.log(outcome, lasted);
    }

    fn count(&self, outcome: Outcome, lasted: Duration) {
        let Some(leaf) = &self.leaf else {
            return self.count.untargeted.count(outcome);
        };
        self.of(leaf).ended(Ended {
            task: Task::of(self.operation),
            outcome,
            lasted,
            first_token: self.answered_after().filter(|_| self.streamed),
            usage: self.usage,
            prices: &leaf.prices,
        });
    }

    /// How long it took until an answer was certain.
    fn answered_after(&self) -> Option<Duration> {
        self.committed
            .map(|committed| committed.duration_since(self.begun))
    }

    fn log(&self, outcome: Outcome, lasted: Duration) {
        let (policy, target) = self
            .leaf
            .as_ref()
            .map_or(("", ""), |leaf| (&*leaf.way.path, &*leaf.label));
        log::access(|line| {
            line.text("id", self.id());
            line.text("operation", self.operation.path());
            line.text("caller", self.caller.as_deref().unwrap_or_default());
            line.text("policy", policy);
            line.text("model", target);
            line.text("key_source", &self.key_source);
            if !self.tags.is_empty() {
                line.text("tags", &self.tags);
            }
            line.number("attempts", u64::from(self.attempts));
            line.text("outcome", word(outcome));
            line.number("status", u64::from(self.status));
            line.number("dropped_fields", some(self.dropped));
            self.log_usage(line);
            line.number("committed_micros", self.answered_after().map(micros));
            line.number("total_micros", micros(lasted));
        });
    }

    fn log_usage(&self, line: &mut Line<'_>) {
        let Some(usage) = &self.usage else { return };
        line.number("input_tokens", usage.input);
        line.number("cache_read_tokens", some(usage.cache_read));
        line.number("cache_write_tokens", some(usage.cache_write));
        line.number("output_tokens", usage.output);
        line.number("reasoning_tokens", some(usage.reasoning));
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Some(FailureClass::Cancelled));
        }
    }
}

/// A count that is told only where there is something to tell.
fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
