//! One chain on its way, and what is left behind on the way out of it.

use std::time::Duration;

use tokio::time::Instant;
use weir_table::Chain;

use crate::error::Failure;
use crate::fallback::{Useful, moves_on};
use crate::state::Place;

/// A chain that is being walked.
#[derive(Debug)]
pub(super) struct Visit<'t> {
    pub(super) chain: &'t Chain,
    pub(super) rung: usize,
    /// How often the rung's target has been asked again.
    pub(super) retries: u8,
    pub(super) useful: Useful,
    place: Place<'t>,
    entered: Instant,
}

impl<'t> Visit<'t> {
    pub(super) fn new(chain: &'t Chain, place: Place<'t>, entered: Instant) -> Self {
        Self {
            chain,
            rung: 0,
            retries: 0,
            useful: Useful::default(),
            place,
            entered,
        }
    }

    /// When its own time is over, if it has one.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let limit = Duration::from_millis(self.chain.deadline_ms?);
        self.entered.checked_add(limit)
    }

    /// Where rung `at` is.
    pub(super) fn rung(&self, at: usize) -> Option<Place<'t>> {
        self.chain
            .rungs
            .get(at)
            .and_then(|rung| self.place.child(at, &rung.node))
    }

    /// Goes to the next rung.
    pub(super) fn advance(&mut self) -> Option<Place<'t>> {
        self.rung += 1;
        self.retries = 0;
        self.rung(self.rung)
    }

    /// The rungs that have not been tried.
    pub(super) fn later(&self) -> impl Iterator<Item = Place<'t>> {
        (self.rung + 1..self.chain.rungs.len()).filter_map(|at| self.rung(at))
    }
}

/// What has just been left, on the way outwards.
#[derive(Debug)]
pub(super) enum Left {
    /// Something that could not be asked at all.
    PassedOver,
    /// Something that failed like this.
    Failed(Failure),
    /// A chain whose own time was over, while the request still has some.
    Lapsed(Failure),
}

impl Left {
    pub(super) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::PassedOver => None,
            Self::Failed(failure) | Self::Lapsed(failure) => Some(failure),
        }
    }

    pub(super) fn into_failure(self) -> Option<Failure> {
        match self {
            Self::PassedOver => None,
            Self::Failed(failure) | Self::Lapsed(failure) => Some(failure),
        }
    }

    /// Whether `chain` tries another target after this.
    pub(super) fn moves_on(&self, chain: &Chain) -> bool {
        match self {
            Self::PassedOver | Self::Lapsed(_) => true,
            Self::Failed(failure) => moves_on(chain, failure.class),
        }
    }
}
