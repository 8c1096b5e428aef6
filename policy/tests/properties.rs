//! What holds for the compiler whatever the objects are.
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use weir_policy::api::{
    ClusterProviderSpec, DialectName, FallbackPolicySpec, FallbackTarget, LoadBalancingPolicySpec,
    ProviderSpec, WeightedTarget,
};
use weir_policy::compile::compile_namespace;
use weir_policy::holders::KeyHolders;
use weir_policy::snapshot::{Namespace, Object, Snapshot};
use weir_policy::verdict::Serving;
use weir_table::Table;

fn provider(base_url: &str) -> Arc<Object<ClusterProviderSpec>> {
    let provider = ProviderSpec {
        dialect: DialectName::OpenAI,
        base_url: base_url.to_owned(),
        api_version: None,
        lacks: Vec::new(),
        credential: None,
        region: None,
        catalogue: None,
        ca_bundle: None,
        timeouts: None,
        connections: None,
        passthrough_paths: Vec::new(),
        models: Vec::new(),
    };
    object(ClusterProviderSpec {
        provider,
        allowed_namespaces: None,
    })
}

fn object<S>(spec: S) -> Arc<Object<S>> {
    Arc::new(Object {
        generation: 1,
        created: 0,
        spec: Ok(spec),
    })
}

/// Names from a small set, so that references often meet, and sometimes do not.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d", "e", "f", "nowhere", "policy/a", "Ä"])
        .prop_map(str::to_owned)
}

fn model() -> impl Strategy<Value = String> {
    let models = [
        "openai/gpt-4o",
        "openai/o1",
        "openai/text-embedding-3-small",
        "openai/unheard-of",
        "gone/x",
        "x",
        "/",
    ];
    prop::sample::select(models.to_vec()).prop_map(str::to_owned)
}

fn destination() -> impl Strategy<Value = (Option<String>, Option<String>)> {
    prop_oneof![
        6 => model().prop_map(|model| (Some(model), None)),
        4 => name().prop_map(|name| (None, Some(name))),
        1 => Just((None, None)),
        1 => (model(), name()).prop_map(|(model, name)| (Some(model), Some(name))),
    ]
}

fn weight() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![8 => (0.0..100.0_f64).prop_map(Some), 1 => Just(None), 1 => any::<f64>().prop_map(Some)]
}

fn split() -> impl Strategy<Value = LoadBalancingPolicySpec> {
    let target = (destination(), weight()).prop_map(|((model, policy), weight)| WeightedTarget {
        name: None,
        model,
        policy,
        weight,
        credential: None,
    });
    let salt = prop::option::of(prop::sample::select(vec!["s", "t"]).prop_map(str::to_owned));
    (prop::collection::vec(target, 0..5), salt).prop_map(|(targets, salt)| LoadBalancingPolicySpec {
        targets,
        salt,
        key_from: Vec::new(),
        kind: None,
        expose_to: Vec::new(),
    })
}

fn chain() -> impl Strategy<Value = FallbackPolicySpec> {
    let target =
        (destination(), prop::option::of(-1..12_i32)).prop_map(|((model, policy), retries)| FallbackTarget {
            model,
            policy,
            retries,
            credential: None,
            first_token_timeout_seconds: None,
            timeout_seconds: None,
        });
    prop::collection::vec(target, 0..5).prop_map(|targets| FallbackPolicySpec {
        targets,
        on: None,
        backoff: None,
        deadline_seconds: None,
        kind: None,
        expose_to: Vec::new(),
    })
}

fn objects() -> impl Strategy<Value = Namespace> {
    let splits = prop::collection::btree_map(name(), split().prop_map(object), 0..5);
    let chains = prop::collection::btree_map(name(), chain().prop_map(object), 0..5);
    (splits, chains).prop_map(|(load_balancing, fallback)| Namespace {
        load_balancing,
        fallback,
        ..Namespace::default()
    })
}

fn snapshot(objects: Namespace) -> Snapshot {
    Snapshot {
        system_namespace: "weir-system".to_owned(),
        cluster_providers: [("openai".to_owned(), provider("https://api.openai.com/v1"))].into(),
        namespaces: [("default".to_owned(), objects)].into(),
        ..Snapshot::default()
    }
}

fn compile(objects: &Namespace, published: Option<&Table>) -> (Table, BTreeMap<String, Serving>) {
    let compiled = compile_namespace(
        &snapshot(objects.clone()),
        &KeyHolders::default(),
        "default",
        published,
    );
    let served = compiled.verdicts.iter().map(|verdict| {
        let policy = verdict.policy.as_ref().unwrap();
        (
            format!("{} {}", verdict.object.kind, verdict.object.name),
            policy.serving.clone(),
        )
    });
    let served = served.collect();
    (compiled.table.unwrap().into_inner(), served)
}

proptest! {
    #[test]
    fn every_snapshot_compiles_to_a_table_that_holds_and_a_verdict_for_each_object(objects in objects()) {
        let (table, verdicts) = compile(&objects, None);
        prop_assert_eq!(verdicts.len(), objects.load_balancing.len() + objects.fallback.len());
        let served: BTreeSet<&str> =
            verdicts.iter().filter(|(_, serving)| serving.digest().is_some()).map(|(name, _)| name.rsplit(' ').next().unwrap()).collect();
        prop_assert_eq!(served, table.policies.keys().map(String::as_str).collect::<BTreeSet<_>>());
    }

    #[test]
    fn compiling_against_its_own_table_changes_nothing(objects in objects()) {
        let (table, verdicts) = compile(&objects, None);
        prop_assert_eq!(compile(&objects, Some(&table)), (table, verdicts));
    }

    #[test]
    fn whatever_came_before_something_good_that_stays_is_served(before in objects(), objects in objects()) {
        let (published, _) = compile(&before, None);
        let (fresh, _) = compile(&objects, None);
        let (table, verdicts) = compile(&objects, Some(&published));
        for name in fresh.policies.keys() {
            prop_assert!(table.policies.contains_key(name), "{name} is served fresh, and not after a change");
        }
        for (name, serving) in &verdicts {
            if let Serving::LastGood(_) = serving {
                let name = name.rsplit(' ').next().unwrap();
                prop_assert_eq!(&table.policies[name], &published.policies[name]);
            }
        }
    }

    #[test]
    fn a_policy_that_nobody_names_harms_nobody(objects in objects(), stray in split()) {
        let (before, _) = compile(&objects, None);
        let mut more = objects.clone();
        more.load_balancing.insert("stray".to_owned(), object(stray));
        let (mut after, _) = compile(&more, None);
        after.policies.remove("stray");
        prop_assert_eq!(after.policies, before.policies);
    }
}
