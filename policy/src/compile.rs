//! From a snapshot to tables and verdicts: a function of the objects and of the tables now published,
//! and of nothing else. Total: whatever the objects are, there is an answer, and a bad object harms only
//! itself.

mod access;
mod assemble;
mod judge;

use std::collections::{BTreeMap, BTreeSet};

use weir_table::{Checked, CredentialId, Owner, Scope, Table, Violation, check};

use crate::holders::KeyHolders;
use crate::object::{ObjectKind, ObjectRef};
use crate::problem::{Cause, Problem};
use crate::resolve::{Judged, Surroundings};
use crate::snapshot::{Namespace, Snapshot};
use crate::verdict::Verdict;

/// What a scope came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The table to publish. A violation is a defect of this crate, never an object's fault; what is published
    /// then stays.
    pub table: Result<Checked, Vec<Violation>>,
    /// One verdict for every object of the scope, in the order of kinds and names.
    pub verdicts: Vec<Verdict>,
    /// The credentials whose values the table needs, or would if there were room for them, and where each lies.
    pub credentials: BTreeMap<CredentialId, CredentialOrigin>,
}

/// Where the value of a credential lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CredentialOrigin {
    /// One key of a Secret.
    SecretKey {
        /// The Secret's namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// The key in it.
        key: String,
    },
    /// An AWS key pair: the Secret's keys `accessKeyId`, `secretAccessKey` and, if there, `sessionToken`,
    /// gathered as one JSON object.
    AwsSecret {
        /// The Secret's namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
    },
}

impl CredentialOrigin {
    /// The namespace and the name of the Secret.
    pub fn secret(&self) -> (&str, &str) {
        let (Self::SecretKey { namespace, name, .. } | Self::AwsSecret { namespace, name }) = self;
        (namespace, name)
    }
}

/// Compiles one namespace. `holders` says which keys other namespaces hold, and `published` is the namespace's
/// table as it stands in the cluster.
pub fn compile_namespace(
    snapshot: &Snapshot,
    holders: &KeyHolders,
    namespace: &str,
    published: Option<&Table>,
) -> Compiled {
    let none = Namespace::default();
    let objects = snapshot.namespaces.get(namespace).unwrap_or(&none);
    let surroundings = Surroundings::of_namespace(snapshot, namespace);
    let records = judge::policies(objects, &surroundings, published);
    let callers = access::callers(objects, &surroundings, holders);
    let (table, records, callers) = assemble::namespace(records, callers, &surroundings);
    let mut verdicts: Vec<Verdict> = records.into_iter().map(judge::Record::into_verdict).collect();
    verdicts.extend(callers.into_iter().map(access::Caller::into_verdict));
    verdicts.extend(providers(&surroundings, Owner::Namespace));
    verdicts.extend(refused(&surroundings));
    finish(table, verdicts, &surroundings)
}

/// Compiles the table for direct calls, and the verdicts of ClusterProviders.
pub fn compile_cluster(snapshot: &Snapshot) -> Compiled {
    let surroundings = Surroundings::of_cluster(snapshot);
    let table = assemble::cluster(&surroundings);
    let verdicts = providers(&surroundings, Owner::Cluster).collect();
    finish(table, verdicts, &surroundings)
}

/// Compiles everything.
pub fn compile(snapshot: &Snapshot, published: &BTreeMap<Scope, Table>) -> BTreeMap<Scope, Compiled> {
    let holders = KeyHolders::of(snapshot);
    let of_namespace = |namespace: String| {
        let scope = Scope::Namespace(namespace.clone());
        let compiled = compile_namespace(snapshot, &holders, &namespace, published.get(&scope));
        (scope, compiled)
    };
    let cluster = (Scope::Cluster, compile_cluster(snapshot));
    namespaces(snapshot, published)
        .into_iter()
        .map(of_namespace)
        .chain([cluster])
        .collect()
}

/// Every namespace that holds objects or has a published table.
pub fn namespaces(snapshot: &Snapshot, published: &BTreeMap<Scope, Table>) -> BTreeSet<String> {
    let with_objects = snapshot
        .namespaces
        .iter()
        .filter(|(_, objects)| !objects.is_empty());
    let with_table = published.keys().filter_map(|scope| match scope {
        Scope::Namespace(namespace) => Some(namespace.clone()),
        Scope::Cluster => None,
    });
    with_objects
        .map(|(namespace, _)| namespace.clone())
        .chain(with_table)
        .collect()
}

fn finish(table: Table, mut verdicts: Vec<Verdict>, surroundings: &Surroundings<'_>) -> Compiled {
    verdicts.sort_by(|a, b| a.object.cmp(&b.object));
    let named = table.credentials();
    // One for which there is no room goes on asking for it, so that leaving it out does not make room.
    let waits = |id: &CredentialId| surroundings.is_withheld(id) && table.missing.contains(id);
    let mut credentials = surroundings.origins();
    credentials.retain(|id, _| named.contains(id) || waits(id));
    Compiled {
        table: check::check(table),
        verdicts,
        credentials,
    }
}

fn providers(surroundings: &Surroundings<'_>, owner: Owner) -> impl Iterator<Item = Verdict> {
    let defined = surroundings.defined(owner).iter();
    defined.map(move |(name, judged)| provider_verdict(name, judged, surroundings.namespace, owner))
}

/// The verdicts on Providers where they do not count, whatever they say.
fn refused(surroundings: &Surroundings<'_>) -> impl Iterator<Item = Verdict> {
    surroundings.refused().map(|(name, generation)| {
        let message = "Providers do not count in this cluster: name a ClusterProvider, or let the operator run \
                       with --namespaced-providers=enabled (chart value providers.namespaced.enabled)";
        let problem = Problem::new("kind", Cause::NamespacedProvidersDisabled, message);
        let object = provider(name, surroundings.namespace, Owner::Namespace);
        verdict(object, generation, vec![problem])
    })
}

fn provider_verdict(name: &str, judged: &Judged, namespace: &str, owner: Owner) -> Verdict {
    verdict(
        provider(name, namespace, owner),
        judged.generation,
        judged.problems(),
    )
}

fn provider(name: &str, namespace: &str, owner: Owner) -> ObjectRef {
    let (kind, namespace) = match owner {
        Owner::Namespace => (ObjectKind::Provider, Some(namespace.to_owned())),
        Owner::Cluster => (ObjectKind::ClusterProvider, None),
    };
    ObjectRef {
        kind,
        namespace,
        name: name.to_owned(),
    }
}

fn verdict(object: ObjectRef, generation: i64, problems: Vec<Problem>) -> Verdict {
    Verdict {
        object,
        generation,
        problems,
        warnings: Vec::new(),
        policy: None,
        access: None,
    }
}
