//! Tables for tests, as the operator would have compiled them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use weir_table::check::check;
use weir_table::{
    Backoff, BaseUrl, Chain, Checked, Connections, Credential, CredentialId, Dialect, Model, ModelKind, Node,
    Owner, Policy, Prices, Provider, ProviderEntry, Rung, Scope, Split, SplitTarget, Table, Timeouts,
};

/// The credential that every provider here has.
pub(crate) fn credential() -> CredentialId {
    CredentialId::of_secret_key("default", "provider", "key")
}

/// A provider at `addr`.
pub(crate) fn provider(addr: SocketAddr) -> Provider {
    Provider {
        owner: Owner::Namespace,
        dialect: Dialect::OpenAI,
        base_url: BaseUrl::parse(&format!("http://{addr}/base/v1")).unwrap(),
        api_version: None,
        lacks: [].into(),
        region: None,
        credential: Credential::Named(credential()),
        ca_bundle: None,
        timeouts: Timeouts::default(),
        connections: Connections::default(),
        passthrough_paths: Vec::new(),
        allowed_namespaces: None,
        models: BTreeMap::new(),
    }
}

/// The model `name` of `provider`, which the provider calls `real-<name>`.
pub(crate) fn model(provider: &str, name: &str) -> Node {
    Node::from(Model {
        model: format!("{provider}/{name}"),
        provider: provider.to_owned(),
        upstream: format!("real-{name}"),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    })
}

/// A load-balancing policy.
pub(crate) fn split(name: &str, targets: Vec<(&str, f64, Node)>) -> Node {
    let targets = targets
        .into_iter()
        .map(|(name, weight, node)| SplitTarget::new(name.to_owned(), weight, node));
    Node::from(Split::new(
        name.to_owned(),
        format!("default/{name}"),
        Vec::new(),
        targets.collect(),
    ))
}

/// A rung with so many retries.
pub(crate) fn rung(node: Node, retries: u8) -> Rung {
    Rung {
        retries,
        timeouts: Timeouts::default(),
        node,
    }
}

/// A fallback policy whose waits are short.
pub(crate) fn chain(name: &str, rungs: Vec<Rung>) -> Node {
    let backoff = Backoff {
        initial_ms: 1,
        max_ms: 4,
        max_retry_after_ms: 5_000,
    };
    Node::from(Chain {
        policy: name.to_owned(),
        on: None,
        backoff,
        deadline_ms: None,
        rungs,
    })
}

/// The table of namespace `default`.
pub(crate) fn table(providers: Vec<(&str, Provider)>, policies: Vec<Node>) -> Table {
    let policy = |root: Node| {
        let name = root.policy_name().unwrap().to_owned();
        (
            name,
            Policy {
                kind: ModelKind::Chat,
                expose_to: BTreeSet::new(),
                root,
            },
        )
    };
    Table {
        policies: policies.into_iter().map(policy).collect(),
        providers: providers
            .into_iter()
            .map(|(name, provider)| (name.to_owned(), ProviderEntry::Live(Box::new(provider))))
            .collect(),
        ..Table::empty(Scope::Namespace("default".to_owned()))
    }
}

/// `table` and an empty table of the cluster, checked.
pub(crate) fn with_cluster(table: Table) -> Vec<Checked> {
    beside(table, Table::empty(Scope::Cluster))
}

/// Both tables, checked.
pub(crate) fn beside(table: Table, cluster: Table) -> Vec<Checked> {
    vec![check(table).unwrap(), check(cluster).unwrap()]
}
