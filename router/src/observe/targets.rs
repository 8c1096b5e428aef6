//! Every target's series, by name. Locked when a leaf looks for its series, which it does once, and when
//! somebody looks at the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::series::{Series, TargetName, Total};

/// Every series that a target has.
#[derive(Debug)]
pub(super) struct Targets {
    workers: usize,
    known: Mutex<BTreeMap<TargetName, Arc<Series>>>,
}

impl Targets {
    /// No series yet; what comes is counted by each of `workers`.
    pub(super) fn new(workers: usize) -> Self {
        Self {
            workers,
            known: Mutex::default(),
        }
    }

    /// The series of `name`, the one there is or a new one.
    pub(super) fn find(&self, name: TargetName) -> Arc<Series> {
        let mut known = self.known();
        let series = known
            .entry(name)
            .or_insert_with_key(|name| Arc::new(Series::new(name.clone(), self.workers)));
        series.clone()
    }

    /// All of them, in the order of their names.
    pub(super) fn all(&self) -> Vec<Total> {
        let all: Vec<Arc<Series>> = self.known().values().cloned().collect();
        all.iter().map(|series| series.total()).collect()
    }

    /// Forgets every series that nobody holds and whose target is not one that is `in_force`. What a request
    /// under way still holds stays, so that nothing is counted in vain.
    pub(super) fn tidy(&self, in_force: impl Fn(&TargetName) -> bool) {
        self.known()
            .retain(|name, series| Arc::strong_count(series) > 1 || in_force(name));
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<TargetName, Arc<Series>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
