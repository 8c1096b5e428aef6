//! What becomes of tables, good and bad, and what requests see of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_table::codec::{Stored, encode};
use weir_table::{
    AccessKey, Allowed, Credential, CredentialId, Format, KeyHash, Model, ModelKind, Node, Policy, Prices,
    ProviderEntry, Scope, Split, SplitTarget, Table, Validity,
};

use super::{Assembler, Registries, Update};
use crate::observe::Metrics;
use crate::samples;
use crate::secret::Secret;
use crate::source::Part;
use crate::state::{Below, Leaf, Proof, Reach, Served, Snapshot, Tables, Tree};
use crate::surroundings::Surroundings;

fn id() -> CredentialId {
    CredentialId::of_secret_key("ns", "s", "k")
}

fn scope() -> Scope {
    Scope::Namespace("ns".to_owned())
}

/// A table of one policy, called `name`.
fn table(name: &str) -> Table {
    let provider = samples::provider(Credential::Named(id()));
    let model = Node::from(Model {
        model: "p/m".to_owned(),
        provider: "p".to_owned(),
        upstream: "m".to_owned(),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    });
    let targets = vec![SplitTarget::new("t".to_owned(), 1.0, model)];
    let root = Node::from(Split::new(name.to_owned(), name.to_owned(), Vec::new(), targets));
    Table {
        policies: [(
            name.to_owned(),
            Policy {
                kind: ModelKind::Chat,
                expose_to: BTreeSet::new(),
                root,
            },
        )]
        .into(),
        providers: [("p".to_owned(), ProviderEntry::Live(Box::new(provider)))].into(),
        ..Table::empty(scope())
    }
}

fn stored(table: &Table) -> Update {
    let json = encode(table, Format::NEWEST).json;
    Update::Table {
        scope: table.scope.clone(),
        stored: Ok(Stored::Plain(json)),
    }
}

fn credentials(value: &'static str) -> Update {
    Update::Credentials {
        shard: id().shard(),
        values: [(id(), Secret::new(value))].into(),
    }
}

fn listed() -> impl Iterator<Item = Update> {
    Part::all().map(Update::Listed)
}

struct Bench {
    assembler: Assembler,
    tables: Arc<Tables>,
}

impl Bench {
    fn new() -> Self {
        let tables = Arc::new(Tables::default());
        let registries = Registries::default();
        let metrics = Arc::new(Metrics::new(&tables, &registries.healths, &Arc::default()));
        Self {
            assembler: Assembler::new(tables.clone(), metrics, registries, Surroundings::default()),
            tables,
        }
    }

    fn take(&mut self, updates: impl IntoIterator<Item = Update>) -> Arc<Snapshot> {
        for update in updates {
            self.assembler.take_in(update);
        }
        self.assembler.publish();
        (***self.tables.load()).clone()
    }
}

fn state(snapshot: &Snapshot) -> &'static str {
    let report = snapshot.reports.iter().find(|report| report.scope == scope());
    report.map_or("none", |report| report.state.as_str())
}

fn served(snapshot: &Snapshot) -> Option<Arc<Served>> {
    snapshot.namespaces.get("ns").cloned().flatten()
}

fn policies(snapshot: &Snapshot) -> Vec<String> {
    served(snapshot)
        .map(|served| served.policies.keys().cloned().collect())
        .unwrap_or_default()
}

fn leaf(snapshot: &Snapshot) -> Arc<Leaf> {
    let served = served(snapshot).unwrap();
    leaf_of(served.policies.values().next().unwrap())
}

fn leaf_of(tree: &Tree) -> Arc<Leaf> {
    let Below::Nodes(nodes) = tree.root().below else {
        panic!("a leaf")
    };
    let Below::Leaf(leaf) = &nodes[0] else {
        panic!("no leaf")
    };
    leaf.clone()
}

/// A table of several policies, which all ask the same model.
fn table_of(names: &[&str]) -> Table {
    let policies = names.iter().flat_map(|name| table(name).policies);
    Table {
        policies: policies.collect(),
        ..table("p")
    }
}

fn split_of(snapshot: &Snapshot, policy: &str) -> Arc<Split> {
    match served(snapshot).unwrap().policies[policy].root().node {
        Node::Split(split) => split.clone(),
        other => panic!("{other:?}"),
    }
}

fn authorization(snapshot: &Snapshot) -> String {
    let leaf = leaf(snapshot);
    let Reach::Live(endpoint) = &leaf.reach else {
        panic!("{:?}", leaf.reach)
    };
    let Proof::Header(_, value) = &endpoint.proof else {
        panic!("no header")
    };
    assert!(value.is_sensitive());
    value.to_str().unwrap().to_owned()
}

#[test]
fn a_table_waits_for_its_credentials() {
    let mut bench = Bench::new();
    let snapshot = bench.take([stored(&table("a"))]);
    assert_eq!(state(&snapshot), "waiting");
    assert_eq!(
        snapshot.namespaces.get("ns").map(Option::is_some),
        Some(false),
        "known, and not served"
    );
    let snapshot = bench.take([credentials("sk-1\n")]);
    assert_eq!(
        (state(&snapshot), policies(&snapshot)),
        ("serving", vec!["a".to_owned()])
    );
    assert_eq!(authorization(&snapshot), "Bearer sk-1");
}

#[test]
fn a_credential_that_is_gone_is_not_waited_for_and_its_target_fails() {
    let mut without = table("a");
    without.missing.insert(id());
    let snapshot = Bench::new().take([stored(&without)]);
    assert_eq!(state(&snapshot), "serving");
    let Reach::Barred(failure) = &leaf(&snapshot).reach else {
        panic!("reachable")
    };
    assert_eq!(failure.class, weir_table::FailureClass::Unauthorized);
}

#[test]
fn a_rotated_credential_is_in_use_at_once() {
    let mut bench = Bench::new();
    bench.take([credentials("sk-1"), stored(&table("a"))]);
    assert_eq!(authorization(&bench.take([credentials("sk-2")])), "Bearer sk-2");
}

#[test]
fn a_credential_that_vanishes_leaves_what_is_served() {
    let mut bench = Bench::new();
    bench.take([credentials("sk-1"), stored(&table("a"))]);
    let gone = Update::Credentials {
        shard: id().shard(),
        values: BTreeMap::new(),
    };
    let snapshot = bench.take([gone]);
    assert_eq!(
        (state(&snapshot), authorization(&snapshot).as_str()),
        ("waiting", "Bearer sk-1")
    );
}

#[test]
fn keeps_the_last_good_table_when_a_new_one_fails_check() {
    let mut bench = Bench::new();
    bench.take([credentials("sk"), stored(&table("a"))]);
    let mut bad = table("b");
    bad.providers.clear();
    let unreadable = Update::Table {
        scope: scope(),
        stored: Ok(Stored::Plain("{".to_owned())),
    };
    let absent = Update::Table {
        scope: scope(),
        stored: Err("nothing there".to_owned()),
    };
    let mislabelled = Update::Table {
        scope: Scope::Cluster,
        stored: Ok(Stored::Plain(encode(&table("c"), Format::NEWEST).json)),
    };
    for (nth, update) in [stored(&bad), unreadable, absent].into_iter().enumerate() {
        let snapshot = bench.take([update]);
        assert_eq!(
            (state(&snapshot), policies(&snapshot)),
            ("rejected", vec!["a".to_owned()]),
            "{nth}"
        );
    }
    let snapshot = bench.take([mislabelled]);
    assert!(
        snapshot.cluster.is_none(),
        "a namespace's table is none of the cluster"
    );
    let snapshot = bench.take([stored(&table("a"))]);
    assert_eq!(state(&snapshot), "serving", "the same table again is good again");
}

#[test]
fn a_rejected_table_stays_rejected_when_a_credential_changes() {
    let mut bench = Bench::new();
    bench.take([credentials("sk-1"), stored(&table("a"))]);
    let snapshot = bench.take([
        Update::Table {
            scope: scope(),
            stored: Err("x".to_owned()),
        },
        credentials("sk-2"),
    ]);
    assert_eq!(
        (state(&snapshot), authorization(&snapshot).as_str()),
        ("rejected", "Bearer sk-2")
    );
}

#[test]
fn a_deleted_table_is_kept_unless_it_was_emptied_first() {
    let mut bench = Bench::new();
    bench.take([credentials("sk"), stored(&table("a"))]);
    let snapshot = bench.take([Update::Gone(scope())]);
    assert_eq!(
        (state(&snapshot), policies(&snapshot)),
        ("serving", vec!["a".to_owned()])
    );
    let error = snapshot.reports[0].state.error();
    assert!(error.is_some_and(|error| error.contains("deleted before it was emptied")));
    bench.take([stored(&Table::empty(scope()))]);
    let snapshot = bench.take([Update::Gone(scope())]);
    assert_eq!((state(&snapshot), snapshot.namespaces.len()), ("none", 0));
}

#[test]
fn one_namespaces_change_leaves_the_others_as_they_are() {
    let mut bench = Bench::new();
    let mut other = table("o");
    other.scope = Scope::Namespace("other".to_owned());
    let before = bench.take([credentials("sk"), stored(&table("a")), stored(&other)]);
    let after = bench.take([stored(&table("b"))]);
    let of = |snapshot: &Snapshot| snapshot.namespaces["other"].clone().unwrap();
    assert!(Arc::ptr_eq(&of(&before), &of(&after)));
    assert_eq!(policies(&after), ["b"]);
}

#[test]
fn ready_means_everything_was_listed_and_the_cluster_stands() {
    let mut bench = Bench::new();
    let rejected = Update::Table {
        scope: scope(),
        stored: Err("x".to_owned()),
    };
    assert!(
        !bench
            .take([stored(&Table::empty(Scope::Cluster)), rejected])
            .is_ready()
    );
    assert!(
        bench.take(listed()).is_ready(),
        "a rejected namespace is its own trouble"
    );
    assert!(!Bench::new().take(listed()).is_ready());
}

#[test]
fn what_is_pushed_replaces_everything() {
    let mut bench = Bench::new();
    let push = |tables: Vec<Table>| Update::Everything {
        tables: tables
            .into_iter()
            .map(|table| weir_table::check::check(table).unwrap())
            .collect(),
        credentials: [(id(), Secret::new("sk"))].into(),
    };
    let snapshot = bench.take([push(vec![table("a"), Table::empty(Scope::Cluster)])]);
    assert!(snapshot.is_ready());
    assert_eq!(
        (state(&snapshot), policies(&snapshot)),
        ("serving", vec!["a".to_owned()])
    );
    let snapshot = bench.take([push(vec![Table::empty(Scope::Cluster)])]);
    assert_eq!((state(&snapshot), snapshot.namespaces.len()), ("none", 0));
}

#[test]
fn a_pool_survives_a_swap() {
    let mut bench = Bench::new();
    let pool = |snapshot: &Snapshot| match &leaf(snapshot).reach {
        Reach::Live(endpoint) => endpoint.pool.clone(),
        Reach::Barred(failure) => panic!("{failure:?}"),
    };
    let before = pool(&bench.take([credentials("sk"), stored(&table("a"))]));
    let after = pool(&bench.take([stored(&table("b"))]));
    assert!(Arc::ptr_eq(&before, &after));
}

#[test]
fn a_withdrawn_key_does_not_wait_for_the_credentials_of_its_table() {
    let keyed = |names: &[&str]| {
        let nobody = |name: &&str| {
            let hash = KeyHash::of(name.as_bytes());
            let caller = AccessKey {
                keys: [(hash, Validity::default())].into(),
                policies: Allowed::All,
                models: Allowed::All,
            };
            ((*name).to_owned(), caller)
        };
        Table {
            access_keys: names.iter().map(nobody).collect(),
            ..table("x")
        }
    };
    let mut other = keyed(&["stays"]);
    let elsewhere = CredentialId::of_secret_key("ns", "s", "another");
    if let Some(ProviderEntry::Live(provider)) = other.providers.get_mut("p") {
        provider.credential = Credential::Named(elsewhere);
    }
    let mut bench = Bench::new();
    let before = bench.take([credentials("sk"), stored(&keyed(&["stays", "goes"]))]);
    assert!(before.callers.find(b"goes", 0).is_some());
    let after = bench.take([stored(&other)]);
    assert_eq!(state(&after), "waiting");
    assert!(after.callers.find(b"goes", 0).is_none());
    assert!(after.callers.find(b"stays", 0).is_some());
}

#[test]
fn policies_that_ask_the_same_model_share_its_target_and_count_for_themselves() {
    let snapshot = Bench::new().take([credentials("sk"), stored(&table_of(&["a", "b"]))]);
    let policies = &served(&snapshot).unwrap().policies;
    let (a, b) = (leaf_of(&policies["a"]), leaf_of(&policies["b"]));
    assert!(Arc::ptr_eq(&a.target, &b.target));
    assert_eq!([&*a.way.path, &*b.way.path], ["a", "b"]);
}

#[test]
fn swaps_keep_what_did_not_change_and_nothing_else_of_the_tables_before() {
    let mut bench = Bench::new();
    let first = bench.take([credentials("sk"), stored(&table_of(&["gone", "kept"]))]);
    let kept = Arc::downgrade(&split_of(&first, "kept"));
    let gone = Arc::downgrade(&split_of(&first, "gone"));
    let target = Arc::downgrade(&leaf(&first).target);
    drop(first);
    for swap in 0..5 {
        drop(bench.take([stored(&table_of(&["kept", &format!("new-{swap}")]))]));
    }
    assert_eq!([gone.strong_count(), target.strong_count()], [0, 0]);
    let last = bench.take([]);
    let now = split_of(&last, "kept");
    assert!(kept.upgrade().is_some_and(|kept| Arc::ptr_eq(&kept, &now)));
}
