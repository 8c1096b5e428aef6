//! The tables that are being served. Two halves that share an atomic pointer for each worker: [`Assembler`] turns what a
//! source reports into snapshots, on a thread of its own; [`Tables`] hands the latest one to requests.
//! Neither opens a socket or reads a file.

mod announce;
mod assemble;
mod callers;
mod credentials;
mod direct;
mod endpoint;
mod prepare;
mod proof;
mod registries;
mod snapshot;
mod target;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::worker::{Apart, Each};

pub(crate) use assemble::Assembler;
pub(crate) use callers::{Callers, Holder};
pub(crate) use endpoint::{Endpoint, ModelSites, OpenAiSites, Sites};
pub(crate) use proof::Proof;
pub(crate) use registries::Registries;
pub(crate) use snapshot::{Report, Served, Snapshot, TableState};
pub(crate) use target::{Below, Leaf, Limits, Place, Reach, Tree};

/// The snapshot in force. Each worker holds it by a handle of its own, so that requests of several workers count their
/// holds on different lines.
#[derive(Debug, Default)]
pub(crate) struct Tables(Each<ArcSwap<View>>);

/// The snapshot in force, as one worker holds it.
type View = Apart<Arc<Snapshot>>;

impl Tables {
    /// Nothing to serve yet, for each of `workers`.
    pub(crate) fn new(workers: usize) -> Self {
        Self(Each::new(workers, |_| ArcSwap::default()))
    }

    /// The snapshot in force; to be asked once per request.
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<View>> {
        self.0.own().load()
    }

    /// The same, for a request that waits while it holds it.
    pub(crate) fn load_full(&self) -> Arc<View> {
        self.0.own().load_full()
    }

    /// Puts the next snapshot in force, on all workers when this returns. Requests under way keep what they hold.
    fn swap(&self, next: Snapshot) {
        let next = Arc::new(next);
        // The first last: it is also what the admin port shows, which is to say nothing that is not so everywhere.
        for own in self.0.all().iter().rev() {
            own.store(Arc::new(Apart::new(next.clone())));
        }
    }
}

/// `table` as requests see it, with every credential that it names made up.
#[cfg(test)]
pub(crate) fn prepared_for_tests(table: &weir_table::Checked, registries: &Registries) -> Served {
    let mut held = credentials::Credentials::default();
    let mut shards = std::collections::BTreeMap::<char, std::collections::BTreeMap<_, _>>::new();
    for id in table.table().credentials() {
        let shard = shards.entry(id.shard()).or_default();
        shard.insert(id.clone(), crate::secret::Secret::new("sk"));
    }
    for (shard, values) in shards {
        held.replace(shard, values);
    }
    let digest = weir_table::codec::encode(table.table(), weir_table::Format::NEWEST).digest;
    prepare::prepare(table, digest, &held, registries)
}
