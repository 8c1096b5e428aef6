//! What to report when two know something: the live source, and a cache. The live source is believed in
//! everything that it has said, part by part. Pure.

use std::collections::{BTreeMap, BTreeSet};

use weir_table::{CredentialId, Scope};

use super::store::Kept;
use crate::secret::Secret;
use crate::source::{Part, Update};

/// Who has said what.
#[derive(Debug)]
pub(super) struct Merge {
    /// What the live source has not listed.
    awaited: BTreeSet<Part>,
    /// The scopes that it has reported.
    scopes: BTreeSet<Scope>,
    /// The shards that it has reported.
    shards: BTreeSet<char>,
    /// What was reported out of the cache.
    filled: Option<Filled>,
}

#[derive(Debug, Default)]
struct Filled {
    scopes: BTreeSet<Scope>,
    shards: BTreeSet<char>,
}

impl Default for Merge {
    fn default() -> Self {
        Self {
            awaited: Part::all().collect(),
            scopes: BTreeSet::new(),
            shards: BTreeSet::new(),
            filled: None,
        }
    }
}

impl Merge {
    /// Whether the live source has listed everything.
    pub(super) fn is_complete(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Whether a cache stands in for some of what the live source has not listed.
    pub(super) fn is_stale(&self) -> bool {
        self.filled.is_some() && !self.is_complete()
    }

    /// What to report when the live source reports `update`: what it does not list any more goes first.
    pub(super) fn pass(&mut self, update: Update) -> Vec<Update> {
        let mut updates = Vec::new();
        match &update {
            _ if self.is_complete() => {}
            Update::Table { scope, .. } => drop(self.scopes.insert(scope.clone())),
            Update::Credentials { shard, .. } => drop(self.shards.insert(*shard)),
            Update::Listed(part) => updates = self.listed(*part),
            _ => {}
        }
        updates.push(update);
        updates
    }

    /// What was reported of `part` out of the cache, and is no more.
    fn listed(&mut self, part: Part) -> Vec<Update> {
        self.awaited.remove(&part);
        let Some(filled) = &mut self.filled else {
            return Vec::new();
        };
        match part {
            Part::Tables => {
                let gone = std::mem::take(&mut filled.scopes).into_iter();
                gone.filter(|scope| !self.scopes.contains(scope))
                    .map(forgotten)
                    .collect()
            }
            Part::Credentials(shard) if filled.shards.contains(&shard) && !self.shards.contains(&shard) => {
                vec![Update::Credentials {
                    shard,
                    values: BTreeMap::new(),
                }]
            }
            Part::Credentials(_) => Vec::new(),
        }
    }

    /// What to report of `kept`: whatever the live source has not said yet.
    pub(super) fn fill(&mut self, kept: Kept) -> Vec<Update> {
        let Kept {
            at,
            tables,
            credentials,
            entries: _,
        } = kept;
        let filled = self.filled.insert(Filled::default());
        let mut updates = Vec::new();
        for (shard, values) in by_shard(credentials) {
            if self.awaited.contains(&Part::Credentials(shard)) && !self.shards.contains(&shard) {
                filled.shards.insert(shard);
                updates.push(Update::Credentials { shard, values });
            }
        }
        let listed = !self.awaited.contains(&Part::Tables);
        for (scope, documents) in tables {
            if self.scopes.contains(&scope) {
                // The live source has said more of it, and maybe less.
                continue;
            }
            if listed {
                updates.push(forgotten(scope));
                continue;
            }
            filled.scopes.insert(scope.clone());
            updates.extend(documents.into_iter().map(|stored| Update::Table {
                scope: scope.clone(),
                stored: Ok(stored),
            }));
        }
        updates.push(Update::FromCache { kept: at });
        updates
    }
}

/// The cluster's table is always there, even empty: one that is not listed was deleted by mistake, and is kept as
/// any router would. A namespace's may have gone in good order while this router was away.
fn forgotten(scope: Scope) -> Update {
    match scope {
        Scope::Cluster => Update::Gone(Scope::Cluster),
        Scope::Namespace(_) => Update::Forget(scope),
    }
}

fn by_shard(credentials: BTreeMap<CredentialId, Secret>) -> BTreeMap<char, BTreeMap<CredentialId, Secret>> {
    let mut shards: BTreeMap<char, BTreeMap<CredentialId, Secret>> = BTreeMap::new();
    for (id, value) in credentials {
        shards.entry(id.shard()).or_default().insert(id, value);
    }
    shards
}
