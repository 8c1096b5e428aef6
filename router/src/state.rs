//! The tables that are being served. Two halves that share one atomic pointer: [`Assembler`] turns what a
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

pub(crate) use assemble::Assembler;
pub(crate) use callers::{Callers, Holder};
pub(crate) use endpoint::{Endpoint, ModelSites, OpenAiSites, Sites};
pub(crate) use proof::Proof;
pub(crate) use registries::Registries;
pub(crate) use snapshot::{Report, Served, Snapshot, TableState};
pub(crate) use target::{Below, Leaf, Limits, Place, Reach, Tree};

/// The snapshot in force.
#[derive(Debug, Default)]
pub(crate) struct Tables(ArcSwap<Snapshot>);

impl Tables {
    /// The snapshot in force; to be asked once per request.
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The same, for a request that waits while it holds it.
    pub(crate) fn load_full(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts the next snapshot in force. Requests under way keep what they hold.
    fn swap(&self, next: Snapshot) {
        self.0.store(Arc::new(next));
    }
}

/// `table` as requests see it, with every credential that it names made up.
#[cfg(test)]
pub(crate) fn prepared_for_tests(table: weir_table::Checked, registries: &Registries) -> Served {
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
