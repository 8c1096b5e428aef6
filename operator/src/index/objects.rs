//! Custom resources in the index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_policy::api::{
    AccessKeySpec, ClusterProviderSpec, FallbackPolicySpec, LoadBalancingPolicySpec, ProviderSpec,
};
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::snapshot::Object;
use weir_table::Scope;

use crate::index::{Delta, Effect, Effects, Index};
use crate::observe::{Observed, Record, Status};

/// The objects of one kind in one place, by name.
type Shelf<S> = BTreeMap<String, Arc<Object<S>>>;

/// A kind of custom resource: where its objects are kept.
pub(super) trait Kind: PartialEq + Sized {
    /// The kind.
    const KIND: ObjectKind;

    /// Where objects of this kind are kept, those of `namespace` if it is a kind that has one.
    fn shelf<'a>(index: &'a mut Index, namespace: &str) -> &'a mut Shelf<Self>;
}

impl Kind for LoadBalancingPolicySpec {
    const KIND: ObjectKind = ObjectKind::LoadBalancingPolicy;

    fn shelf<'a>(index: &'a mut Index, namespace: &str) -> &'a mut Shelf<Self> {
        &mut index.namespace(namespace).load_balancing
    }
}

impl Kind for FallbackPolicySpec {
    const KIND: ObjectKind = ObjectKind::FallbackPolicy;

    fn shelf<'a>(index: &'a mut Index, namespace: &str) -> &'a mut Shelf<Self> {
        &mut index.namespace(namespace).fallback
    }
}

impl Kind for ProviderSpec {
    const KIND: ObjectKind = ObjectKind::Provider;

    fn shelf<'a>(index: &'a mut Index, namespace: &str) -> &'a mut Shelf<Self> {
        &mut index.namespace(namespace).providers
    }
}

impl Kind for ClusterProviderSpec {
    const KIND: ObjectKind = ObjectKind::ClusterProvider;

    fn shelf<'a>(index: &'a mut Index, _: &str) -> &'a mut Shelf<Self> {
        &mut index.snapshot.cluster_providers
    }
}

impl Kind for AccessKeySpec {
    const KIND: ObjectKind = ObjectKind::AccessKey;

    fn shelf<'a>(index: &'a mut Index, namespace: &str) -> &'a mut Shelf<Self> {
        &mut index.namespace(namespace).access_keys
    }
}

impl Index {
    pub(super) fn apply_objects<S: Kind>(&mut self, delta: Delta<Observed<S>, ObjectRef>) -> Effects {
        match delta {
            Delta::Applied(observed) => self.put(observed),
            Delta::Deleted(object) => self.take_out::<S>(&object),
            Delta::Reset(all) => self.reset(None, all),
            Delta::ResetIn(namespace, all) => self.reset(Some(&namespace), all),
        }
    }

    /// What is not among `all`, of one namespace or of the cluster, is gone: its deletion was missed.
    fn reset<S: Kind>(&mut self, namespace: Option<&str>, all: Vec<Observed<S>>) -> Effects {
        let listed: BTreeSet<&ObjectRef> = all.iter().map(|observed| &observed.object).collect();
        let is_meant = |object: &&ObjectRef| {
            object.kind == S::KIND && (namespace.is_none() || object.namespace.as_deref() == namespace)
        };
        let known = self.records.keys().filter(is_meant);
        let gone: Vec<_> = known.filter(|object| !listed.contains(object)).cloned().collect();
        let mut effects = Effects::new();
        for object in gone {
            effects.append(&mut self.take_out::<S>(&object));
        }
        for observed in all {
            effects.append(&mut self.put(observed));
        }
        effects
    }

    fn put<S: Kind>(&mut self, observed: Observed<S>) -> Effects {
        let Observed {
            object,
            record,
            value,
        } = observed;
        self.forget_if_replaced(&object, &record);
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let siblings = S::shelf(self, namespace);
        let is_same = siblings.get(&object.name).is_some_and(|known| **known == value);
        let mut effects = Effects::new();
        if !is_same {
            siblings.insert(object.name.clone(), Arc::new(value));
            effects = self.touched_by(&object);
        }
        if self.record_object(&object, record) == Standing::Changed {
            effects.insert(Effect::Report(object));
        }
        effects
    }

    /// An object of the same name with another uid: the first one's deletion was missed.
    fn forget_if_replaced(&mut self, object: &ObjectRef, record: &Record) {
        if self
            .records
            .get(object)
            .is_some_and(|known| known.uid != record.uid)
        {
            self.records.remove(object);
            self.forget_tree(object);
        }
    }

    fn take_out<S: Kind>(&mut self, object: &ObjectRef) -> Effects {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        self.records.remove(object);
        if S::shelf(self, namespace).remove(&object.name).is_none() {
            self.tidy(namespace);
            return Effects::new();
        }
        self.forget_tree(object);
        self.tidy(namespace);
        self.touched_by(object)
    }

    /// A ClusterProvider may be used by every namespace; everything else stays in its own, but for keys that
    /// several hold.
    fn touched_by(&mut self, object: &ObjectRef) -> Effects {
        let Some(namespace) = &object.namespace else {
            return self.every_scope();
        };
        let mut effects = Effects::from([Effect::Compile(Scope::Namespace(namespace.clone()))]);
        if object.kind == ObjectKind::AccessKey {
            effects.append(&mut self.refresh_keys(namespace));
        }
        effects
    }

    /// Keeps what is newest: the answer to a write of our own may overtake the watch.
    fn record_object(&mut self, object: &ObjectRef, record: Record) -> Standing {
        match self.records.get(object) {
            Some(known) if known.version > record.version => Standing::Same,
            Some(known) if known.status == record.status => {
                self.records.insert(object.clone(), record);
                Standing::Same
            }
            _ => {
                self.records.insert(object.clone(), record);
                Standing::Changed
            }
        }
    }

    /// Takes in the answer to a status write of our own.
    pub fn record_status(&mut self, object: &ObjectRef, version: u64, status: Status) {
        if let Some(record) = self
            .records
            .get_mut(object)
            .filter(|record| record.version < version)
        {
            record.version = version;
            record.status = Some(status);
        }
    }
}

/// Whether an object's status is what it was.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Same,
    Changed,
}
