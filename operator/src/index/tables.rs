//! Published tables in the index: what stands in the cluster, and what of it may still serve as last good.

use std::collections::{BTreeMap, BTreeSet};

use weir_policy::object::{ObjectKind, ObjectRef};
use weir_table::codec::encode;
use weir_table::{CredentialId, Digest, Format, Node, Scope, Table};

use crate::config_map::{Form, ObservedTable, RemovedTable, Standing};
use crate::index::{Delta, Effect, Effects, Index};

/// What is known of one scope's published table.
#[derive(Debug, Default)]
pub struct PublishedTable {
    /// The ConfigMap, while there is one.
    pub standing: Option<Standing>,
    /// How the last readable table was written.
    format: Option<Format>,
    /// The last readable table, less the trees of policies that have been deleted since.
    last_good: Option<Table>,
    /// The credentials that routers may still hold a table for.
    credentials: BTreeSet<CredentialId>,
    /// Nothing up to this place in the API server's order of changes is news.
    floor: u64,
    /// Trees that must not come back, although the ConfigMap may still hold them.
    deleted: BTreeSet<(ObjectKind, String)>,
}

impl PublishedTable {
    /// The digest of what stands there, if it is as the operator writes it.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.standing.as_ref()?.form {
            Form::Intact(digest) => Some(digest),
            Form::Altered => None,
        }
    }

    /// How what stands there is written, as far as it was ever readable.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Whether what stands there is the empty table of `scope`.
    pub fn is_empty(&self, scope: &Scope) -> bool {
        let empty = |format: Format| encode(&Table::empty(scope.clone()), format).digest;
        self.format
            .is_some_and(|format| self.digest() == Some(&empty(format)))
    }

    /// The credentials that what stands there needs.
    pub fn credentials(&self) -> &BTreeSet<CredentialId> {
        &self.credentials
    }

    /// The answer to a write of the operator's own may overtake the watch.
    fn is_old_news(&self, observed: &Standing) -> bool {
        let known = self.standing.as_ref();
        let is_passed = known.is_some_and(|known| known.version > observed.version || known == observed);
        is_passed || (self.floor > 0 && observed.version <= self.floor)
    }

    fn take_in(&mut self, observed: ObservedTable) {
        if observed.table.is_some() {
            self.credentials = observed.credentials();
            self.format = observed.format;
            self.last_good = observed.table;
        }
        self.standing = Some(observed.standing);
        for (kind, name) in self.deleted.clone() {
            self.drop_tree(kind, &name);
        }
    }

    /// Only a tree of the deleted policy's own kind is its tree.
    fn drop_tree(&mut self, kind: ObjectKind, name: &str) {
        let Some(table) = &mut self.last_good else { return };
        if table
            .policies
            .get(name)
            .is_some_and(|policy| kind_of(&policy.root) == Some(kind))
        {
            table.policies.remove(name);
        }
    }
}

fn kind_of(root: &Node) -> Option<ObjectKind> {
    match root {
        Node::Split(_) => Some(ObjectKind::LoadBalancingPolicy),
        Node::Chain(_) => Some(ObjectKind::FallbackPolicy),
        Node::Model(_) => None,
    }
}

impl Index {
    pub(super) fn apply_tables(&mut self, delta: Delta<ObservedTable, RemovedTable>) -> Effects {
        match delta {
            Delta::Applied(observed) => self.put_table(observed),
            Delta::Deleted(removed) => self.table_deleted(&removed),
            Delta::Reset(all) | Delta::ResetIn(_, all) => self.reset_tables(all),
        }
    }

    fn reset_tables(&mut self, all: Vec<ObservedTable>) -> Effects {
        let listed: BTreeSet<Scope> = all.iter().map(|observed| observed.scope.clone()).collect();
        let gone: Vec<_> = self
            .tables
            .keys()
            .filter(|scope| !listed.contains(scope))
            .cloned()
            .collect();
        let mut effects = Effects::new();
        for scope in gone {
            effects.append(&mut self.table_deleted(&RemovedTable { scope, version: 0 }));
        }
        for observed in all {
            effects.append(&mut self.put_table(observed));
        }
        effects
    }

    /// Takes in a table's ConfigMap, from the watch or in answer to a write. What is older than what is known
    /// is no news.
    pub fn put_table(&mut self, observed: ObservedTable) -> Effects {
        let scope = observed.scope.clone();
        let record = self.tables.entry(scope.clone()).or_default();
        if record.is_old_news(&observed.standing) {
            return Effects::new();
        }
        record.take_in(observed);
        [Effect::Compile(scope), Effect::Gather].into()
    }

    /// A ConfigMap is gone. If the operator did not remove it, routers still serve what it held, and what it
    /// held is still last good.
    fn table_deleted(&mut self, removed: &RemovedTable) -> Effects {
        let RemovedTable { scope, version } = removed;
        let is_vacant = self.is_vacant(scope);
        let Some(record) = self.tables.get_mut(scope) else {
            return Effects::new();
        };
        if is_vacant && record.is_empty(scope) {
            self.tables.remove(scope);
            return Effects::new();
        }
        let last = record.standing.take().map_or(0, |standing| standing.version);
        record.floor = record.floor.max(last).max(*version);
        [Effect::Compile(scope.clone())].into()
    }

    /// The operator has removed the ConfigMap of a vacant scope.
    pub fn forget_table(&mut self, scope: &Scope) {
        self.tables.remove(scope);
    }

    /// A policy was deleted: its tree is not last good any more.
    pub(super) fn forget_tree(&mut self, object: &ObjectRef) {
        let Some(namespace) = &object.namespace else {
            return;
        };
        if let Some(record) = self.tables.get_mut(&Scope::Namespace(namespace.clone())) {
            record.drop_tree(object.kind, &object.name);
            record.deleted.insert((object.kind, object.name.clone()));
        }
    }

    /// What stands in the cluster is what the present objects compile to: nothing deleted is in it any more.
    pub fn settle(&mut self, scope: &Scope) {
        if let Some(record) = self.tables.get_mut(scope) {
            record.deleted.clear();
        }
    }

    /// What may serve as last good in `scope`.
    pub fn last_good(&self, scope: &Scope) -> Option<&Table> {
        self.tables.get(scope)?.last_good.as_ref()
    }

    /// The digests that stand in the cluster.
    pub fn digests(&self) -> BTreeMap<Scope, Digest> {
        let digests = self
            .tables
            .iter()
            .map(|(scope, record)| (scope.clone(), record.digest().cloned()));
        digests
            .filter_map(|(scope, digest)| Some((scope, digest?)))
            .collect()
    }
}
