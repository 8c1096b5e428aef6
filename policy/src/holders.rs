//! Which namespaces hold which callers' keys: all that one namespace must know of the others' AccessKeys, so
//! that a key which two of them hold is refused for both.
//!
//! It follows from the snapshot, and is kept beside it so that a change of one namespace costs no look at all
//! the others.

use std::collections::{BTreeMap, BTreeSet};

use weir_table::KeyHash;

use crate::snapshot::Snapshot;
use crate::validate::access_key::{ProvenAccessKey, access_key};

/// Which namespaces hold which callers' keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHolders {
    namespaces: BTreeMap<KeyHash, BTreeSet<String>>,
    keys: BTreeMap<String, BTreeSet<KeyHash>>,
}

impl KeyHolders {
    /// Everything that `snapshot` says.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut holders = Self::default();
        for namespace in snapshot.namespaces.keys() {
            holders.refresh(snapshot, namespace);
        }
        holders
    }

    /// Looks at `namespace` anew, and says for which others that changes anything.
    pub fn refresh(&mut self, snapshot: &Snapshot, namespace: &str) -> BTreeSet<String> {
        let now = held(snapshot, namespace);
        let before = self.keys.remove(namespace).unwrap_or_default();
        for key in before.difference(&now) {
            self.leave(*key, namespace);
        }
        for key in now.difference(&before) {
            self.namespaces
                .entry(*key)
                .or_default()
                .insert(namespace.to_owned());
        }
        let touched = self.sharing(before.symmetric_difference(&now), namespace);
        if !now.is_empty() {
            self.keys.insert(namespace.to_owned(), now);
        }
        touched
    }

    /// Whether a namespace other than `namespace` holds `key`.
    pub(crate) fn elsewhere(&self, key: &KeyHash, namespace: &str) -> bool {
        let holders = self.namespaces.get(key).into_iter().flatten();
        holders.into_iter().any(|holder| holder != namespace)
    }

    fn leave(&mut self, key: KeyHash, namespace: &str) {
        if let Some(holders) = self.namespaces.get_mut(&key) {
            holders.remove(namespace);
            if holders.is_empty() {
                self.namespaces.remove(&key);
            }
        }
    }

    fn sharing<'k>(&self, keys: impl Iterator<Item = &'k KeyHash>, namespace: &str) -> BTreeSet<String> {
        let holders = keys.filter_map(|key| self.namespaces.get(key)).flatten();
        holders.filter(|holder| *holder != namespace).cloned().collect()
    }
}

/// The keys that a namespace's AccessKeys name and that are there, whatever else is wrong with them.
fn held(snapshot: &Snapshot, namespace: &str) -> BTreeSet<KeyHash> {
    let Some(objects) = snapshot.namespaces.get(namespace) else {
        return BTreeSet::new();
    };
    let proven = objects
        .access_keys
        .iter()
        .filter_map(|(name, object)| access_key(namespace, name, object.spec.as_ref().ok()?).ok());
    proven
        .flat_map(|proven| hashes(snapshot, namespace, &proven))
        .collect()
}

/// The hashes of a caller's keys, as far as they are there and fit.
pub(crate) fn hashes(snapshot: &Snapshot, namespace: &str, proven: &ProvenAccessKey) -> BTreeSet<KeyHash> {
    let hash = |secret: &crate::api::SecretKeyRef| {
        let facts = snapshot.secret(namespace, &secret.name)?;
        facts.keys.get(&secret.key)?.ok()
    };
    proven.keys.iter().filter_map(|key| hash(&key.secret)).collect()
}
