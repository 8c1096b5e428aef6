//! A namespace whose policies do not fit into one table.
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::sync::Arc;

use weir_policy::api::{LoadBalancingPolicySpec, WeightedTarget};
use weir_policy::compile::compile_namespace;
use weir_policy::holders::KeyHolders;
use weir_policy::problem::Cause;
use weir_policy::snapshot::{Checking, Follow, Namespace, Object, Snapshot};
use weir_policy::verdict::{Rollout, STALLED, Serving, Verdict};
use weir_table::codec::{encode, store};

/// Enough text without pattern that a megabyte of it stays one: sixty letters from a linear congruence.
fn noise(seed: u64) -> String {
    let mut state = seed;
    let letter = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
    };
    (0..60).map(letter).collect()
}

fn policy(at: u64) -> Arc<Object<LoadBalancingPolicySpec>> {
    let target = |n: u64| WeightedTarget {
        name: Some(noise(at * 64 + n)),
        model: Some("openai/gpt-4o".to_owned()),
        policy: None,
        weight: Some(1.0),
        credential: None,
    };
    let spec = LoadBalancingPolicySpec {
        targets: (0..64).map(target).collect(),
        salt: None,
        key_from: Vec::new(),
        kind: None,
        expose_to: Vec::new(),
    };
    // The later in the alphabet, the older: age decides, not the name.
    Arc::new(Object {
        generation: 1,
        created: 10_000 - i64::try_from(at).unwrap(),
        spec: Ok(spec),
    })
}

fn is_served(verdict: &Verdict) -> bool {
    matches!(verdict.policy.as_ref().unwrap().serving, Serving::Current(_))
}

#[test]
fn the_newest_policies_of_a_full_table_are_refused_and_the_rest_is_served() {
    let load_balancing = (0..600).map(|at| (format!("p{at:03}"), policy(at))).collect();
    let snapshot = Snapshot {
        namespaces: [(
            "default".to_owned(),
            Namespace {
                load_balancing,
                ..Namespace::default()
            },
        )]
        .into(),
        checking: Checking {
            providers: Follow::OnTrust,
            secrets: Follow::OnTrust,
        },
        ..Snapshot::default()
    };
    let compiled = compile_namespace(&snapshot, &KeyHolders::default(), "default", None);
    let table = compiled.table.unwrap();
    assert!(
        store(&encode(table.table(), weir_table::Format::OLDEST).json).is_some(),
        "what is published fits"
    );
    let served = compiled
        .verdicts
        .iter()
        .filter(|verdict| is_served(verdict))
        .count();
    assert!((300..600).contains(&served), "{served} of 600 fit");
    let (refused, kept) = compiled.verdicts.split_at(600 - served);
    assert!(kept.iter().all(is_served), "the older ones are served");
    for verdict in refused {
        assert_eq!(verdict.problems[0].cause, Cause::TableFull);
        let stalled = verdict
            .conditions(&Rollout::Done)
            .iter()
            .any(|condition| condition.kind == STALLED);
        assert!(!stalled, "room may come: another policy can be deleted");
    }
}
