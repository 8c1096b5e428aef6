//! Kept connections of HTTP/1.1: those of one worker, which alone takes and keeps them. The last used comes first, so
//! that few are busy where few are needed, and the others come of age.
//!
//! The most that are kept is a bound on idle sockets, and each worker has its share of it, so that none has to look
//! at what another has. It is at least one: a provider that allows fewer than there are workers is kept as many.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use super::wire::{Condition, Wire};

/// The kept connections of one worker to one address, in the order in which they were kept.
#[derive(Debug)]
pub(super) struct Idle {
    most: usize,
    limit: Duration,
    /// Nobody but its worker locks it, as long as the router has workers.
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    wire: Wire,
    since: Instant,
}

impl Idle {
    /// No connection yet; at most `most` will be kept, and none for longer than `limit`.
    pub(super) fn new(most: usize, limit: Duration) -> Self {
        Self {
            most,
            limit,
            kept: Mutex::default(),
        }
    }

    /// Keeps `wire`; one that is one too many closes.
    pub(super) fn keep(&self, wire: Wire) {
        let mut kept = self.kept();
        if kept.len() < self.most {
            let since = Instant::now();
            kept.push(Kept { wire, since });
        }
    }

    /// The connection that was kept last, unless that is too long ago: all others are older then.
    pub(super) fn take(&self) -> Option<Wire> {
        let last = self.kept().pop()?;
        (last.since.elapsed() <= self.limit).then_some(last.wire)
    }

    /// Closes what was kept for too long, and what the provider has closed: nobody drives a connection while it is
    /// idle.
    pub(super) fn sweep(&self, cx: &mut Context<'_>) {
        self.kept().retain_mut(|kept| {
            kept.since.elapsed() <= self.limit && kept.wire.poll_condition(cx) != Condition::Ended
        });
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
