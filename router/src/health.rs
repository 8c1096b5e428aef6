//! How targets have fared lately, told by the requests that asked them: circuits that open, and a budget for
//! asking again. It decides nothing about a request; the walk asks it, and is told the time.
//!
//! Nothing here locks or waits on a request's path: a circuit is a few atomics. It outlives the table that
//! it was made for, because a change of weights says nothing about a provider.

mod budget;
mod circuit;
mod registry;

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_table::{FailureClass, Origin};

use crate::error::Failure;
pub(crate) use circuit::Circuit;
pub(crate) use registry::{Account, Healths, Identity};

/// What is known of one target, for whoever may ask it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    /// The endpoint with its credential; `None` where nothing can be asked.
    account: Option<Arc<Account>>,
    /// The model there; `None` where callers choose its name.
    circuit: Option<Arc<Circuit>>,
}

/// Whether a target should be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Yes.
    Well,
    /// By one request, to see whether it has recovered.
    Due,
    /// Only if nothing better is left.
    Open(Opened),
}

/// How bad an open circuit is; the less the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// What it is about. A model that failed may answer; a credential that was refused hardly will.
    pub(crate) scope: Scope,
    /// How long until a request is let through.
    pub(crate) left: Duration,
}

/// What a circuit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// One model.
    Model,
    /// All that a credential is used for at an endpoint.
    Credential,
}

impl PartialOrd for Opened {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Opened {
    fn cmp(&self, other: &Self) -> Ordering {
        self.scope.cmp(&other.scope).then(self.left.cmp(&other.left))
    }
}

impl Health {
    /// The health of a model of `account`.
    pub(crate) fn of(account: Arc<Account>, circuit: Option<Arc<Circuit>>) -> Self {
        Self {
            account: Some(account),
            circuit,
        }
    }

    fn circuits(&self) -> impl Iterator<Item = &Circuit> {
        let account = self.account.as_deref().map(Account::circuit);
        account.into_iter().chain(self.circuit.as_deref())
    }

    /// Whether it should be asked at `now`.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let worse = |so_far, next| match (so_far, next) {
            (Standing::Open(one), Standing::Open(other)) => Standing::Open(one.max(other)),
            (Standing::Open(_), _) | (Standing::Due, Standing::Well) => so_far,
            _ => next,
        };
        let standings = self.circuits().map(|circuit| circuit.standing(now));
        standings.fold(Standing::Well, worse)
    }

    /// How bad it is, where a request is not to ask it at `now`. Where one is due to ask, this takes its turn.
    pub(crate) fn turned_away(&self, now: Instant) -> Option<Opened> {
        let mut standing = self.standing(now);
        if standing == Standing::Due && !self.circuits().all(|circuit| circuit.claim(now)) {
            // Another was quicker.
            standing = self.standing(now);
        }
        match standing {
            Standing::Open(opened) => Some(opened),
            Standing::Well | Standing::Due => None,
        }
    }

    /// A request asks it for the first time.
    pub(crate) fn asked(&self) {
        if let Some(account) = &self.account {
            account.budget().deposit();
        }
    }

    /// Whether a request may ask it again.
    pub(crate) fn may_repeat(&self, now: Instant) -> bool {
        let account = self.account.as_ref();
        account.is_none_or(|account| account.may_repeat(now))
    }

    /// What was asked at `asked` had an answer by `now`.
    pub(crate) fn answered(&self, asked: Instant, now: Instant) {
        self.circuits().for_each(|circuit| circuit.answered(asked, now));
    }

    /// What was asked at `asked` failed at `now`. What the caller or the router is to blame for says nothing.
    pub(crate) fn failed(&self, asked: Instant, failure: &Failure, now: Instant) {
        match failure.class.origin() {
            Origin::Credential => {
                if let Some(account) = &self.account {
                    account.circuit().refused(asked, failure.class, now);
                }
            }
            Origin::Provider => {
                if let Some(circuit) = &self.circuit {
                    fell(circuit, asked, failure, now);
                }
            }
            Origin::Caller | Origin::Router => {}
        }
    }
}

fn fell(circuit: &Circuit, asked: Instant, failure: &Failure, now: Instant) {
    if failure.class == FailureClass::RateLimited {
        circuit.limited(asked, failure.retry_after, now);
    } else {
        circuit.failed(asked, failure.class, now);
    }
}

#[cfg(test)]
mod tests;
