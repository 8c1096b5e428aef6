//! The desk between the thread that takes tables in and the one that writes them: what is newest of each scope
//! lies on it until the writer comes. Nobody waits at it to lay something down. Memory only.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use weir_table::{Checked, CredentialId, Format, Scope};

use crate::secret::Secret;

/// A table, and how it came.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The table.
    pub(crate) table: Arc<Checked>,
    /// The format in which it has the digest that the router states: the same table in another has another one.
    pub(crate) format: Format,
}

/// How it stands with one scope.
#[derive(Debug)]
pub(crate) enum Standing {
    /// A table is served, with these credentials.
    Serves {
        /// The table.
        table: Written,
        /// Every credential that it needs.
        credentials: BTreeMap<CredentialId, Secret>,
    },
    /// A newer table waits for credentials; what was served before still is.
    Waits(Written),
    /// Nothing is known of the scope any more.
    Gone,
}

/// How it stands with scopes.
pub(super) type Standings = BTreeMap<Scope, Standing>;

/// The side of who knows.
#[derive(Debug)]
pub(crate) struct Desk(Arc<Shared>);

/// The side of who writes.
#[derive(Debug)]
pub(super) struct Tray(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lies: Mutex<Lies>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Lies {
    standings: Standings,
    ended: bool,
}

/// What a writer found.
#[derive(Debug)]
pub(super) enum Found {
    /// Something new.
    News(Standings),
    /// Nothing, for as long as it waited.
    Nothing,
    /// Nothing will ever come again.
    End,
}

/// Both sides of a new desk.
pub(super) fn desk() -> (Desk, Tray) {
    let shared = Arc::new(Shared::default());
    (Desk(shared.clone()), Tray(shared))
}

impl Desk {
    /// Lays down how it stands; what lay there of the same scopes is out of date.
    pub(crate) fn lay(&self, standings: BTreeMap<Scope, Standing>) {
        if standings.is_empty() {
            return;
        }
        self.0.with(|lies| lies.standings.extend(standings));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.0.with(|lies| lies.ended = true);
    }
}

impl Tray {
    /// Takes all that lies there, or waits for it, at most for `limit`.
    pub(super) fn take(&self, limit: Duration) -> Found {
        let lies = self.0.lies.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |lies: &mut Lies| lies.standings.is_empty() && !lies.ended;
        let waited = self.0.news.wait_timeout_while(lies, limit, idle);
        let (mut lies, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let standings = std::mem::take(&mut lies.standings);
        match standings.is_empty() {
            false => Found::News(standings),
            true if lies.ended => Found::End,
            true => Found::Nothing,
        }
    }

    /// Waits for `time`; whether the end came meanwhile.
    pub(super) fn ends_within(&self, time: Duration) -> bool {
        let lies = self.0.lies.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.news.wait_timeout_while(lies, time, |lies| !lies.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }
}

impl Shared {
    /// Changes what lies there. What a thread that panicked left is whole: each change is one step.
    fn with(&self, change: impl FnOnce(&mut Lies)) {
        change(&mut self.lies.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_all();
    }
}
