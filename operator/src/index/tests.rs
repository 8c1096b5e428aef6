use std::collections::BTreeMap;

use serde_json::json;
use weir_policy::api::{AccessKeySpec, ClusterProviderSpec, FallbackPolicySpec, LoadBalancingPolicySpec};
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::snapshot::{Object, SecretFacts};
use weir_table::{KeyHash, ModelKind, Node, Policy, Scope, Split, Table};

use super::{Change, Delta, Effect, Effects, Index};
use crate::config_map::{Form, ObservedTable, RemovedTable, Standing};
use crate::observe::{Observed, ObservedSecret, Record, SecretId, Status};
use crate::secret::SecretBytes;

fn team(name: &str) -> Scope {
    Scope::Namespace(name.to_owned())
}

fn compile(name: &str) -> Effects {
    [Effect::Compile(team(name))].into()
}

fn lbp_ref(namespace: &str, name: &str) -> ObjectRef {
    let kind = ObjectKind::LoadBalancingPolicy;
    ObjectRef {
        kind,
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

fn record(version: u64) -> Record {
    Record {
        uid: "uid-1".into(),
        version,
        generation: 1,
        status: None,
    }
}

fn lbp(namespace: &str, name: &str, version: u64, weight: f64) -> Observed<LoadBalancingPolicySpec> {
    let spec = json!({"targets": [{"model": "openai/gpt-4o", "weight": weight}]});
    let spec = serde_json::from_value(spec).expect("a well-formed spec");
    let value = Object {
        generation: 1,
        created: 0,
        spec: Ok(spec),
    };
    Observed {
        object: lbp_ref(namespace, name),
        record: record(version),
        value,
    }
}

fn applied(observed: Observed<LoadBalancingPolicySpec>) -> Change {
    Change::LoadBalancing(Delta::Applied(observed))
}

fn split(name: &str) -> Policy {
    let root = Node::from(Split::new(name.into(), name.into(), vec![], vec![]));
    Policy {
        kind: ModelKind::Chat,
        expose_to: [].into(),
        root,
    }
}

fn table(namespace: &str, version: u64, policies: &[&str]) -> ObservedTable {
    let mut table = Table::empty(team(namespace));
    table.policies = policies
        .iter()
        .map(|name| ((*name).to_owned(), split(name)))
        .collect();
    let digest = weir_table::codec::encode(&table, weir_table::Format::NEWEST).digest;
    let standing = Standing {
        uid: "cm".into(),
        version,
        form: Form::Intact(digest),
    };
    ObservedTable {
        scope: team(namespace),
        standing,
        table: Some(table),
        format: Some(weir_table::Format::NEWEST),
    }
}

fn publish(index: &mut Index, observed: ObservedTable) -> Effects {
    index.apply(Change::Table(Delta::Applied(observed)))
}

fn last_good_names(index: &Index, namespace: &str) -> Vec<String> {
    let table = index.last_good(&team(namespace));
    table
        .map(|table| table.policies.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn a_policy_touches_its_own_namespace_once() {
    let mut index = Index::new("weir-system");
    assert!(
        index
            .apply(applied(lbp("a", "x", 1, 1.0)))
            .is_superset(&compile("a"))
    );
    assert_eq!(
        index.apply(applied(lbp("a", "x", 2, 1.0))),
        Effects::new(),
        "same spec, same status"
    );
    assert!(
        index
            .apply(applied(lbp("a", "x", 3, 2.0)))
            .is_superset(&compile("a"))
    );
}

#[test]
fn a_relist_takes_out_what_was_deleted_meanwhile() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    index.apply(applied(lbp("b", "y", 2, 1.0)));
    let effects = index.apply(Change::LoadBalancing(Delta::Reset(vec![lbp("b", "y", 2, 1.0)])));
    assert_eq!(effects, compile("a"), "the namespace that changed, and no other");
    assert!(index.is_vacant(&team("a")) && !index.is_vacant(&team("b")));
    assert_eq!(index.record(&lbp_ref("a", "x")), None);
}

#[test]
fn a_relist_of_one_namespace_leaves_the_others_alone() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    index.apply(applied(lbp("b", "y", 2, 1.0)));
    let effects = index.apply(Change::LoadBalancing(Delta::ResetIn("a".to_owned(), vec![])));
    assert_eq!(effects, compile("a"));
    assert!(index.is_vacant(&team("a")) && !index.is_vacant(&team("b")));
}

#[test]
fn a_relist_of_one_kind_leaves_the_others_alone() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    index.apply(Change::Fallback(Delta::Reset(vec![])));
    assert!(index.record(&lbp_ref("a", "x")).is_some());
}

#[test]
fn a_namespace_that_holds_nothing_leaves_no_trace() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    index.apply(Change::LoadBalancing(Delta::Deleted(lbp_ref("a", "x"))));
    assert!(index.snapshot().namespaces.is_empty());
}

#[test]
fn deleting_a_policy_drops_its_last_good_tree_and_no_other() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    publish(&mut index, table("a", 2, &["x", "y"]));
    index.apply(Change::LoadBalancing(Delta::Deleted(lbp_ref("a", "x"))));
    assert_eq!(last_good_names(&index, "a"), ["y"]);
}

#[test]
fn a_deletion_missed_between_two_lists_drops_the_tree_too() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    publish(&mut index, table("a", 2, &["x"]));
    index.apply(Change::LoadBalancing(Delta::Reset(vec![])));
    assert!(last_good_names(&index, "a").is_empty());
}

#[test]
fn an_object_replaced_between_two_lists_does_not_inherit_the_tree() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    publish(&mut index, table("a", 2, &["x"]));
    let mut other = lbp("a", "x", 9, 1.0);
    other.record.uid = "uid-2".into();
    index.apply(Change::LoadBalancing(Delta::Reset(vec![other])));
    assert!(last_good_names(&index, "a").is_empty());
}

#[test]
fn a_deleted_tree_does_not_come_back_with_a_late_write_until_settled() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    publish(&mut index, table("a", 2, &["x"]));
    index.apply(Change::LoadBalancing(Delta::Deleted(lbp_ref("a", "x"))));
    publish(&mut index, table("a", 3, &["x", "y"]));
    assert_eq!(last_good_names(&index, "a"), ["y"]);
    index.settle(&team("a"));
    publish(&mut index, table("a", 4, &["x"]));
    assert_eq!(last_good_names(&index, "a"), ["x"]);
}

#[test]
fn deleting_the_loser_of_a_name_leaves_the_winners_tree() {
    let mut index = Index::new("weir-system");
    publish(&mut index, table("a", 1, &["x"]));
    let kind = ObjectKind::FallbackPolicy;
    let object = ObjectRef {
        kind,
        ..lbp_ref("a", "x")
    };
    let spec: FallbackPolicySpec =
        serde_json::from_value(json!({"targets": [{"model": "openai/gpt-4o"}]})).expect("well-formed");
    let value = Object {
        generation: 1,
        created: 0,
        spec: Ok(spec),
    };
    index.apply(Change::Fallback(Delta::Applied(Observed {
        object: object.clone(),
        record: record(2),
        value,
    })));
    index.apply(Change::Fallback(Delta::Deleted(object)));
    assert_eq!(last_good_names(&index, "a"), ["x"]);
}

#[test]
fn an_answer_that_overtook_the_watch_is_not_undone_by_it() {
    let mut index = Index::new("weir-system");
    publish(&mut index, table("a", 5, &["new"]));
    assert_eq!(publish(&mut index, table("a", 4, &["old"])), Effects::new());
    assert_eq!(last_good_names(&index, "a"), ["new"]);
}

#[test]
fn an_answer_that_comes_after_the_deletion_does_not_revive_the_table() {
    let mut index = Index::new("weir-system");
    publish(&mut index, table("a", 5, &["x"]));
    let removed = RemovedTable {
        scope: team("a"),
        version: 8,
    };
    assert_eq!(index.apply(Change::Table(Delta::Deleted(removed))), compile("a"));
    assert_eq!(publish(&mut index, table("a", 7, &["x"])), Effects::new());
    assert!(index.tables()[&team("a")].standing.is_none());
    assert_eq!(
        last_good_names(&index, "a"),
        ["x"],
        "a table deleted by others is still last good"
    );
}

#[test]
fn an_altered_map_without_a_table_keeps_the_last_readable_one() {
    let mut index = Index::new("weir-system");
    publish(&mut index, table("a", 1, &["x"]));
    let mut broken = table("a", 2, &[]);
    broken.table = None;
    broken.standing.form = Form::Altered;
    publish(&mut index, broken);
    assert_eq!(last_good_names(&index, "a"), ["x"]);
    assert_eq!(index.tables()[&team("a")].digest(), None);
}

fn secret(namespace: &str, name: &str, value: &[u8]) -> ObservedSecret {
    let id = SecretId {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let facts = SecretFacts {
        keys: [("key".to_owned(), KeyHash::of_stored(value))].into(),
        allowed_hosts: None,
    };
    ObservedSecret {
        id,
        created: 0,
        facts,
        values: BTreeMap::from([("key".into(), SecretBytes::new(value.to_vec()))]),
    }
}

fn put(index: &mut Index, secret: ObservedSecret) -> Effects {
    index.apply(Change::Secret(Delta::Applied(secret)))
}

#[test]
fn a_rotated_key_is_gathered_again_without_a_compile() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    let expected: Effects = compile("a").into_iter().chain([Effect::Gather]).collect();
    assert_eq!(put(&mut index, secret("a", "keys", b"one")), expected);
    assert_eq!(
        put(&mut index, secret("a", "keys", b"two")),
        [Effect::Gather].into()
    );
    assert_eq!(put(&mut index, secret("a", "keys", b"two")), Effects::new());
}

#[test]
fn a_secret_of_a_namespace_without_objects_touches_nothing() {
    let mut index = Index::new("weir-system");
    assert_eq!(
        put(&mut index, secret("elsewhere", "keys", b"one")),
        [Effect::Gather].into()
    );
}

#[test]
fn a_secret_of_weirs_own_namespace_touches_every_scope() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    let effects = put(&mut index, secret("weir-system", "keys", b"one"));
    assert_eq!(
        effects,
        [
            Effect::Compile(Scope::Cluster),
            Effect::Compile(team("a")),
            Effect::Gather
        ]
        .into()
    );
}

#[test]
fn a_secret_gone_in_a_relist_takes_its_facts_and_value_along() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    let id = secret("a", "keys", b"one").id;
    put(&mut index, secret("a", "keys", b"one"));
    let effects = index.apply(Change::Secret(Delta::Reset(vec![])));
    assert!(effects.is_superset(&compile("a")));
    assert!(index.snapshot().secret("a", "keys").is_none() && index.secrets().value(&id, "key").is_none());
}

fn access_key(namespace: &str) -> Observed<AccessKeySpec> {
    let spec = json!({"keys": [{"secretRef": {"name": "keys", "key": "key"}}]});
    let value = Object {
        generation: 1,
        created: 0,
        spec: Ok(serde_json::from_value(spec).expect("a well-formed spec")),
    };
    let object = ObjectRef {
        kind: ObjectKind::AccessKey,
        ..lbp_ref(namespace, "web")
    };
    Observed {
        object,
        record: record(1),
        value,
    }
}

const ONE: &[u8] = b"11111111111111111111111111111111";
const TWO: &[u8] = b"22222222222222222222222222222222";

#[test]
fn a_callers_new_key_touches_its_namespace_and_those_that_hold_the_same() {
    let mut index = Index::new("weir-system");
    for namespace in ["a", "b", "c"] {
        index.apply(Change::AccessKey(Delta::Applied(access_key(namespace))));
    }
    let with = |names: &[&str]| -> Effects {
        let compiled = names.iter().flat_map(|name| compile(name));
        compiled.chain([Effect::Gather]).collect()
    };
    assert_eq!(put(&mut index, secret("a", "keys", ONE)), with(&["a"]));
    assert_eq!(put(&mut index, secret("b", "keys", ONE)), with(&["a", "b"]));
    assert_eq!(put(&mut index, secret("c", "keys", TWO)), with(&["c"]));
    assert_eq!(put(&mut index, secret("b", "keys", TWO)), with(&["a", "b", "c"]));
    let gone = secret("b", "keys", TWO).id;
    let effects = index.apply(Change::Secret(Delta::Deleted(gone)));
    assert_eq!(effects, with(&["b", "c"]));
}

#[test]
fn a_caller_that_comes_or_goes_touches_those_that_hold_the_same_key() {
    let mut index = Index::new("weir-system");
    for namespace in ["a", "b"] {
        put(&mut index, secret(namespace, "keys", ONE));
    }
    let apply =
        |index: &mut Index, namespace| index.apply(Change::AccessKey(Delta::Applied(access_key(namespace))));
    let both: Effects = [compile("a"), compile("b")].into_iter().flatten().collect();
    assert!(!apply(&mut index, "a").is_superset(&compile("b")));
    assert!(apply(&mut index, "b").is_superset(&both));
    let object = access_key("b").object;
    assert_eq!(index.apply(Change::AccessKey(Delta::Deleted(object))), both);
}

#[test]
fn a_cluster_provider_touches_every_scope() {
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    publish(&mut index, table("gone", 1, &["x"]));
    let spec: ClusterProviderSpec =
        serde_json::from_value(json!({"dialect": "OpenAI", "baseURL": "https://api.openai.com/v1"}))
            .expect("ok");
    let object = ObjectRef {
        kind: ObjectKind::ClusterProvider,
        namespace: None,
        name: "openai".into(),
    };
    let value = Object {
        generation: 1,
        created: 0,
        spec: Ok(spec),
    };
    let change = Change::ClusterProvider(Delta::Applied(Observed {
        object,
        record: record(3),
        value,
    }));
    let scopes = [Scope::Cluster, team("a"), team("gone")];
    assert!(
        index
            .apply(change)
            .is_superset(&scopes.map(Effect::Compile).into())
    );
}

#[test]
fn someone_elses_status_edit_is_reported_and_an_old_one_is_not() {
    let status = |generation| {
        let status = json!({"observedGeneration": generation});
        Status::Policy(serde_json::from_value(status).expect("well-formed"))
    };
    let mut index = Index::new("weir-system");
    index.apply(applied(lbp("a", "x", 1, 1.0)));
    index.record_status(&lbp_ref("a", "x"), 5, status(1));
    let mut late = lbp("a", "x", 4, 1.0);
    late.record.status = Some(status(-1));
    assert_eq!(index.apply(applied(late.clone())), Effects::new());
    late.record.version = 6;
    assert_eq!(
        index.apply(applied(late)),
        [Effect::Report(lbp_ref("a", "x"))].into()
    );
}
