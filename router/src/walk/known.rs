//! What one request has learned of targets by asking them: which it does not ask again.

use std::sync::Arc;

use tokio::time::Instant;
use weir_table::FailureClass;

use crate::error::Failure;
use crate::fallback::{Reaction, is_refusal, is_silence, reaction};
use crate::state::{Leaf, Reach};

/// What is known so far. Empty, and without a heap, until something fails.
#[derive(Debug, Default)]
pub(super) struct Known<'t> {
    failed: Vec<&'t Arc<Leaf>>,
    silent: Vec<&'t Arc<Leaf>>,
    refused: Vec<&'t Arc<Leaf>>,
    /// Those that said when to ask again, and that time.
    resting: Vec<(&'t Arc<Leaf>, Instant)>,
    /// The largest context window that the prompt is known not to fit.
    too_small: Option<u64>,
}

impl<'t> Known<'t> {
    /// `leaf` was asked and failed at `now`.
    pub(super) fn learn(&mut self, leaf: &'t Arc<Leaf>, failure: &Failure, now: Instant) {
        if !self.has_failed(leaf) {
            self.failed.push(leaf);
        }
        // Where a deadline passed before any other time, it was the same silence.
        if is_silence(failure.class) || failure.class == FailureClass::DeadlineExceeded {
            self.silent.push(leaf);
        }
        let until = failure.retry_after.and_then(|told| now.checked_add(told));
        self.resting.extend(until.map(|until| (leaf, until)));
        if is_refusal(failure.class) {
            self.refused.push(leaf);
        }
        if reaction(failure.class) == Reaction::NextLarger {
            self.too_small = self.too_small.max(leaf.context_window);
        }
    }

    /// Whether nothing was asked, or nothing failed.
    pub(super) fn is_empty(&self) -> bool {
        self.failed.is_empty()
    }

    /// Whether the same target was asked, and failed.
    pub(super) fn has_failed(&self, leaf: &Leaf) -> bool {
        self.failed.iter().any(|failed| failed.is_same_target(leaf))
    }

    /// Whether `leaf` may be asked at `now`, after all that.
    pub(super) fn allows(&self, leaf: &Leaf, now: Instant) -> bool {
        let fits = self
            .too_small
            .is_none_or(|small| leaf.context_window.is_none_or(|window| window > small));
        fits && matches!(leaf.reach, Reach::Live(_))
            && !self.silent.iter().any(|silent| silent.is_same_target(leaf))
            && !self
                .resting
                .iter()
                .any(|(resting, until)| now < *until && resting.is_same_target(leaf))
            && !self
                .refused
                .iter()
                .any(|refused| refused.is_same_credential(leaf))
    }
}
