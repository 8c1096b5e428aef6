//! Where tables find the health of their targets: by what a target is, so that the next table's target has
//! the last one's. Locked only while a table is made ready, and when somebody looks.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::time::Instant;
use weir_table::Credential;

use super::budget::Budget;
use super::circuit::{Circuit, Name};

/// What makes two endpoints with a credential the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    /// The namespace of its table; empty for the cluster's.
    pub(crate) namespace: String,
    /// The provider.
    pub(crate) provider: String,
    /// Its address, with its region filled in.
    pub(crate) base_url: String,
    /// Its region, if it has one.
    pub(crate) region: Option<String>,
    /// The credential.
    pub(crate) credential: Credential,
    /// Which value of it: see [`Healths::version`].
    pub(crate) version: u64,
}

/// An endpoint with its credential: whether that is accepted, and how much asking again is left.
#[derive(Debug)]
pub(crate) struct Account {
    identity: Identity,
    circuit: Circuit,
    budget: Budget,
    base: Instant,
}

impl Account {
    /// Its credential's circuit.
    pub(crate) fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(super) fn may_repeat(&self, now: Instant) -> bool {
        self.budget
            .withdraw(now.saturating_duration_since(self.base).as_secs())
    }
}

/// Every account and circuit that some table or request still holds.
#[derive(Debug)]
pub(crate) struct Healths {
    base: Instant,
    workers: usize,
    /// Seeded anew in every process, so that a version says nothing about a value.
    versions: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    accounts: HashMap<Identity, Weak<Account>>,
    circuits: HashMap<(Identity, String), Weak<Circuit>>,
    /// How many there were, a while ago.
    tidied: usize,
}

impl Default for Healths {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Healths {
    /// Nothing known yet; each of `workers` counts answers for itself.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            base: Instant::now(),
            workers,
            versions: RandomState::new(),
            known: Mutex::default(),
        }
    }

    /// Which value of a credential this is: another one has another past.
    pub(crate) fn version(&self, value: &[u8]) -> u64 {
        self.versions.hash_one(value)
    }

    /// The account of `identity`, the one there is or a new one.
    pub(crate) fn account(&self, identity: Identity) -> Arc<Account> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.accounts.get(&identity).and_then(Weak::upgrade) {
            return account;
        }
        known.tidy();
        let account = Arc::new(Account {
            circuit: Circuit::new(named(&identity, None), self.base, self.workers),
            budget: Budget::default(),
            base: self.base,
            identity: identity.clone(),
        });
        known.accounts.insert(identity, Arc::downgrade(&account));
        account
    }

    /// The circuit of what `account` calls `model`, the one there is or a new one.
    pub(crate) fn circuit(&self, account: &Account, model: &str) -> Arc<Circuit> {
        let key = (account.identity.clone(), model.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(circuit) = known.circuits.get(&key).and_then(Weak::upgrade) {
            return circuit;
        }
        known.tidy();
        let circuit = Arc::new(Circuit::new(named(&key.0, Some(model)), self.base, self.workers));
        known.circuits.insert(key, Arc::downgrade(&circuit));
        circuit
    }

    /// Every circuit that somebody holds, of credentials and of models.
    pub(crate) fn circuits(&self) -> Vec<Seen> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let accounts = known.accounts.values().filter_map(Weak::upgrade);
        let models = known.circuits.values().filter_map(Weak::upgrade);
        accounts
            .map(Seen::Credential)
            .chain(models.map(Seen::Model))
            .collect()
    }
}

/// A circuit as it is looked at, with whatever holds it.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A credential's.
    Credential(Arc<Account>),
    /// A model's.
    Model(Arc<Circuit>),
}

impl std::ops::Deref for Seen {
    type Target = Circuit;

    fn deref(&self) -> &Circuit {
        match self {
            Self::Credential(account) => account.circuit(),
            Self::Model(circuit) => circuit,
        }
    }
}

impl Known {
    /// Forgets what nobody holds any more, whenever their number has doubled.
    fn tidy(&mut self) {
        if self.accounts.len() + self.circuits.len() < 2 * self.tidied + 64 {
            return;
        }
        self.accounts.retain(|_, account| account.strong_count() > 0);
        self.circuits.retain(|_, circuit| circuit.strong_count() > 0);
        self.tidied = self.accounts.len() + self.circuits.len();
    }
}

fn named(identity: &Identity, model: Option<&str>) -> Name {
    Name {
        namespace: identity.namespace.clone(),
        provider: identity.provider.clone(),
        region: identity.region.clone(),
        model: model.map(str::to_owned),
    }
}
