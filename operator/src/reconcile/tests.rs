use std::sync::Arc;
use std::time::Duration;

use kube::runtime::events::Recorder;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use weir_policy::api::{LoadBalancingPolicySpec, PolicyStatus, ProviderSpec};
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::snapshot::{NamespacedProviders, Object, SecretFacts};
use weir_table::codec::encode;
use weir_table::{Format, KeyHash, ProviderEntry, Scope, Table};

use super::{Edges, Reconciler};
use crate::api_mock::Mock;
use crate::args::ClusterProviders;
use crate::config_map::{Form, ObservedTable, Standing};
use crate::index::{Change, Delta};
use crate::lease::Gate;
use crate::metrics::Metrics;
use crate::observe::{MAX_VALUE, Observed, ObservedSecret, Record, SecretId, Status};
use crate::report::Reporter;
use crate::rollout::Fleet;
use crate::secret::SecretBytes;
use crate::territory::Territory;

/// A reconciler at work beside a mock of the API server.
struct Bench {
    mock: Mock,
    metrics: Metrics,
    changes: mpsc::Sender<Change>,
    stop: CancellationToken,
    _fleet: watch::Sender<Option<Arc<Fleet>>>,
    _ends: (
        watch::Receiver<bool>,
        watch::Receiver<Option<crate::rollout::poll::Expected>>,
    ),
}

fn bench(gate: Gate) -> Bench {
    bench_in(gate, Territory::new("weir-system", &[], ClusterProviders::On))
}

fn bench_in(gate: Gate, territory: Territory) -> Bench {
    let mock = Mock::default();
    let client = mock.client();
    let (synced, synced_rx) = watch::channel(false);
    let (expected, expected_rx) = watch::channel(None);
    let (fleet_tx, fleet) = watch::channel(None);
    let recorder = Recorder::new(client.clone(), "test".to_owned().into());
    let metrics = Metrics::default();
    let edges = Edges {
        reporter: Reporter::new(client.clone(), recorder, gate.clone(), metrics.clone()),
        client,
        namespace: "weir-system".into(),
        territory,
        namespaced_providers: NamespacedProviders::Enabled,
        router_admin_port: 9090,
        gate,
        metrics: metrics.clone(),
        synced,
        expected,
        fleet,
    };
    let (changes, receiver) = mpsc::channel(16);
    let stop = CancellationToken::new();
    fleet_tx.send_replace(Some(Arc::new(Fleet::default())));
    tokio::spawn(Reconciler::new(edges).run(receiver, stop.clone()));
    Bench {
        mock,
        metrics,
        changes,
        stop,
        _fleet: fleet_tx,
        _ends: (synced_rx, expected_rx),
    }
}

impl Bench {
    async fn tell(&self, change: Change) {
        self.changes
            .send(change)
            .await
            .expect("the reconciler is at work");
    }

    /// Every first list but that of FallbackPolicies.
    async fn list_most(&self) {
        self.tell(Change::LoadBalancing(Delta::Reset(vec![policy()])))
            .await;
        self.tell(Change::Provider(Delta::Reset(vec![]))).await;
        self.tell(Change::ClusterProvider(Delta::Reset(vec![]))).await;
        self.tell(Change::AccessKey(Delta::Reset(vec![]))).await;
        self.tell(Change::Secret(Delta::Reset(vec![]))).await;
        self.tell(Change::Table(Delta::Reset(vec![]))).await;
        self.tell(Change::Slice(Delta::Reset(vec![]))).await;
    }

    async fn list_all(&self) {
        self.list_most().await;
        self.tell(Change::Fallback(Delta::Reset(vec![]))).await;
    }

    /// Every first list of Weir's own namespace and of kinds that only it has, and those of `namespace`.
    async fn list_in(&self, namespace: &str, policies: Vec<Observed<LoadBalancingPolicySpec>>) {
        let place = || namespace.to_owned();
        self.tell(Change::LoadBalancing(Delta::ResetIn(place(), policies)))
            .await;
        self.tell(Change::Fallback(Delta::ResetIn(place(), vec![]))).await;
        self.tell(Change::Provider(Delta::ResetIn(place(), vec![]))).await;
        self.tell(Change::AccessKey(Delta::ResetIn(place(), vec![])))
            .await;
        self.tell(Change::Secret(Delta::ResetIn(place(), vec![]))).await;
    }

    async fn written(&self, path: &str) {
        let seen = async {
            while !self.mock.paths().iter().any(|written| written == path) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let paths = || self.mock.paths();
        timeout(Duration::from_secs(3), seen)
            .await
            .unwrap_or_else(|_| panic!("{path} in {:?}", paths()));
    }

    /// Waits for longer than anything that is under way takes.
    async fn quiet(&self) {
        sleep(Duration::from_secs(2)).await;
    }
}

/// A policy that names a provider that does not exist.
fn policy() -> Observed<LoadBalancingPolicySpec> {
    let kind = ObjectKind::LoadBalancingPolicy;
    let object = ObjectRef {
        kind,
        namespace: Some("a".into()),
        name: "x".into(),
    };
    let spec = json!({"targets": [{"model": "absent/model", "weight": 1}]});
    let spec = serde_json::from_value(spec).expect("a well-formed spec");
    let record = Record {
        uid: "u".into(),
        version: 1,
        generation: 1,
        status: None,
    };
    Observed {
        object,
        record,
        value: Object {
            generation: 1,
            created: 0,
            spec: Ok(spec),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_every_kind_has_been_listed() {
    let (_tenure, gate) = Gate::open_for(Duration::from_mins(1));
    let bench = bench(gate);
    bench.list_most().await;
    bench.quiet().await;
    assert!(bench.mock.paths().is_empty());
    bench.tell(Change::Fallback(Delta::Reset(vec![]))).await;
    bench.written("configmaps/weir-cluster").await;
    bench.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn the_leader_writes_everything_once_and_then_rests() {
    let (_tenure, gate) = Gate::open_for(Duration::from_mins(1));
    let bench = bench(gate);
    bench.list_all().await;
    bench.written("configmaps/weir-cluster").await;
    bench.written("configmaps/weir-ns-a").await;
    bench.written("loadbalancingpolicies/x/status").await;
    bench.quiet().await;
    let mut paths = bench.mock.paths();
    let credentials = paths
        .extract_if(.., |path| path.starts_with("secrets/weir-credentials-"))
        .count();
    let tables = paths
        .extract_if(.., |path| path.starts_with("configmaps/"))
        .count();
    assert_eq!((credentials, tables), (16, 2));
    let (mut statuses, mut events) = (0, 0);
    for path in paths {
        statuses += usize::from(path == "loadbalancingpolicies/x/status");
        events += usize::from(path == "events");
    }
    assert_eq!((statuses, events), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_status_is_written_to_the_version_that_was_judged_and_to_no_other() {
    let (_tenure, gate) = Gate::open_for(Duration::from_mins(1));
    let bench = bench(gate);
    bench.list_all().await;
    bench.written("loadbalancingpolicies/x/status").await;
    let writes = bench.mock.writes();
    let status = writes
        .iter()
        .find(|write| write.path == "loadbalancingpolicies/x/status");
    let metadata = &status.expect("it was written").body["metadata"];
    assert_eq!(
        (&metadata["uid"], &metadata["resourceVersion"]),
        (&json!("u"), &json!("1"))
    );
    bench.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_follower_writes_nothing() {
    let (_tenure, gate) = Gate::open_for(Duration::ZERO);
    let bench = bench(gate);
    bench.list_all().await;
    bench.quiet().await;
    assert!(bench.mock.paths().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_not_listed_yet_is_neither_emptied_nor_in_the_way() {
    let (_tenure, gate) = Gate::open_for(Duration::from_mins(1));
    let watched = ["a".to_owned(), "b".to_owned()];
    let bench = bench_in(
        gate,
        Territory::new("weir-system", &watched, ClusterProviders::Off),
    );
    bench
        .tell(Change::Table(Delta::Reset(vec![published("b"), published("c")])))
        .await;
    bench.tell(Change::Slice(Delta::Reset(vec![]))).await;
    bench.list_in("weir-system", vec![]).await;
    bench.list_in("a", vec![policy()]).await;
    bench.written("configmaps/weir-ns-a").await;
    bench.written("configmaps/weir-ns-c").await;
    bench.quiet().await;
    assert!(!bench.mock.paths().contains(&"configmaps/weir-ns-b".to_owned()));
    bench.list_in("b", vec![]).await;
    bench.written("configmaps/weir-ns-b").await;
}

/// A table that stands in the cluster and holds what no object stands behind.
fn published(namespace: &str) -> ObservedTable {
    let scope = Scope::Namespace(namespace.to_owned());
    let mut table = Table::empty(scope.clone());
    table.providers.insert("p".to_owned(), ProviderEntry::Gone);
    let digest = encode(&table, Format::NEWEST).digest;
    let (uid, form) = ("u".to_owned(), Form::Intact(digest));
    let standing = Standing {
        uid,
        version: 1,
        form,
    };
    ObservedTable {
        scope,
        standing,
        table: Some(table),
        format: Some(Format::NEWEST),
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_can_not_be_written_is_tried_ever_less_often() {
    let (_tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.mock.refuse("configmaps/weir-ns-a");
    bench.list_all().await;
    bench.written("configmaps/weir-cluster").await;
    sleep(Duration::from_mins(2)).await;
    let attempts = bench.mock.refusals();
    assert!((8..16).contains(&attempts), "{attempts} attempts in two minutes");
    bench.mock.relent();
    sleep(Duration::from_secs(20)).await;
    bench.written("configmaps/weir-ns-a").await;
}

#[tokio::test(start_paused = true)]
async fn gathered_credentials_that_can_not_be_written_keep_no_other_table_waiting() {
    let (_tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.mock.refuse("secrets/weir-credentials-3");
    bench.list_all().await;
    bench.written("configmaps/weir-ns-a").await;
    sleep(Duration::from_mins(2)).await;
    let attempts = bench.mock.refusals();
    assert!((8..16).contains(&attempts), "{attempts} attempts in two minutes");
    let tables = || {
        let paths = bench.mock.paths().into_iter();
        paths.filter(|path| path == "configmaps/weir-ns-a").count()
    };
    let before = tables();
    bench.tell(Change::Provider(Delta::Applied(provider()))).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(tables(), before + 1, "a change is not held up");
    bench.mock.relent();
    sleep(Duration::from_secs(20)).await;
    bench.written("secrets/weir-credentials-3").await;
}

#[tokio::test(start_paused = true)]
async fn only_those_gathered_credentials_are_read_again_that_could_not_be_read() {
    let (_tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.mock.be_busy("secrets/weir-credentials-3", 2);
    bench.list_all().await;
    bench.written("configmaps/weir-ns-a").await;
    let reads = bench.mock.reads();
    let of = |shard: char| {
        let path = format!("secrets/weir-credentials-{shard}");
        reads.iter().filter(|read| **read == path).count()
    };
    assert_eq!((of('0'), of('3'), reads.len()), (1, 3, 18));
}

#[tokio::test(start_paused = true)]
async fn what_routers_have_said_counts_in_a_tenure_that_begins_before_they_say_it_again() {
    let (tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.list_all().await;
    bench.tell(Change::Provider(Delta::Applied(provider()))).await;
    bench.quiet().await;
    let told = || bench.mock.reasons("loadbalancingpolicies/x/status", "Programmed");
    assert_eq!(told().last().map(String::as_str), Some("NoRouters"));
    let before = told().len();
    tenure.send_replace(None);
    bench.quiet().await;
    Gate::reopen(&tenure, 2, Duration::from_hours(1));
    let mut changed = policy();
    (
        changed.record.version,
        changed.record.generation,
        changed.value.generation,
    ) = (1_000, 2, 2);
    bench.tell(Change::LoadBalancing(Delta::Applied(changed))).await;
    bench.quiet().await;
    assert_eq!(told()[before..], ["NoRouters"]);
}

/// A Secret whose values are as long as they may be.
fn large_secret(name: &str, created: i64, keys: usize) -> ObservedSecret {
    let values = (0..keys).map(|key| (format!("k{key}"), SecretBytes::new(vec![b'x'; MAX_VALUE])));
    let values: std::collections::BTreeMap<_, _> = values.collect();
    let facts = SecretFacts {
        keys: values
            .keys()
            .map(|key| (key.clone(), KeyHash::of_stored(b"x")))
            .collect(),
        allowed_hosts: None,
    };
    let id = SecretId {
        namespace: "a".into(),
        name: name.into(),
    };
    ObservedSecret {
        id,
        created,
        facts,
        values,
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_brings_too_many_credentials_is_told_and_its_table_goes_out() {
    let (_tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.list_all().await;
    bench.tell(Change::Provider(Delta::Applied(provider()))).await;
    let secret = large_secret("keys", 1, 9);
    bench.tell(Change::Secret(Delta::Applied(secret))).await;
    let target = |key| {
        json!({"name": format!("t{key}"), "model": "absent/model", "weight": 1,
            "credential": {"secretRef": {"name": "keys", "key": format!("k{key}")}}})
    };
    let spec = json!({"targets": (0..9).map(target).collect::<Vec<_>>()});
    let mut changed = policy();
    changed.value.spec = Ok(serde_json::from_value(spec).expect("a well-formed spec"));
    changed.record.version = 2;
    let before = bench.mock.writes().len();
    bench.tell(Change::LoadBalancing(Delta::Applied(changed))).await;
    bench.quiet().await;
    let writes = bench.mock.writes();
    let gathered = writes[before..]
        .iter()
        .filter_map(|write| write.body["data"].as_object());
    let gathered: usize = gathered
        .flat_map(|data| data.keys())
        .filter(|key| key.len() == 40)
        .count();
    assert_eq!(gathered, 7, "as many as there is room for");
    let table = writes
        .iter()
        .rfind(|write| write.path == "configmaps/weir-ns-a")
        .expect("a table");
    let table = table.body["data"]["table.json"].as_str().expect("a document");
    let table: serde_json::Value = serde_json::from_str(table).expect("JSON");
    assert_eq!(
        table["table"]["missing"].as_array().map(Vec::len),
        Some(2),
        "{table}"
    );
    let told = bench
        .mock
        .reasons("loadbalancingpolicies/x/status", "ResolvedRefs");
    assert_eq!(told.last().map(String::as_str), Some("CredentialsFull"));
    let rest = bench.mock.writes().len();
    bench.quiet().await;
    assert_eq!(bench.mock.writes().len(), rest, "and then it rests");
}

/// The provider that [`policy`] names.
fn provider() -> Observed<ProviderSpec> {
    let policy = policy();
    let spec = json!({"dialect": "OpenAI", "baseURL": "https://absent.example/v1"});
    Observed {
        object: ObjectRef {
            kind: ObjectKind::Provider,
            name: "absent".into(),
            ..policy.object
        },
        record: policy.record,
        value: Object {
            generation: 1,
            created: 0,
            spec: Ok(serde_json::from_value(spec).expect("a well-formed spec")),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_says_once_why_its_table_is_not_written_and_when_it_is() {
    let (_tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.mock.refuse("configmaps/weir-ns-a");
    bench.list_all().await;
    bench.tell(Change::Provider(Delta::Applied(provider()))).await;
    let told = || bench.mock.reasons("loadbalancingpolicies/x/status", "Programmed");
    sleep(Duration::from_mins(1)).await;
    assert_eq!(told().last().map(String::as_str), Some("PublishFailed"));
    let before = told().len();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(told().len(), before, "what goes on is not told again");
    bench.mock.relent();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(told()[before..], ["NoRouters"]);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_can_not_be_written_is_tried_ever_less_often() {
    let (_tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.mock.refuse("loadbalancingpolicies/x/status");
    bench.list_all().await;
    sleep(Duration::from_mins(2)).await;
    let attempts = bench.mock.refusals();
    assert!((8..16).contains(&attempts), "{attempts} attempts in two minutes");
    bench.mock.relent();
    sleep(Duration::from_secs(20)).await;
    bench.written("loadbalancingpolicies/x/status").await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_can_not_be_written_is_counted_and_keeps_no_status_waiting() {
    let (_tenure, gate) = Gate::open_for(Duration::from_mins(1));
    let bench = bench(gate);
    bench.mock.refuse("events");
    bench.list_all().await;
    bench.written("loadbalancingpolicies/x/status").await;
    bench.quiet().await;
    let text = bench.metrics.render();
    for line in [
        r#"weir_operator_events_total{result="Invalid"} 1"#,
        r#"weir_operator_status_patches_total{result="Done"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_somebody_else_changes_is_not_fought_over() {
    let (_tenure, gate) = Gate::open_for(Duration::from_hours(1));
    let bench = bench(gate);
    bench.list_all().await;
    bench.written("loadbalancingpolicies/x/status").await;
    let theirs = json!({"observedGeneration": 1, "conditions": []});
    let theirs: PolicyStatus = serde_json::from_value(theirs).expect("a status");
    for version in 1_000..1_060 {
        let mut changed = policy();
        changed.record.version = version;
        changed.record.status = Some(Status::Policy(theirs.clone()));
        bench.tell(Change::LoadBalancing(Delta::Applied(changed))).await;
        sleep(Duration::from_millis(500)).await;
    }
    let paths = bench.mock.paths();
    let written = paths
        .iter()
        .filter(|path| *path == "loadbalancingpolicies/x/status")
        .count();
    assert!((5..=7).contains(&written), "{written} writes in half a minute");
}
