use super::{Violation, check};
use crate::access::{AccessKey, Allowed, KeyHash, Validity};
use crate::base_url::BaseUrl;
use crate::credential::Credential;
use crate::model::{
    Backoff, Chain, Connections, Dialect, DirectModel, Model, ModelKind, Node, Owner, Policy, Provider,
    ProviderEntry, Rung, Scope, Split, SplitTarget, Table, Timeouts,
};
use crate::price::Prices;

fn provider(base_url: &str) -> ProviderEntry {
    ProviderEntry::Live(Box::new(Provider {
        owner: Owner::Cluster,
        dialect: Dialect::OpenAI,
        base_url: BaseUrl::parse(base_url).unwrap(),
        api_version: None,
        lacks: [].into(),
        region: None,
        credential: Credential::Anonymous,
        ca_bundle: None,
        timeouts: Timeouts::default(),
        connections: Connections::default(),
        passthrough_paths: Vec::new(),
        allowed_namespaces: None,
        models: [].into(),
    }))
}

fn leaf() -> Node {
    priced_leaf(Prices::default())
}

fn direct_model(prices: Prices) -> DirectModel {
    DirectModel {
        kind: ModelKind::Chat,
        upstream: [].into(),
        reasoning: false,
        prices,
    }
}

fn priced_leaf(prices: Prices) -> Node {
    Node::from(Model {
        model: "openai/m".to_owned(),
        provider: "openai".to_owned(),
        upstream: "m".to_owned(),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices,
    })
}

fn split(policy: &str, salt: &str, targets: Vec<(&str, f64, Node)>) -> Node {
    let targets = targets
        .into_iter()
        .map(|(name, weight, node)| SplitTarget::new(name.to_owned(), weight, node));
    Node::from(Split::new(
        policy.to_owned(),
        salt.to_owned(),
        Vec::new(),
        targets.collect(),
    ))
}

fn chain(policy: &str, rungs: Vec<(u8, Node)>) -> Node {
    let rungs = rungs.into_iter().map(|(retries, node)| Rung {
        retries,
        timeouts: Timeouts::default(),
        node,
    });
    Node::from(Chain {
        policy: policy.to_owned(),
        on: None,
        backoff: Backoff::DEFAULT,
        deadline_ms: None,
        rungs: rungs.collect(),
    })
}

fn table(root: Node) -> Table {
    let policy = Policy {
        kind: ModelKind::Chat,
        expose_to: [].into(),
        root,
    };
    Table {
        scope: Scope::Namespace("default".to_owned()),
        policies: [("p".to_owned(), policy)].into(),
        providers: [("openai".to_owned(), provider("https://api.openai.com/v1"))].into(),
        missing: [].into(),
        access_keys: [].into(),
    }
}

fn violations(table: Table) -> Vec<String> {
    check(table)
        .err()
        .unwrap_or_default()
        .iter()
        .map(Violation::to_string)
        .collect()
}

#[test]
fn a_proper_table_passes() {
    let inner = chain("inner", vec![(2, leaf()), (0, leaf())]);
    let root = split(
        "p",
        "a",
        vec![
            ("x", 80.0, leaf()),
            ("y", 0.0, leaf()),
            ("policy/inner", 20.0, inner),
        ],
    );
    assert_eq!(violations(table(root)), [""; 0]);
}

#[test]
fn weights_that_are_no_weights_are_refused() {
    for weight in [-1.0, f64::NAN, f64::INFINITY, 1e-7, 1e10] {
        let found = violations(table(split(
            "p",
            "s",
            vec![("a", weight, leaf()), ("b", 1.0, leaf())],
        )));
        assert_eq!(
            found,
            ["policies.p.targets[0]: a weight must be 0 or from 1e-6 to 1e9"],
            "{weight}"
        );
    }
}

#[test]
fn all_weights_zero_is_refused() {
    let found = violations(table(split("p", "s", vec![("a", 0.0, leaf())])));
    assert_eq!(found, ["policies.p: at least one weight must be above 0"]);
}

#[test]
fn a_salt_used_on_two_levels_is_refused_and_on_two_branches_is_not() {
    let inner = || split("q", "same", vec![("a", 1.0, leaf())]);
    let found = violations(table(split("p", "same", vec![("q", 1.0, inner())])));
    assert_eq!(
        found,
        ["policies.p.targets[0]: two levels of one tree must not have the same salt"]
    );
    let found = violations(table(chain("p", vec![(0, inner()), (0, inner())])));
    assert_eq!(found, [""; 0]);
}

#[test]
fn eight_levels_pass_and_nine_do_not() {
    let nest = |levels: usize| {
        (1..levels).rev().fold(
            chain(if levels == 1 { "p" } else { "n" }, vec![(0, leaf())]),
            |node, level| chain(if level == 1 { "p" } else { "n" }, vec![(0, node)]),
        )
    };
    assert_eq!(violations(table(nest(8))), [""; 0]);
    assert!(
        violations(table(nest(9)))
            .iter()
            .any(|v| v.ends_with("policies must not nest deeper than 8"))
    );
}

#[test]
fn more_than_256_models_are_refused() {
    let full = || chain("n", vec![(0, leaf()); 64]);
    assert_eq!(violations(table(chain("p", vec![(0, full()); 4]))), [""; 0]);
    assert_eq!(
        violations(table(chain("p", vec![(0, full()); 5]))),
        ["policies.p: a policy must reach 1 to 256 models"]
    );
}

#[test]
fn retries_beside_a_policy_and_beyond_ten_are_refused() {
    let inner = chain("inner", vec![(0, leaf())]);
    let found = violations(table(chain("p", vec![(1, inner), (11, leaf())])));
    assert_eq!(
        found,
        [
            "policies.p.targets[0]: a policy inside a chain runs once: retries must be 0",
            "policies.p.targets[1]: retries must be 0 to 10",
        ]
    );
}

#[test]
fn a_model_whose_provider_is_not_there_is_refused_and_one_whose_provider_is_gone_is_not() {
    let mut lacking = table(chain("p", vec![(0, leaf())]));
    lacking.providers.clear();
    assert_eq!(
        violations(lacking),
        ["policies.p.targets[0]: a model's provider must be in the table"]
    );
    let mut gone = table(chain("p", vec![(0, leaf())]));
    gone.providers.insert("openai".to_owned(), ProviderEntry::Gone);
    assert_eq!(violations(gone), [""; 0]);
}

#[test]
fn prices_that_are_no_prices_are_refused() {
    for price in [-0.01, f64::NAN, f64::INFINITY] {
        let prices = Prices {
            cache_write: Some(price),
            ..Prices::default()
        };
        let mut refused = table(chain("p", vec![(0, priced_leaf(prices))]));
        let mut direct = provider("https://api.openai.com/v1");
        if let ProviderEntry::Live(provider) = &mut direct {
            provider.models.insert("m".to_owned(), direct_model(prices));
        }
        refused.providers.insert("openai".to_owned(), direct);
        assert_eq!(
            violations(refused),
            [
                "providers.openai.models.m: a price must be a finite number, 0 or more",
                "policies.p.targets[0]: a price must be a finite number, 0 or more",
            ],
            "{price}"
        );
    }
}

#[test]
fn every_violation_is_found_in_one_go() {
    let root = split("other", "s", vec![("a", -1.0, leaf()), ("a", 0.0, leaf())]);
    assert_eq!(violations(table(root)).len(), 4);
}

#[test]
fn a_key_of_two_callers_is_refused() {
    let holder = |keys: &[&[u8]]| AccessKey {
        keys: keys
            .iter()
            .map(|key| (KeyHash::of(key), Validity::default()))
            .collect(),
        policies: Allowed::All,
        models: Allowed::default(),
    };
    let mut table = table(chain("p", vec![(0, leaf())]));
    table.access_keys = [("a", holder(&[b"1", b"2"])), ("b", holder(&[b"3"]))]
        .map(|(name, holder)| (name.to_owned(), holder))
        .into();
    assert_eq!(violations(table.clone()), [""; 0]);
    table.access_keys.insert("c".to_owned(), holder(&[b"4", b"2"]));
    assert_eq!(
        violations(table.clone()),
        ["accessKeys.c: a key must belong to one caller only"]
    );
    table.access_keys.remove("c");
    let nine: Vec<[u8; 1]> = (10..19).map(|n| [n]).collect();
    let nine: Vec<&[u8]> = nine.iter().map(<[u8; 1]>::as_slice).collect();
    table.access_keys.insert("d".to_owned(), holder(&nine));
    assert_eq!(
        violations(table),
        ["accessKeys.d: a caller must have at most 8 keys"]
    );
}

#[test]
fn a_caller_of_no_namespace_is_refused() {
    let mut cluster = Table::empty(Scope::Cluster);
    assert_eq!(violations(cluster.clone()), [""; 0]);
    let nobody = AccessKey {
        keys: [].into(),
        policies: Allowed::default(),
        models: Allowed::default(),
    };
    cluster.access_keys = [("x".to_owned(), nobody)].into();
    assert_eq!(
        violations(cluster),
        ["accessKeys: a caller must belong to a namespace"]
    );
}
