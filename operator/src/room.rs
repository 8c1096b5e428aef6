//! Who gets how much room in the gathered Secrets. Pure.
//!
//! All namespaces share sixteen Secrets, and the API server takes none beyond a mebibyte. So each namespace has
//! its limit, and each Secret has one: whoever asks for more is refused, and nobody else waits for it.

use std::collections::{BTreeMap, BTreeSet};

use weir_table::CredentialId;

/// What a namespace's values may take, in bytes, [`OVERHEAD`] included: some five hundred ordinary keys. Weir's
/// own namespace, whose values serve all, has no such limit.
pub const NAMESPACE_ROOM: usize = 128 * 1024;
/// What the values of one gathered Secret may take, in bytes, [`OVERHEAD`] included: what an API server takes at
/// most (`MaxSecretSize` in Kubernetes), less the names.
pub const SHARD_ROOM: usize = 1024 * 1024;
/// What a value takes besides itself, in bytes: its name, twice, because the API server keeps a list of who has
/// written what.
const OVERHEAD: usize = 128;

/// One value that somebody wants to be gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The credential.
    pub id: CredentialId,
    /// The namespace of its Secret.
    pub namespace: String,
    /// The name of its Secret.
    pub name: String,
    /// When its Secret was created, in seconds since 1970.
    pub created: i64,
    /// The length of the value.
    pub bytes: usize,
}

/// What a value of so many bytes takes.
pub fn cost(bytes: usize) -> usize {
    bytes.saturating_add(OVERHEAD)
}

/// The credentials for which there is no room. Weir's own namespace comes first, then the oldest Secrets, then the
/// lesser names; so a newcomer takes nothing from those who were there before.
pub fn withheld(mut demands: Vec<Demand>, system_namespace: &str) -> BTreeSet<CredentialId> {
    demands.sort_by(|a, b| {
        let rank = |demand: &Demand| (demand.namespace != system_namespace, demand.created);
        let names = (&a.namespace, &a.name, &a.id).cmp(&(&b.namespace, &b.name, &b.id));
        rank(a).cmp(&rank(b)).then(names)
    });
    let mut taken = Taken::default();
    let refused = demands.into_iter().filter(|demand| {
        let limit = if demand.namespace == system_namespace {
            usize::MAX
        } else {
            NAMESPACE_ROOM
        };
        !taken.admit(demand, limit)
    });
    refused.map(|demand| demand.id).collect()
}

/// What is taken so far.
#[derive(Debug, Default)]
struct Taken {
    namespaces: BTreeMap<String, usize>,
    shards: BTreeMap<char, usize>,
}

impl Taken {
    fn admit(&mut self, demand: &Demand, limit: usize) -> bool {
        let cost = cost(demand.bytes);
        let of_namespace = self.namespaces.entry(demand.namespace.clone()).or_default();
        let of_shard = self.shards.entry(demand.id.shard()).or_default();
        let fits = *of_namespace + cost <= limit && *of_shard + cost <= SHARD_ROOM;
        if fits {
            *of_namespace += cost;
            *of_shard += cost;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};
    use weir_table::CredentialId;

    use super::{Demand, NAMESPACE_ROOM, SHARD_ROOM, cost, withheld};
    use crate::observe::MAX_VALUE;

    fn demand(namespace: &str, key: usize, created: i64, bytes: usize) -> Demand {
        Demand {
            id: CredentialId::of_secret_key(namespace, "keys", &key.to_string()),
            namespace: namespace.to_owned(),
            name: "keys".to_owned(),
            created,
            bytes,
        }
    }

    /// So many values of a namespace that all lie in shard `0`.
    fn in_one_shard(namespace: &str, created: i64, count: usize) -> Vec<Demand> {
        let all = (0..).map(|key| demand(namespace, key, created, MAX_VALUE));
        all.filter(|demand| demand.id.shard() == '0')
            .take(count)
            .collect()
    }

    #[test]
    fn a_namespace_that_wants_too_much_is_refused_and_nobody_else() {
        let mut demands = in_one_shard("greedy", 1, 64);
        let modest = demand("modest", 0, 2, 100);
        demands.push(modest.clone());
        let refused = withheld(demands, "weir-system");
        assert_eq!(refused.len(), 64 - NAMESPACE_ROOM / cost(MAX_VALUE));
        assert!(!refused.contains(&modest.id));
    }

    #[test]
    fn what_came_last_is_refused_even_if_its_name_is_the_least() {
        let mut demands: Vec<Demand> = ('b'..='k')
            .flat_map(|name| in_one_shard(&name.to_string(), 1, 7))
            .collect();
        demands.extend(in_one_shard("a", 2, 1));
        let refused = withheld(demands.clone(), "weir-system");
        assert!(refused.contains(&demands[70].id), "the newest");
        assert!(!refused.contains(&demands[0].id), "the oldest");
    }

    #[test]
    fn weirs_own_namespace_comes_first_and_has_no_limit_of_its_own() {
        let mut demands = in_one_shard("old", 1, 7);
        let own = in_one_shard("weir-system", 2, 63);
        demands.extend(own.clone());
        let refused = withheld(demands, "weir-system");
        assert!(own.iter().all(|demand| !refused.contains(&demand.id)));
        assert_eq!(refused.len(), 7);
    }

    fn demands() -> impl Strategy<Value = Vec<Demand>> {
        let one = (
            0..40_usize,
            0..4_i64,
            prop::sample::select(vec![1, 100, 4_000, MAX_VALUE]),
        );
        let one = one.prop_map(|(namespace, created, bytes)| (format!("n{namespace}"), created, bytes));
        prop::collection::vec(one, 0..1_500).prop_map(|all| {
            let numbered = all.into_iter().enumerate();
            numbered
                .map(|(key, (namespace, created, bytes))| demand(&namespace, key, created, bytes))
                .collect()
        })
    }

    fn sums<K: Ord>(granted: &[&Demand], key: impl Fn(&Demand) -> K) -> BTreeMap<K, usize> {
        let mut sums = BTreeMap::new();
        for demand in granted {
            *sums.entry(key(demand)).or_default() += cost(demand.bytes);
        }
        sums
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

        #[test]
        fn no_limit_is_exceeded_whoever_wants_what(demands in demands()) {
            let refused = withheld(demands.clone(), "n0");
            let granted: Vec<&Demand> = demands.iter().filter(|demand| !refused.contains(&demand.id)).collect();
            let mut namespaces = sums(&granted, |demand| demand.namespace.clone());
            namespaces.remove("n0");
            prop_assert!(namespaces.values().all(|sum| *sum <= NAMESPACE_ROOM));
            let shards = sums(&granted, |demand| demand.id.shard());
            prop_assert!(shards.values().all(|sum| *sum <= SHARD_ROOM));
        }

        #[test]
        fn the_order_in_which_they_are_told_does_not_matter(demands in demands()) {
            let mut reversed = demands.clone();
            reversed.reverse();
            prop_assert_eq!(withheld(demands, "n0"), withheld(reversed, "n0"));
        }

        #[test]
        fn who_stays_within_all_limits_is_never_refused_for_a_newcomer(demands in demands()) {
            let refused_before = withheld(demands.clone(), "weir-system");
            let newcomers = (0..80).map(|key| demand("newcomer", key, 9, MAX_VALUE));
            let refused = withheld(demands.iter().cloned().chain(newcomers).collect(), "weir-system");
            let before: BTreeSet<_> = demands.iter().map(|demand| &demand.id).collect();
            let of_before: BTreeSet<_> = refused.into_iter().filter(|id| before.contains(id)).collect();
            prop_assert_eq!(of_before, refused_before);
        }
    }
}
