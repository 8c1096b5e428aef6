//! A namespace whose credentials do not all fit into the gathered Secrets.
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use weir_policy::compile::{Compiled, compile_cluster, compile_namespace};
use weir_policy::document::{Source, read};
use weir_policy::holders::KeyHolders;
use weir_policy::snapshot::Snapshot;
use weir_policy::verdict::{Rollout, Serving};
use weir_table::CredentialId;

const OBJECTS: &str = r"
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: default}
stringData: {own: x, other: y}
---
apiVersion: v1
kind: Secret
metadata: {name: managed, namespace: weir-system}
stringData: {key: z}
---
apiVersion: weir.dev/v1alpha1
kind: ClusterProvider
metadata: {name: openai}
spec: {dialect: OpenAI, baseURL: https://api.openai.com/v1, credential: {secretRef: {name: managed, key: key}}}
---
apiVersion: weir.dev/v1alpha1
kind: FallbackPolicy
metadata: {name: p, namespace: default}
spec:
  targets:
  - {model: openai/gpt-4o, credential: {secretRef: {name: keys, key: own}}}
  - {model: openai/gpt-4o, credential: {secretRef: {name: keys, key: other}}}
  - {model: openai/gpt-4o}
";

fn snapshot(withheld: &[&CredentialId]) -> Snapshot {
    let source = Source {
        name: "test",
        text: OBJECTS,
    };
    let documents = read(&[source], "weir-system");
    assert!(documents.problems.is_empty(), "{:?}", documents.problems);
    Snapshot {
        withheld: withheld.iter().map(|id| (*id).clone()).collect(),
        ..documents.snapshot
    }
}

fn compiled(snapshot: &Snapshot) -> Compiled {
    compile_namespace(snapshot, &KeyHolders::default(), "default", None)
}

fn resolved(compiled: &Compiled, at: usize) -> (String, String) {
    let conditions = compiled.verdicts[at].conditions(&Rollout::Done);
    let found = conditions
        .into_iter()
        .find(|condition| condition.kind == "ResolvedRefs")
        .unwrap();
    (found.reason.to_string(), found.message.clone())
}

#[test]
fn a_key_without_room_fails_its_target_and_leaves_the_others_alone() {
    let own = CredentialId::of_secret_key("default", "keys", "own");
    let compiled = compiled(&snapshot(&[&own]));
    let (reason, message) = resolved(&compiled, 0);
    assert_eq!(reason, "CredentialsFull");
    assert!(
        message.contains("spec.targets[0].credential.secretRef"),
        "{message}"
    );
    assert!(message.contains("Secret default/keys"), "{message}");
    let verdict = compiled.verdicts[0].policy.as_ref().unwrap();
    assert!(matches!(verdict.serving, Serving::Current(_)));
    let table = compiled.table.unwrap().into_inner();
    assert_eq!(table.missing, [own.clone()].into());
    assert_eq!(table.credentials().len(), 2);
}

#[test]
fn what_is_asked_for_does_not_depend_on_what_there_is_room_for() {
    let own = CredentialId::of_secret_key("default", "keys", "own");
    let managed = CredentialId::of_secret_key("weir-system", "managed", "key");
    let asked = |withheld: &[&CredentialId]| compiled(&snapshot(withheld)).credentials;
    assert_eq!(asked(&[]).len(), 3);
    assert_eq!(asked(&[]), asked(&[&own]));
    assert_eq!(asked(&[]), asked(&[&own, &managed]));
}

#[test]
fn a_provider_without_room_for_its_key_says_so_and_its_targets_fail() {
    let managed = CredentialId::of_secret_key("weir-system", "managed", "key");
    let snapshot = snapshot(&[&managed]);
    let cluster = compile_cluster(&snapshot);
    assert_eq!(resolved(&cluster, 0).0, "CredentialsFull");
    assert_eq!(
        cluster.table.unwrap().into_inner().missing,
        [managed.clone()].into()
    );
    let namespace = compiled(&snapshot);
    assert_eq!(resolved(&namespace, 0).0, "ProviderNotReady");
    assert_eq!(namespace.table.unwrap().into_inner().missing, [managed].into());
}
