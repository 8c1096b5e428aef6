//! The values of all credentials that the router holds now, by shard.

use std::collections::BTreeMap;

use weir_table::CredentialId;

use crate::secret::Secret;

/// The router's credentials.
#[derive(Debug, Default)]
pub(crate) struct Credentials(BTreeMap<char, BTreeMap<CredentialId, Secret>>);

impl Credentials {
    /// The value of `id`, if it is held.
    pub(crate) fn get(&self, id: &CredentialId) -> Option<&Secret> {
        self.0.get(&id.shard()).and_then(|shard| shard.get(id))
    }

    /// Takes in everything that one shard holds, and says which ids are new, changed or gone.
    pub(crate) fn replace(
        &mut self,
        shard: char,
        values: BTreeMap<CredentialId, Secret>,
    ) -> Vec<CredentialId> {
        let before = self.0.insert(shard, values).unwrap_or_default();
        let now = &self.0[&shard];
        let changed = now
            .iter()
            .filter(|(id, value)| before.get(id) != Some(value))
            .map(|(id, _)| id);
        let gone = before.keys().filter(|id| !now.contains_key(id));
        changed.chain(gone).cloned().collect()
    }
}
