//! What the present objects compile to, scope by scope, and which tables have to be written for it.
//!
//! Synchronous and without I/O. It asks `weir-policy` for tables and verdicts, and compares tables with what
//! stands in the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_policy::compile::{Compiled, CredentialOrigin, compile_cluster, compile_namespace};
use weir_policy::object::ObjectRef;
use weir_policy::verdict::Verdict;
use weir_table::codec::{Encoded, encode};
use weir_table::{CredentialId, Digest, Scope, Table, Violation};

use crate::index::Index;
use crate::publish::{Decision, Need, Removal, TableWrite, decide};
use crate::rollout::{Fleet, Policies};

/// What one scope compiled to.
#[derive(Debug)]
struct Made {
    verdicts: BTreeMap<ObjectRef, Verdict>,
    credentials: BTreeMap<CredentialId, CredentialOrigin>,
    table: Option<MadeTable>,
}

/// A table that may be published.
#[derive(Debug)]
struct MadeTable {
    digest: Digest,
    policies: Arc<Policies>,
}

/// A table that has to be written.
#[derive(Debug)]
struct Draft {
    encoded: Encoded,
    shards: BTreeSet<char>,
}

/// What every scope compiled to.
#[derive(Debug, Default)]
pub struct Work {
    made: BTreeMap<Scope, Made>,
    drafts: BTreeMap<Scope, Draft>,
}

/// What compiling a scope came to.
#[derive(Debug)]
pub enum Compilation {
    /// The scope has no objects and no table: there is nothing to compile.
    Nothing,
    /// A table whose document has so many bytes.
    Table {
        /// The size of its document.
        bytes: usize,
    },
    /// A table that must not be published: a defect of the compiler. What is published stays.
    Defect(Vec<Violation>),
}

impl Work {
    /// Compiles a scope anew.
    pub fn compile(&mut self, index: &mut Index, scope: &Scope) -> Compilation {
        self.drafts.remove(scope);
        if index.is_vacant(scope) && !index.tables().contains_key(scope) {
            self.made.remove(scope);
            return Compilation::Nothing;
        }
        let Compiled {
            table,
            verdicts,
            credentials,
        } = match scope {
            Scope::Cluster => compile_cluster(index.snapshot()),
            Scope::Namespace(name) => {
                compile_namespace(index.snapshot(), index.holders(), name, index.last_good(scope))
            }
        };
        let verdicts = verdicts
            .into_iter()
            .map(|verdict| (verdict.object.clone(), verdict))
            .collect();
        let (table, compilation) = match table {
            Ok(checked) => self.table(index, scope, checked.table()),
            Err(violations) => (None, Compilation::Defect(violations)),
        };
        self.made.insert(
            scope.clone(),
            Made {
                verdicts,
                credentials,
                table,
            },
        );
        compilation
    }

    fn table(&mut self, index: &mut Index, scope: &Scope, table: &Table) -> (Option<MadeTable>, Compilation) {
        let encoded = encode(table);
        let (digest, bytes) = (encoded.digest.clone(), encoded.json.len());
        let need = if index.is_vacant(scope) {
            Need::None
        } else {
            Need::Objects
        };
        match decide(index.tables().get(scope), need, &digest) {
            Decision::Keep => index.settle(scope),
            Decision::Write => {
                let shards = table.credentials().into_iter().map(CredentialId::shard).collect();
                self.drafts.insert(scope.clone(), Draft { encoded, shards });
            }
        }
        let digests = table
            .policies
            .iter()
            .map(|(name, policy)| (name, Digest::of_policy(policy)));
        let policies = digests
            .map(|(name, digest)| (name.clone(), digest.into()))
            .collect();
        (
            Some(MadeTable {
                digest,
                policies: Arc::new(policies),
            }),
            Compilation::Table { bytes },
        )
    }

    /// Takes out the tables that have to be written.
    pub fn take_drafts(&mut self, index: &Index) -> Vec<TableWrite> {
        let drafts = std::mem::take(&mut self.drafts).into_iter();
        let standing = |scope: &Scope| index.tables().get(scope).and_then(|table| table.standing.clone());
        drafts
            .map(|(scope, Draft { encoded, shards })| TableWrite {
                replaces: standing(&scope),
                scope,
                encoded,
                shards,
            })
            .collect()
    }

    /// Whether a table has to be written.
    pub fn has_drafts(&self) -> bool {
        !self.drafts.is_empty()
    }

    /// The tables of vacant scopes that every ready router has seen empty.
    pub fn removals(&self, index: &Index, fleet: &Fleet) -> Vec<Removal> {
        let vacant = self.made.iter().filter(|(scope, _)| index.is_vacant(scope));
        let removal = |(scope, made): (&Scope, &Made)| {
            let published = index.tables().get(scope)?;
            let digest = &made.table.as_ref()?.digest;
            let is_seen = published.digest() == Some(digest) && fleet.all_serve(scope, digest);
            let standing = published.standing.clone().filter(|_| is_seen)?;
            Some(Removal {
                scope: scope.clone(),
                standing,
            })
        };
        vacant.filter_map(removal).collect()
    }

    /// A scope's ConfigMap was removed.
    pub fn forget(&mut self, scope: &Scope) {
        self.made.remove(scope);
        self.drafts.remove(scope);
    }

    /// Whether `digest` is what the scope compiled to.
    pub fn is_made(&self, scope: &Scope, digest: &Digest) -> bool {
        self.policies(scope, digest).is_some()
    }

    /// The digests of the policies in the table of that digest, if that is what the scope compiled to.
    pub fn policies(&self, scope: &Scope, digest: &Digest) -> Option<Arc<Policies>> {
        let table = self
            .made
            .get(scope)?
            .table
            .as_ref()
            .filter(|table| table.digest == *digest)?;
        Some(Arc::clone(&table.policies))
    }

    /// Where the values of all credentials lie.
    pub fn credentials(&self) -> BTreeMap<CredentialId, CredentialOrigin> {
        let of_scopes = self.made.values().flat_map(|made| &made.credentials);
        of_scopes
            .map(|(id, origin)| (id.clone(), origin.clone()))
            .collect()
    }

    /// What became of an object.
    pub fn verdict(&self, scope: &Scope, object: &ObjectRef) -> Option<&Verdict> {
        self.made.get(scope)?.verdicts.get(object)
    }

    /// The objects of a scope.
    pub fn objects(&self, scope: &Scope) -> impl Iterator<Item = &ObjectRef> {
        self.made
            .get(scope)
            .into_iter()
            .flat_map(|made| made.verdicts.keys())
    }
}

/// The scope in which an object is compiled.
pub fn scope_of(object: &ObjectRef) -> Scope {
    object.namespace.clone().map_or(Scope::Cluster, Scope::Namespace)
}
