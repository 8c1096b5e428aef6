//! Secrets in the index: facts go into the snapshot, values stay here.

use std::collections::{BTreeMap, BTreeSet};

use weir_policy::snapshot::SecretFacts;
use weir_table::Scope;

use crate::index::{Delta, Effect, Effects, Index};
use crate::observe::{ObservedSecret, SecretId};
use crate::secret::SecretBytes;

/// The values of every labelled Secret.
#[derive(Debug, Default)]
pub struct SecretStore(BTreeMap<SecretId, Stored>);

#[derive(Debug, PartialEq, Eq)]
struct Stored {
    created: i64,
    values: BTreeMap<String, SecretBytes>,
}

impl SecretStore {
    /// The value under `key`, if it is there and not empty.
    pub fn value(&self, id: &SecretId, key: &str) -> Option<&SecretBytes> {
        self.0.get(id)?.values.get(key)
    }

    /// When the Secret was created, in seconds since 1970; 0 if that is not known.
    pub fn created(&self, id: &SecretId) -> i64 {
        self.0.get(id).map_or(0, |stored| stored.created)
    }
}

impl Index {
    pub(super) fn apply_secrets(&mut self, delta: Delta<ObservedSecret, SecretId>) -> Effects {
        match delta {
            Delta::Applied(secret) => self.put_secret(secret),
            Delta::Deleted(id) => self.take_secret_out(&id),
            Delta::Reset(all) => self.reset_secrets(None, all),
            Delta::ResetIn(namespace, all) => self.reset_secrets(Some(&namespace), all),
        }
    }

    fn reset_secrets(&mut self, namespace: Option<&str>, all: Vec<ObservedSecret>) -> Effects {
        let listed: BTreeSet<&SecretId> = all.iter().map(|secret| &secret.id).collect();
        let gone: Vec<_> = self
            .secrets
            .0
            .keys()
            .filter(|id| namespace.is_none_or(|namespace| id.namespace == namespace))
            .filter(|id| !listed.contains(id))
            .cloned()
            .collect();
        let mut effects = Effects::new();
        for id in gone {
            effects.append(&mut self.take_secret_out(&id));
        }
        for secret in all {
            effects.append(&mut self.put_secret(secret));
        }
        effects
    }

    fn put_secret(&mut self, secret: ObservedSecret) -> Effects {
        let ObservedSecret {
            id,
            created,
            facts,
            values,
        } = secret;
        let stored = Stored { created, values };
        let mut effects = Effects::new();
        if self.secrets.0.get(&id) != Some(&stored) {
            self.secrets.0.insert(id.clone(), stored);
            effects.insert(Effect::Gather);
        }
        let known = self.snapshot.secret(&id.namespace, &id.name);
        if known == Some(&facts) {
            return effects;
        }
        let is_rotated = known.is_some_and(|known| known.offers_the_same(&facts));
        self.namespace(&id.namespace)
            .secrets
            .insert(id.name.clone(), facts);
        if !is_rotated {
            effects.append(&mut self.touched_by_secret(&id));
        }
        effects.append(&mut self.touched_by_value(&id));
        effects
    }

    fn take_secret_out(&mut self, id: &SecretId) -> Effects {
        self.secrets.0.remove(id);
        let facts: Option<SecretFacts> = self.namespace(&id.namespace).secrets.remove(&id.name);
        self.tidy(&id.namespace);
        if facts.is_none() {
            return Effects::new();
        }
        let mut effects = self.touched_by_secret(id);
        effects.append(&mut self.touched_by_value(id));
        effects.insert(Effect::Gather);
        effects
    }

    /// What stands under a key matters only to the callers who present it, in the Secret's own namespace and in
    /// those where someone holds the same.
    fn touched_by_value(&mut self, id: &SecretId) -> Effects {
        let objects = self.snapshot.namespaces.get(&id.namespace);
        if objects.is_none_or(|objects| objects.access_keys.is_empty()) {
            return Effects::new();
        }
        let mut effects = self.refresh_keys(&id.namespace);
        effects.insert(Effect::Compile(Scope::Namespace(id.namespace.clone())));
        effects
    }

    /// A Secret serves its own namespace; one in Weir's serves ClusterProviders, and so may serve them all.
    fn touched_by_secret(&self, id: &SecretId) -> Effects {
        let scope = Scope::Namespace(id.namespace.clone());
        if id.namespace == self.snapshot.system_namespace {
            self.every_scope()
        } else if self.scopes().contains(&scope) {
            [Effect::Compile(scope)].into()
        } else {
            Effects::new()
        }
    }
}
