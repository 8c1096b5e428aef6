//! Every answer to a caller by what it asked for and its status, also where nothing was routed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::counts::Counts;
use crate::operation::{LIST, Operation};

/// What stands for every path that is not one of the router's.
const OTHER: &str = "other";

/// The first status that there is, and how many follow.
const STATUSES: (u16, usize) = (100, 500);

/// Counts by operation and status.
#[derive(Debug)]
pub(super) struct Responses(BTreeMap<&'static str, Box<[AtomicU64]>>);

impl Responses {
    /// Nothing counted yet.
    pub(super) fn new() -> Self {
        let none = || (0..STATUSES.1).map(|_| AtomicU64::new(0)).collect();
        let words = Operation::paths().chain([LIST, OTHER]);
        Self(words.map(|word| (word, none())).collect())
    }

    /// Counts in what `other` has counted.
    fn add(&self, other: &Self) {
        let mine = self.0.values().flatten();
        for (count, more) in mine.zip(other.0.values().flatten()) {
            count.fetch_add(more.load(Relaxed), Relaxed);
        }
    }

    /// Counts an answer to what `operation` stands for.
    pub(super) fn count(&self, operation: Option<&'static str>, status: StatusCode) {
        let counts = self.0.get(operation.unwrap_or(OTHER));
        let at = usize::from(status.as_u16().saturating_sub(STATUSES.0));
        if let Some(count) = counts.and_then(|counts| counts.get(at)) {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// Tells them.
#[derive(Debug)]
pub(super) struct ResponseCounts(pub(super) Counts);

impl Collector for ResponseCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Answers to callers by operation and status";
        let mut told = encoder.encode_descriptor("responses", help, None, MetricType::Counter)?;
        let total = Responses::new();
        self.0.all().for_each(|count| total.add(&count.responses));
        for (operation, counts) in &total.0 {
            for (status, count) in (STATUSES.0..).zip(counts) {
                let count = count.load(Relaxed);
                if count > 0 {
                    let labels = [("operation", *operation), ("status", &*status.to_string())];
                    ConstCounter::new(count).encode(told.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}
