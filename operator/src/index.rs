//! Everything that the operator knows of the cluster, in one place, kept up to date by [`Index::apply`].
//!
//! Synchronous and without I/O: a change goes in, and what has to be looked at again comes out. It compiles
//! nothing and decides nothing. The values of Secrets lie beside the snapshot, out of the compiler's reach.

mod objects;
mod secrets;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use weir_policy::api::{
    AccessKeySpec, ClusterProviderSpec, FallbackPolicySpec, LoadBalancingPolicySpec, ProviderSpec,
};
use weir_policy::holders::KeyHolders;
use weir_policy::object::ObjectRef;
use weir_policy::snapshot::{Namespace, NamespacedProviders, Snapshot};
use weir_table::{CredentialId, Scope};

pub use secrets::SecretStore;
pub use tables::PublishedTable;

use crate::config_map::{Form, ObservedTable, RemovedTable};
use crate::endpoints::ObservedSlice;
use crate::observe::{Observed, ObservedSecret, Record, SecretId};
use crate::territory::Part;

/// What happened to the objects of one kind.
#[derive(Debug)]
pub enum Delta<T, K> {
    /// One is there, new or changed.
    Applied(T),
    /// One is gone.
    Deleted(K),
    /// These are all that there are.
    Reset(Vec<T>),
    /// These are all that there are in one namespace.
    ResetIn(String, Vec<T>),
}

impl<T, K> Delta<T, K> {
    /// Of what this is a full list of one `kind`, if it is one.
    fn listed(&self, kind: &'static str) -> Option<Part> {
        let namespace = match self {
            Self::Reset(_) => None,
            Self::ResetIn(namespace, _) => Some(namespace.clone()),
            Self::Applied(_) | Self::Deleted(_) => return None,
        };
        Some(Part { kind, namespace })
    }
}

/// A change of what the operator watches.
#[derive(Debug)]
pub enum Change {
    /// Of LoadBalancingPolicies.
    LoadBalancing(Delta<Observed<LoadBalancingPolicySpec>, ObjectRef>),
    /// Of FallbackPolicies.
    Fallback(Delta<Observed<FallbackPolicySpec>, ObjectRef>),
    /// Of Providers.
    Provider(Delta<Observed<ProviderSpec>, ObjectRef>),
    /// Of ClusterProviders.
    ClusterProvider(Delta<Observed<ClusterProviderSpec>, ObjectRef>),
    /// Of AccessKeys.
    AccessKey(Delta<Observed<AccessKeySpec>, ObjectRef>),
    /// Of labelled Secrets.
    Secret(Delta<ObservedSecret, SecretId>),
    /// Of tables' ConfigMaps.
    Table(Delta<ObservedTable, RemovedTable>),
    /// Of the router Service's EndpointSlices, by name.
    Slice(Delta<ObservedSlice, String>),
}

impl Change {
    /// Whether somebody else has changed a table: the operator never writes one that it would not read as its own.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Table(Delta::Applied(observed)) if observed.standing.form == Form::Altered)
    }

    /// Of what this is a full list, if it is one.
    pub fn listed(&self) -> Option<Part> {
        match self {
            Self::LoadBalancing(delta) => delta.listed("LoadBalancingPolicy"),
            Self::Fallback(delta) => delta.listed("FallbackPolicy"),
            Self::Provider(delta) => delta.listed("Provider"),
            Self::ClusterProvider(delta) => delta.listed("ClusterProvider"),
            Self::AccessKey(delta) => delta.listed("AccessKey"),
            Self::Secret(delta) => delta.listed("Secret"),
            Self::Table(delta) => delta.listed("ConfigMap"),
            Self::Slice(delta) => delta.listed("EndpointSlice"),
        }
    }
}

/// What has to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A scope's table and verdicts.
    Compile(Scope),
    /// The status of an object.
    Report(ObjectRef),
    /// The gathered credentials.
    Gather,
    /// Which routers there are.
    Routers,
}

/// What has to be looked at again after a change.
pub type Effects = BTreeSet<Effect>;

/// Everything that the operator knows of the cluster.
#[derive(Debug, Default)]
pub struct Index {
    snapshot: Snapshot,
    holders: KeyHolders,
    records: BTreeMap<ObjectRef, Record>,
    secrets: SecretStore,
    tables: BTreeMap<Scope, PublishedTable>,
    slices: BTreeMap<String, ObservedSlice>,
}

impl Index {
    /// An index that knows nothing but where Weir's own namespace is. Providers count.
    pub fn new(system_namespace: &str) -> Self {
        let snapshot = Snapshot {
            system_namespace: system_namespace.to_owned(),
            ..Snapshot::default()
        };
        Self {
            snapshot,
            ..Self::default()
        }
    }

    /// The same, with Providers counting or not.
    #[must_use]
    pub fn with_providers(mut self, mode: NamespacedProviders) -> Self {
        self.snapshot.namespaced_providers = mode;
        self
    }

    /// Takes a change in, and says what it touches.
    pub fn apply(&mut self, change: Change) -> Effects {
        match change {
            Change::LoadBalancing(delta) => self.apply_objects(delta),
            Change::Fallback(delta) => self.apply_objects(delta),
            Change::Provider(delta) => self.apply_objects(delta),
            Change::ClusterProvider(delta) => self.apply_objects(delta),
            Change::AccessKey(delta) => self.apply_objects(delta),
            Change::Secret(delta) => self.apply_secrets(delta),
            Change::Table(delta) => self.apply_tables(delta),
            Change::Slice(delta) => self.apply_slices(delta),
        }
    }

    /// Takes in for which credentials there is no room, and says for which that is news.
    pub fn withhold(&mut self, withheld: BTreeSet<CredentialId>) -> BTreeSet<CredentialId> {
        let before = std::mem::replace(&mut self.snapshot.withheld, withheld);
        before
            .symmetric_difference(&self.snapshot.withheld)
            .cloned()
            .collect()
    }

    /// What the compiler may look at.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Which namespaces hold which callers' keys.
    pub fn holders(&self) -> &KeyHolders {
        &self.holders
    }

    /// What a report needs to know of `object`.
    pub fn record(&self, object: &ObjectRef) -> Option<&Record> {
        self.records.get(object)
    }

    /// The values of Secrets.
    pub fn secrets(&self) -> &SecretStore {
        &self.secrets
    }

    /// The published tables.
    pub fn tables(&self) -> &BTreeMap<Scope, PublishedTable> {
        &self.tables
    }

    /// The router Service's EndpointSlices.
    pub fn slices(&self) -> impl Iterator<Item = &ObservedSlice> {
        self.slices.values()
    }

    /// Whether nothing in `scope` needs a table. The cluster always has one.
    pub fn is_vacant(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Cluster => false,
            Scope::Namespace(namespace) => self
                .snapshot
                .namespaces
                .get(namespace)
                .is_none_or(Namespace::is_empty),
        }
    }

    /// Every scope that has a table or needs one.
    pub fn scopes(&self) -> BTreeSet<Scope> {
        let namespaces = self.snapshot.namespaces.keys().cloned().map(Scope::Namespace);
        let needed = namespaces.filter(|scope| !self.is_vacant(scope));
        needed
            .chain([Scope::Cluster])
            .chain(self.tables.keys().cloned())
            .collect()
    }

    fn every_scope(&self) -> Effects {
        self.scopes().into_iter().map(Effect::Compile).collect()
    }

    /// The keys that `namespace` holds may be others now: so may the fate of those who hold the same.
    fn refresh_keys(&mut self, namespace: &str) -> Effects {
        let touched = self.holders.refresh(&self.snapshot, namespace);
        touched
            .into_iter()
            .map(|namespace| Effect::Compile(Scope::Namespace(namespace)))
            .collect()
    }

    fn namespace(&mut self, namespace: &str) -> &mut Namespace {
        self.snapshot.namespaces.entry(namespace.to_owned()).or_default()
    }

    /// A namespace that holds nothing leaves no trace.
    fn tidy(&mut self, namespace: &str) {
        if self.snapshot.namespaces.get(namespace) == Some(&Namespace::default()) {
            self.snapshot.namespaces.remove(namespace);
        }
    }

    fn apply_slices(&mut self, delta: Delta<ObservedSlice, String>) -> Effects {
        let before = self.slices.clone();
        match delta {
            Delta::Applied(slice) => drop(self.slices.insert(slice.name.clone(), slice)),
            Delta::Deleted(name) => drop(self.slices.remove(&name)),
            Delta::Reset(slices) | Delta::ResetIn(_, slices) => {
                self.slices = slices
                    .into_iter()
                    .map(|slice| (slice.name.clone(), slice))
                    .collect();
            }
        }
        if before == self.slices {
            Effects::new()
        } else {
            [Effect::Routers].into()
        }
    }
}

#[cfg(test)]
mod tests;
