//! What holds for callers' keys whatever the AccessKeys and Secrets of several namespaces are.
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use weir_policy::api::{AccessKeySpec, CallerKey, SecretKeyRef};
use weir_policy::compile::compile;
use weir_policy::holders::KeyHolders;
use weir_policy::snapshot::{Namespace, Object, SecretFacts, Snapshot};
use weir_table::KeyHash;

/// The keys of the one Secret that each namespace has.
const REFERENCES: [&str; 4] = ["k0", "k1", "k2", "gone"];

fn spec() -> impl Strategy<Value = AccessKeySpec> {
    let references = prop::collection::btree_set(prop::sample::select(REFERENCES.to_vec()), 1..4);
    (references, any::<bool>()).prop_map(|(references, suspend)| {
        let key = |key: &str| CallerKey {
            secret_ref: SecretKeyRef {
                name: "s".to_owned(),
                key: key.to_owned(),
            },
            expires_at: None,
        };
        AccessKeySpec {
            keys: references.into_iter().map(key).collect(),
            expires_at: None,
            policies: None,
            models: Vec::new(),
            suspend,
        }
    })
}

/// Few values, so that keys often meet.
fn secret() -> impl Strategy<Value = SecretFacts> {
    prop::collection::vec(0..6_u8, 3).prop_map(|values| SecretFacts {
        keys: REFERENCES
            .iter()
            .zip(values)
            .map(|(key, value)| ((*key).to_owned(), Ok(KeyHash::of(&[value]))))
            .collect(),
        allowed_hosts: None,
    })
}

fn namespace() -> impl Strategy<Value = Namespace> {
    let access_keys = prop::collection::btree_map("[a-c]", spec(), 0..4);
    (access_keys, secret()).prop_map(|(access_keys, secret)| Namespace {
        access_keys: access_keys
            .into_iter()
            .map(|(name, spec)| (name, object(spec)))
            .collect(),
        secrets: [("s".to_owned(), secret)].into(),
        ..Namespace::default()
    })
}

fn object(spec: AccessKeySpec) -> Arc<Object<AccessKeySpec>> {
    Arc::new(Object {
        generation: 1,
        created: 0,
        spec: Ok(spec),
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    prop::collection::btree_map("[x-z]", namespace(), 0..4).prop_map(|namespaces| Snapshot {
        namespaces,
        ..Snapshot::default()
    })
}

/// Who holds each key, suspended or not: read off the objects in the plainest way.
fn holders(snapshot: &Snapshot) -> BTreeMap<KeyHash, BTreeSet<(String, String)>> {
    let mut holders: BTreeMap<KeyHash, BTreeSet<(String, String)>> = BTreeMap::new();
    for (namespace, objects) in &snapshot.namespaces {
        for (name, object) in &objects.access_keys {
            for key in &object.spec.as_ref().unwrap().keys {
                if let Some(Ok(hash)) = objects.secrets["s"].keys.get(&key.secret_ref.key) {
                    holders
                        .entry(*hash)
                        .or_default()
                        .insert((namespace.clone(), name.clone()));
                }
            }
        }
    }
    holders
}

proptest! {
    #[test]
    fn a_key_is_taken_for_its_only_holder_and_for_nobody_else(snapshot in snapshot()) {
        let mut taken = BTreeMap::new();
        for compiled in compile(&snapshot, &BTreeMap::new()).into_values() {
            for (name, caller) in compiled.table.unwrap().into_inner().access_keys {
                for key in caller.keys.into_keys() {
                    prop_assert!(taken.insert(key, name.clone()).is_none(), "taken for two");
                }
            }
        }
        let suspended = |(namespace, name): &(String, String)| {
            snapshot.namespaces[namespace].access_keys[name].spec.as_ref().unwrap().suspend
        };
        let expected = holders(&snapshot).into_iter().filter_map(|(key, holders)| {
            let only = holders.iter().next().filter(|only| holders.len() == 1 && !suspended(only))?;
            Some((key, only.1.clone()))
        });
        prop_assert_eq!(taken, expected.collect::<BTreeMap<_, _>>());
    }

    #[test]
    fn holders_are_the_same_whether_found_at_once_or_change_by_change(
        before in snapshot(), after in snapshot()
    ) {
        let mut followed = KeyHolders::of(&before);
        for namespace in before.namespaces.keys().chain(after.namespaces.keys()) {
            followed.refresh(&after, namespace);
        }
        prop_assert_eq!(followed, KeyHolders::of(&after));
    }

    #[test]
    fn a_namespace_that_is_not_said_to_be_touched_compiles_to_the_same(
        before in snapshot(), changed in namespace()
    ) {
        let mut holders = KeyHolders::of(&before);
        let mut after = before.clone();
        after.namespaces.insert("x".to_owned(), changed);
        let touched = holders.refresh(&after, "x");
        let (before, after) = (compile(&before, &BTreeMap::new()), compile(&after, &BTreeMap::new()));
        for (scope, compiled) in &before {
            if let weir_table::Scope::Namespace(namespace) = scope
                && namespace != "x" && !touched.contains(namespace)
            {
                prop_assert_eq!(&compiled.verdicts, &after[scope].verdicts);
                prop_assert_eq!(&compiled.table, &after[scope].table);
            }
        }
    }
}
