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
use weir_table::{CredentialId, Digest, Format, Scope, Table, Violation};

use crate::index::{Index, PublishedTable};
use crate::publish::{Decision, Need, Removal, TableWrite, decide};
use crate::rollout::{Fleet, Policies, Wanted};

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
    credentials: BTreeSet<CredentialId>,
}

/// What every scope compiled to.
#[derive(Debug, Default)]
pub struct Work {
    made: BTreeMap<Scope, Made>,
    drafts: BTreeMap<Scope, Draft>,
    /// How tables are to be written.
    wanted: Wanted,
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
    /// Has tables written so from now on, and gives the scopes of those that stand otherwise.
    pub fn write_as(&mut self, index: &Index, wanted: Wanted) -> Vec<Scope> {
        self.wanted = wanted;
        let tables = index.tables().iter();
        let otherwise = tables.filter(|(_, table)| {
            table
                .format()
                .is_some_and(|format| wanted.for_table(Some(format)) != format)
        });
        otherwise.map(|(scope, _)| scope.clone()).collect()
    }

    fn format(&self, index: &Index, scope: &Scope) -> Format {
        let standing = index.tables().get(scope).and_then(PublishedTable::format);
        self.wanted.for_table(standing)
    }

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
        let encoded = encode(table, self.format(index, scope));
        let (digest, bytes) = (encoded.digest.clone(), encoded.json.len());
        let need = if index.is_vacant(scope) {
            Need::None
        } else {
            Need::Objects
        };
        match decide(index.tables().get(scope), need, &digest) {
            Decision::Keep => index.settle(scope),
            Decision::Write => {
                let credentials = table.credentials().into_iter().cloned().collect();
                self.drafts.insert(scope.clone(), Draft { encoded, credentials });
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

    /// Takes out the tables that have to be written, the cluster's last: with it a router gets ready, and should have
    /// read what else there is by then.
    pub fn take_drafts(&mut self, index: &Index) -> Vec<TableWrite> {
        let mut drafts = std::mem::take(&mut self.drafts);
        let cluster = drafts.remove_entry(&Scope::Cluster);
        let standing = |scope: &Scope| index.tables().get(scope).and_then(|table| table.standing.clone());
        drafts
            .into_iter()
            .chain(cluster)
            .map(|(scope, Draft { encoded, credentials })| TableWrite {
                replaces: standing(&scope),
                scope,
                encoded,
                credentials,
            })
            .collect()
    }

    /// Whether a table has to be written.
    pub fn has_drafts(&self) -> bool {
        !self.drafts.is_empty()
    }

    /// Whether the scope's table has to be written.
    pub fn has_draft(&self, scope: &Scope) -> bool {
        self.drafts.contains_key(scope)
    }

    /// The scopes whose tables have to be written.
    pub fn drafted(&self) -> impl Iterator<Item = &Scope> {
        self.drafts.keys()
    }

    /// The tables of vacant scopes that every ready router has seen empty. A scope that became vacant just now was
    /// compiled before that: its table is not empty yet, and routers would keep what it holds.
    pub fn removals(&self, index: &Index, fleet: &Fleet) -> Vec<Removal> {
        let vacant = self.made.iter().filter(|(scope, _)| index.is_vacant(scope));
        let removal = |(scope, made): (&Scope, &Made)| {
            let published = index.tables().get(scope)?;
            let digest = &made.table.as_ref()?.digest;
            let is_empty = published.is_empty(scope) && published.digest() == Some(digest);
            let is_seen = is_empty && fleet.all_serve(scope, digest);
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

    /// The scopes whose tables name one of `ids`, or would if there were room for it.
    pub fn naming(&self, ids: &BTreeSet<CredentialId>) -> Vec<Scope> {
        let names = |made: &Made| made.credentials.keys().any(|id| ids.contains(id));
        let naming = self.made.iter().filter(|(_, made)| names(made));
        naming.map(|(scope, _)| scope.clone()).collect()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_policy::object::{ObjectKind, ObjectRef};
    use weir_policy::snapshot::Object;
    use weir_table::codec::{Decoded, Stored, load};
    use weir_table::{Digest, Format, Scope};

    use super::Work;
    use crate::config_map::{Form, ObservedTable, Standing};
    use crate::index::{Change, Delta, Index};
    use crate::observe::{Observed, Record};
    use crate::rollout::{Answer, Fleet, Served, Wanted};

    fn team() -> Scope {
        Scope::Namespace("a".to_owned())
    }

    fn caller() -> ObjectRef {
        ObjectRef {
            kind: ObjectKind::AccessKey,
            namespace: Some("a".to_owned()),
            name: "web".to_owned(),
        }
    }

    fn come(index: &mut Index) {
        let spec = serde_json::json!({"keys": [{"secretRef": {"name": "s", "key": "k"}}]});
        let value = Object {
            generation: 1,
            created: 0,
            spec: Ok(serde_json::from_value(spec).expect("a well-formed spec")),
        };
        let record = Record {
            uid: "u".to_owned(),
            version: 1,
            generation: 1,
            status: None,
        };
        index.apply(Change::AccessKey(Delta::Applied(Observed {
            object: caller(),
            record,
            value,
        })));
    }

    /// Compiles the scope and publishes what has to be written; the fleet that then serves it.
    fn publish(work: &mut Work, index: &mut Index, version: u64) -> Fleet {
        work.compile(index, &team());
        let drafts = work.take_drafts(index);
        let [draft] = drafts.as_slice() else {
            panic!("{} drafts", drafts.len())
        };
        let Decoded {
            table,
            digest,
            format,
        } = load(&Stored::Plain(draft.encoded.json.clone())).expect("a table");
        index.apply(Change::Table(Delta::Applied(ObservedTable {
            scope: team(),
            standing: Standing {
                uid: "cm".to_owned(),
                version,
                form: Form::Intact(digest.clone()),
            },
            table: Some(table),
            format: Some(format),
        })));
        fleet(&digest)
    }

    fn fleet(digest: &Digest) -> Fleet {
        let served = Served {
            digest: Some(digest.to_string()),
            policies: Arc::default(),
        };
        let router = std::net::SocketAddr::from(([10, 0, 0, 1], 9090));
        Fleet::new([(router, Answer::Tables([(team(), served)].into()))].into())
    }

    #[test]
    fn a_table_is_removed_once_routers_serve_it_empty_and_not_before() {
        let (mut work, mut index) = (Work::default(), Index::new("weir-system"));
        come(&mut index);
        let fleet = publish(&mut work, &mut index, 1);
        index.apply(Change::AccessKey(Delta::Deleted(caller())));
        assert!(
            work.removals(&index, &fleet).is_empty(),
            "what routers serve still holds the caller"
        );
        let fleet = publish(&mut work, &mut index, 2);
        assert_eq!(work.removals(&index, &fleet).len(), 1);
    }

    #[test]
    fn a_table_is_written_anew_when_its_readers_want_another_format_and_only_then() {
        let (mut work, mut index) = (Work::default(), Index::new("weir-system"));
        come(&mut index);
        let format = |index: &Index| index.tables()[&team()].format();
        publish(&mut work, &mut index, 1);
        assert_eq!(
            format(&index),
            Some(Format::OLDEST),
            "nothing is known of its readers"
        );
        assert_eq!(work.write_as(&index, Wanted::Exactly(Format::NEWEST)), [team()]);
        publish(&mut work, &mut index, 2);
        assert_eq!(format(&index), Some(Format::NEWEST));
        for wanted in [Wanted::Exactly(Format::NEWEST), Wanted::Any] {
            assert!(work.write_as(&index, wanted).is_empty());
            work.compile(&mut index, &team());
            assert!(
                !work.has_drafts(),
                "it stands as it is wanted, or nobody knows better"
            );
        }
    }
}
