//! What is counted of one target: nothing here locks, waits or formats. A target's leaf finds its series once, except where a
//! model is named with its region.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use weir_dialect::form::Usage;
use weir_table::{FailureClass, Prices};

use super::cost::dollars;
use super::histogram::{DURATION, Histogram, PER_TOKEN, TOKENS};
use super::task::{TASKS, Task};
use crate::worker::Each;

/// How a request or an attempt ended: `None` is well.
pub(super) type Outcome = Option<FailureClass>;

/// Every outcome, in the order of [`ByOutcome`].
pub(super) fn outcomes() -> impl Iterator<Item = Outcome> {
    std::iter::once(None).chain(FailureClass::ALL.map(Some))
}

/// The word for an outcome in labels and logs.
pub(super) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        None => "ok",
        Some(class) => class.as_str(),
    }
}

/// What a target is called in labels. Its policy is the first step of its path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TargetName {
    /// The namespace of the table; empty for the cluster's.
    pub(crate) namespace: Arc<str>,
    /// The policies on the way, `outer/inner`; empty for a direct call.
    pub(crate) path: Arc<str>,
    /// The target as written, or what stands for it where callers choose the text.
    pub(crate) target: Arc<str>,
}

impl TargetName {
    /// The policy that was named; empty for a direct call.
    pub(super) fn policy(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The provider.
    pub(super) fn provider(&self) -> &str {
        self.target.split('/').next().unwrap_or_default()
    }
}

/// One count for every outcome.
#[derive(Debug)]
pub(super) struct ByOutcome([AtomicU64; 1 + FailureClass::ALL.len()]);

impl Default for ByOutcome {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; 1 + FailureClass::ALL.len()])
    }
}

impl ByOutcome {
    pub(super) fn count(&self, outcome: Outcome) {
        self.0[at(outcome)].fetch_add(1, Relaxed);
    }

    pub(super) fn of(&self, outcome: Outcome) -> u64 {
        self.0[at(outcome)].load(Relaxed)
    }

    /// Counts in what `other` has counted.
    pub(super) fn add(&self, other: &Self) {
        for (count, more) in self.0.iter().zip(&other.0) {
            count.fetch_add(more.load(Relaxed), Relaxed);
        }
    }
}

/// Classes are listed in their own order, which a test of theirs holds.
const fn at(outcome: Outcome) -> usize {
    match outcome {
        None => 0,
        Some(class) => 1 + class as usize,
    }
}

/// All that is counted of one target: by each worker for itself, once it has something to count.
#[derive(Debug)]
pub(crate) struct Series {
    name: TargetName,
    counted: Each<OnceLock<Box<Counted>>>,
}

/// All that was counted of one target, by every worker.
#[derive(Debug)]
pub(super) struct Total {
    pub(super) name: TargetName,
    pub(super) counted: Counted,
}

/// What was counted of one target by one worker, which alone writes it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counted {
    /// Requests that asked it first.
    pub(super) first_choices: Counter,
    /// Requests that it answered, or was the last to fail.
    pub(super) requests: ByOutcome,
    /// Attempts that failed.
    pub(super) failed_attempts: ByOutcome,
    /// Requests that asked it again.
    pub(super) retries: ByOutcome,
    /// Requests that went on to another target.
    pub(super) fallbacks: ByOutcome,
    /// Tokens by [`TOKEN_TYPES`].
    pub(super) tokens: [Counter; TOKEN_TYPES.len()],
    pub(super) dollars: Counter<f64, AtomicU64>,
    /// Good answers that did not say what they took.
    pub(super) usage_missing: Counter,
    /// Answers that said so, and whose price is not known.
    pub(super) price_missing: Counter,
    timings: [OnceLock<Box<Timings>>; TASKS.len()],
}

/// The kinds of tokens, in the order of [`Counted::tokens`]. `input` includes what a cache took part in, `output`
/// includes `reasoning`.
pub(super) const TOKEN_TYPES: [&str; 5] = ["input", "cache_read", "cache_write", "output", "reasoning"];

/// Times and sizes of one target's answers to one kind of task.
#[derive(Debug)]
pub(super) struct Timings {
    durations: [OnceLock<Histogram>; 1 + FailureClass::ALL.len()],
    pub(super) first_token: Histogram,
    pub(super) per_token: Histogram,
    pub(super) input_tokens: Histogram,
    pub(super) output_tokens: Histogram,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            durations: [const { OnceLock::new() }; 1 + FailureClass::ALL.len()],
            first_token: Histogram::new(&DURATION),
            per_token: Histogram::new(&PER_TOKEN),
            input_tokens: Histogram::new(&TOKENS),
            output_tokens: Histogram::new(&TOKENS),
        }
    }
}

impl Timings {
    /// The times of requests that ended in `outcome`, if any did.
    pub(super) fn durations(&self, outcome: Outcome) -> Option<&Histogram> {
        self.durations[at(outcome)].get()
    }
}

/// A request at its end, as far as its target is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) task: Task,
    pub(super) outcome: Outcome,
    /// From its begin to its end.
    pub(super) lasted: Duration,
    /// From its begin to the first content of a stream.
    pub(super) first_token: Option<Duration>,
    pub(super) usage: Option<Usage>,
    pub(super) prices: &'a Prices,
}

impl Series {
    /// Nothing counted yet by any of `workers`.
    pub(super) fn new(name: TargetName, workers: usize) -> Self {
        Self {
            name,
            counted: Each::new(workers, |_| OnceLock::new()),
        }
    }

    /// What this worker counts.
    pub(super) fn own(&self) -> &Counted {
        self.counted.own().get_or_init(Box::default)
    }

    /// What all of them have counted.
    pub(super) fn total(&self) -> Total {
        let total = Total {
            name: self.name.clone(),
            counted: Counted::default(),
        };
        for counted in self.counted.all().iter().filter_map(OnceLock::get) {
            total.counted.add(counted);
        }
        total
    }
}

impl Counted {
    /// Counts in what `other` has counted.
    fn add(&self, other: &Self) {
        self.first_choices.inc_by(other.first_choices.get());
        self.requests.add(&other.requests);
        self.failed_attempts.add(&other.failed_attempts);
        self.retries.add(&other.retries);
        self.fallbacks.add(&other.fallbacks);
        for (tokens, more) in self.tokens.iter().zip(&other.tokens) {
            tokens.inc_by(more.get());
        }
        self.dollars.inc_by(other.dollars.get());
        self.usage_missing.inc_by(other.usage_missing.get());
        self.price_missing.inc_by(other.price_missing.get());
        for (timings, more) in self.timings.iter().zip(&other.timings) {
            if let Some(more) = more.get() {
                timings.get_or_init(Box::default).add(more);
            }
        }
    }

    /// The times of `task`, if it was ever asked for.
    pub(super) fn timings(&self, task: Task) -> Option<&Timings> {
        self.timings[task as usize].get().map(|timings| &**timings)
    }

    /// Counts a request in.
    pub(super) fn ended(&self, request: Ended<'_>) {
        self.requests.count(request.outcome);
        let timings = self.timings[request.task as usize].get_or_init(Box::default);
        timings.durations[at(request.outcome)]
            .get_or_init(|| Histogram::new(&DURATION))
            .observe(micros(request.lasted));
        match request.usage {
            Some(usage) => self.used(usage, request.prices, timings),
            None if request.outcome.is_none() && request.task.has_usage() => {
                self.usage_missing.inc();
            }
            None => {}
        }
        if request.outcome.is_none() {
            timings.streamed(request);
        }
    }

    fn used(&self, usage: Usage, prices: &Prices, timings: &Timings) {
        let Usage {
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
        } = usage;
        let counts = [input, cache_read, cache_write, output, reasoning];
        for (counter, tokens) in self.tokens.iter().zip(counts) {
            if tokens > 0 {
                counter.inc_by(tokens);
            }
        }
        timings.input_tokens.observe(input);
        timings.output_tokens.observe(output);
        match dollars(prices, usage) {
            Some(cost) => drop(self.dollars.inc_by(cost)),
            None => drop(self.price_missing.inc()),
        }
    }
}

impl Timings {
    /// Counts in what `other` has counted.
    fn add(&self, other: &Self) {
        for (durations, more) in self.durations.iter().zip(&other.durations) {
            if let Some(more) = more.get() {
                durations.get_or_init(|| Histogram::new(&DURATION)).add(more);
            }
        }
        self.first_token.add(&other.first_token);
        self.per_token.add(&other.per_token);
        self.input_tokens.add(&other.input_tokens);
        self.output_tokens.add(&other.output_tokens);
    }

    /// Counts a whole stream's times in.
    fn streamed(&self, request: Ended<'_>) {
        let Some(first_token) = request.first_token else {
            return;
        };
        self.first_token.observe(micros(first_token));
        let others = request.usage.map_or(0, |usage| usage.output.saturating_sub(1));
        let rest = micros(request.lasted.saturating_sub(first_token));
        if let Some(each) = rest.checked_div(others) {
            self.per_token.observe(each);
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Where a leaf keeps the series of its target once it was looked for.
#[derive(Debug)]
pub(crate) enum Kept {
    /// A leaf of its own.
    Own(OnceLock<Arc<Series>>),
    /// With all leaves that stand for the same target of a direct call.
    Shared(SharedKept),
}

/// Where leaves that stand for the same target of a direct call keep its series.
pub(crate) type SharedKept = Arc<OnceLock<Arc<Series>>>;

impl Kept {
    /// A place for nobody else.
    pub(crate) const fn own() -> Self {
        Self::Own(OnceLock::new())
    }

    /// What is kept, or what `find` finds.
    pub(super) fn or_find(&self, find: impl FnOnce() -> Arc<Series>) -> &Arc<Series> {
        match self {
            Self::Own(own) => own.get_or_init(find),
            Self::Shared(shared) => shared.get_or_init(find),
        }
    }
}

#[cfg(test)]
mod tests;
