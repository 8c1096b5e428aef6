//! What is counted, and when: the same however an answer comes.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::exchange::Answered;
use crate::scenario::Scenario;

/// The event that ends with the first content: the one before it has only the role.
const FIRST_CONTENT: u32 = 2;

/// What the connections share.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Whether nothing more is to be asked.
    pub(super) over: Cell<bool>,
    /// Whether latencies are kept.
    pub(super) counted: Cell<bool>,
    /// The requests, or events, that have ended.
    pub(super) units: Cell<u64>,
    /// Those that were kept, in the order in which they ended.
    pub(super) latencies: RefCell<Vec<Duration>>,
}

impl Tally {
    fn add(&self, units: u32) {
        self.units.set(self.units.get() + u64::from(units));
    }

    fn took(&self, latency: Duration) {
        if self.counted.get() {
            self.latencies.borrow_mut().push(latency);
        }
    }
}

/// The answer that is coming in.
#[derive(Debug)]
pub(super) struct Answering {
    scenario: Scenario,
    answered: Answered,
}

impl Answering {
    pub(super) fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            answered: Answered::default(),
        }
    }

    /// Takes some of its body in.
    pub(super) fn body(&mut self, bytes: &[u8], begun: Instant, tally: &Tally) {
        if !self.scenario.is_streamed() {
            return self.answered.whole(bytes);
        }
        let before = self.answered.events();
        tally.add(self.answered.stream(bytes));
        if before < FIRST_CONTENT && self.answered.events() >= FIRST_CONTENT {
            tally.took(begun.elapsed());
        }
    }

    /// It has ended; fails unless it is whole.
    pub(super) fn end(&mut self, begun: Instant, tally: &Tally) -> Result<()> {
        if !self.scenario.is_streamed() {
            tally.add(1);
            tally.took(begun.elapsed());
        }
        self.answered.finish(&self.scenario)
    }
}
