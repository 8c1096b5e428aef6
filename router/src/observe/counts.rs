//! What is counted of requests, whatever their target: by each worker for itself, and told as one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::responses::Responses;
use super::series::{ByOutcome, Series};
use super::shares::name;
use super::targets::Targets;
use crate::places::Places;
use crate::state::Leaf;
use crate::worker::Each;

/// What one worker counts, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Count {
    /// Attempts at any target.
    pub(super) attempts: AtomicU64,
    /// Unreadable events left out of streams that went on.
    pub(super) skipped_events: AtomicU64,
    /// Requests that ended before any target was asked.
    pub(super) untargeted: ByOutcome,
    pub(super) responses: Responses,
    targets: Arc<Targets>,
}

impl Count {
    fn new(targets: Arc<Targets>) -> Self {
        Self {
            attempts: AtomicU64::new(0),
            skipped_events: AtomicU64::new(0),
            untargeted: ByOutcome::default(),
            responses: Responses::new(),
            targets,
        }
    }

    /// What is counted of the target of `leaf`; looked for once.
    pub(super) fn series<'l>(&self, leaf: &'l Leaf) -> &'l Series {
        leaf.series.or_find(|| self.targets.find(name(leaf)))
    }

    /// Counts an answer to a caller. `operation` is what it asked for, if that is one of the router's.
    pub(crate) fn responded(&self, operation: Option<&'static str>, status: StatusCode) {
        self.responses.count(operation, status);
    }
}

/// What all workers count.
#[derive(Debug, Clone)]
pub(super) struct Counts(Arc<Each<Arc<Count>>>);

impl Counts {
    /// Nothing counted yet by any of `workers`.
    pub(super) fn new(workers: usize, targets: &Arc<Targets>) -> Self {
        let each = Each::new(workers, |_| Arc::new(Count::new(targets.clone())));
        Self(Arc::new(each))
    }

    /// This worker's.
    pub(super) fn own(&self) -> &Arc<Count> {
        self.0.own()
    }

    /// Every worker's.
    pub(super) fn all(&self) -> impl Iterator<Item = &Count> {
        self.0.all().iter().map(|count| &**count)
    }

    /// Requests that ended before any target was asked.
    pub(super) fn untargeted(&self) -> ByOutcome {
        let sum = ByOutcome::default();
        self.all().for_each(|count| sum.add(&count.untargeted));
        sum
    }

    fn sum(&self, of: fn(&Count) -> &AtomicU64) -> u64 {
        self.all().map(|count| of(count).load(Relaxed)).sum()
    }
}

/// Tells what is neither of a target nor of an operation.
#[derive(Debug)]
pub(super) struct RequestCounts(pub(super) Counts, pub(super) Arc<Places>);

impl Collector for RequestCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(counts, places) = self;
        let mut counter = |name, help, sum| {
            let told = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(sum).encode(told)
        };
        let attempts = counts.sum(|count| &count.attempts);
        counter("attempts", "Attempts at any target", attempts)?;
        let skipped = counts.sum(|count| &count.skipped_events);
        let help = "Unreadable events left out of streams that went on";
        counter("skipped_events", help, skipped)?;
        let help = "Requests that have not ended";
        let mut told = encoder.encode_descriptor("in_flight_requests", help, None, MetricType::Gauge)?;
        told.encode_gauge(&places.used())
    }
}
