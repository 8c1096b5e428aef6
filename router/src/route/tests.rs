//! Which names find what, and for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_table::check::check;
use weir_table::{
    Allowed, BaseUrl, Credential, DirectModel, Model, ModelKind, Names, Node, Owner, Policy, Prices,
    Provider, ProviderEntry, Scope, Split, SplitTarget, Table,
};

use super::{Route, find};
use crate::access::Caller;
use crate::operation::Operation;
use crate::samples;
use crate::state::{Callers, Holder, Reach, Registries, Served, Snapshot, prepared_for_tests};

fn provider(owner: Owner, url: &str) -> Provider {
    Provider {
        owner,
        base_url: BaseUrl::parse(url).unwrap(),
        ..samples::provider(Credential::Anonymous)
    }
}

fn served(scope: Scope, providers: Vec<(&str, Provider)>, policies: &[&str]) -> Arc<Served> {
    prepared(table(scope, providers, policies))
}

fn prepared(table: Table) -> Arc<Served> {
    Arc::new(prepared_for_tests(&check(table).unwrap(), &Registries::default()))
}

fn table(scope: Scope, providers: Vec<(&str, Provider)>, policies: &[&str]) -> Table {
    let mut table = Table::empty(scope);
    for (name, provider) in providers {
        table
            .providers
            .insert(name.to_owned(), ProviderEntry::Live(Box::new(provider)));
    }
    for name in policies {
        let model = Node::from(Model {
            model: "own/m".to_owned(),
            provider: "own".to_owned(),
            upstream: "m".to_owned(),
            region: None,
            credential: None,
            context_window: None,
            reasoning: false,
            prices: Prices::default(),
        });
        let targets = vec![SplitTarget::new("t".to_owned(), 1.0, model)];
        let root = Node::from(Split::new(
            (*name).to_owned(),
            (*name).to_owned(),
            Vec::new(),
            targets,
        ));
        let policy = Policy {
            kind: ModelKind::Chat,
            expose_to: BTreeSet::new(),
            root,
        };
        table.policies.insert((*name).to_owned(), policy);
    }
    table
}

/// A namespace whose policy `open` is exposed to `home`, and whose policy `shut` is not.
fn other() -> Arc<Served> {
    let scope = Scope::Namespace("other".to_owned());
    let own = provider(Owner::Namespace, "http://other.example");
    let mut table = table(scope, vec![("own", own)], &["open", "shut"]);
    let open = table.policies.get_mut("open").unwrap();
    open.expose_to = BTreeSet::from(["home".to_owned()]);
    prepared(table)
}

/// Three namespaces, one of which has no good table, and a cluster.
fn snapshot() -> Snapshot {
    let mut shared = provider(Owner::Cluster, "http://shared.example");
    shared.models = BTreeMap::from([
        (
            "vec".to_owned(),
            DirectModel {
                kind: ModelKind::Embedding,
                upstream: BTreeMap::new(),
                reasoning: false,
                prices: Prices::default(),
            },
        ),
        (
            "slow".to_owned(),
            DirectModel {
                kind: ModelKind::Chat,
                upstream: [("", "slow-1"), ("eu", "eu.slow-1")]
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .into(),
                reasoning: true,
                prices: Prices::default(),
            },
        ),
    ]);
    let mut narrow = provider(Owner::Cluster, "http://narrow.example");
    narrow.allowed_namespaces = Some(BTreeSet::from(["elsewhere".to_owned()]));
    let own = provider(Owner::Namespace, "http://own.example");
    let home = Scope::Namespace("home".to_owned());
    let mut home = table(
        home,
        vec![
            ("own", own),
            ("both", provider(Owner::Namespace, "http://mine.example")),
        ],
        &["talk"],
    );
    home.providers.insert("lost".to_owned(), ProviderEntry::Gone);
    let both = provider(Owner::Cluster, "http://theirs.example");
    let regional = provider(Owner::Cluster, "http://{region}.example");
    let cluster = vec![
        ("shared", shared),
        ("narrow", narrow),
        ("both", both),
        ("regional", regional),
        ("lost", provider(Owner::Cluster, "http://not-mine.example")),
    ];
    Snapshot {
        cluster: Some(served(Scope::Cluster, cluster, &[])),
        namespaces: [
            ("home".to_owned(), Some(prepared(home))),
            ("broken".to_owned(), None),
            ("other".to_owned(), Some(other())),
        ]
        .into(),
        callers: Callers::default(),
        reports: Vec::new(),
        listed: true,
        kept: None,
    }
}

/// What `model` finds for a caller of namespace `home`: a policy's name, a direct call's host and upstream
/// name, or a class.
fn found(model: &str, operation: Operation) -> String {
    found_by(None, model, operation)
}

const fn caller(holder: Option<&Holder>) -> Caller<'_> {
    Caller {
        namespace: "home",
        holder,
    }
}

/// The same for whom `holder` is.
fn found_by(holder: Option<&Holder>, model: &str, operation: Operation) -> String {
    match find(&snapshot(), caller(holder), operation, model) {
        Ok(Route::Policy(tree)) => tree.name.to_str().unwrap().to_owned(),
        Ok(Route::Direct(leaf, _)) => match &leaf.reach {
            Reach::Live(endpoint) => {
                format!("{} {}", endpoint.host.to_str().unwrap(), leaf.upstream.as_str())
            }
            Reach::Barred(failure) => failure.class.to_string(),
        },
        Err(failure) => failure.class.to_string(),
    }
}

fn chat(model: &str) -> String {
    found(model, Operation::ChatCompletions)
}

#[test]
fn a_policy_is_found_whatever_its_case_at_home_and_elsewhere() {
    for model in [
        "policy/talk",
        "policy/Talk",
        "POLICY/TALK",
        "policy/home/talk",
        "policy/Home/Talk",
    ] {
        assert_eq!(chat(model), "talk", "{model}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    for model in [
        "policy/none",
        "policy/none/talk",
        "policy/",
        "policy/home/",
        "none/m",
        "m",
        "",
        "shared/",
    ] {
        assert_eq!(chat(model), "PolicyNotFound", "{model}");
    }
    assert_eq!(chat(&format!("shared/{}", "x".repeat(600))), "PolicyNotFound");
}

#[test]
fn a_namespace_without_a_good_table_is_unavailable_alone() {
    assert_eq!(chat("policy/broken/talk"), "PolicyUnavailable");
    assert_eq!(chat("policy/talk"), "talk");
}

#[test]
fn the_namespaces_own_provider_comes_before_the_clusters() {
    assert_eq!(chat("both/m"), "mine.example m");
    assert_eq!(chat("shared/m"), "shared.example m");
}

#[test]
fn the_clusters_provider_does_not_stand_in_for_the_namespaces_own_that_is_gone() {
    assert_eq!(chat("lost/m"), "PolicyNotFound");
}

#[test]
fn a_provider_for_other_namespaces_does_not_exist() {
    assert_eq!(chat("narrow/m"), "PolicyNotFound");
}

#[test]
fn a_models_own_name_at_its_provider_is_used() {
    assert_eq!(chat("shared/slow"), "shared.example slow-1");
    assert_eq!(chat("shared/slow@eu"), "shared.example eu.slow-1");
    assert_eq!(
        chat("shared/slow@us"),
        "shared.example slow@us",
        "no region that anybody knows"
    );
    assert_eq!(chat("shared/a/b"), "shared.example a/b");
}

#[test]
fn an_address_that_wants_a_region_says_so() {
    assert_eq!(chat("regional/m"), "PolicyNotFound");
}

#[test]
fn a_kind_is_served_at_its_own_endpoint() {
    assert_eq!(chat("shared/vec"), "InvalidRequest");
    assert_eq!(found("shared/vec", Operation::Embeddings), "shared.example vec");
    assert_eq!(found("policy/talk", Operation::Embeddings), "InvalidRequest");
    assert_eq!(
        found("shared/unknown", Operation::Embeddings),
        "shared.example unknown"
    );
}

#[test]
fn nothing_is_said_not_to_exist_before_the_tables_are_there() {
    let empty = Snapshot::default();
    for model in ["policy/x", "p/m"] {
        let found = find(&empty, caller(None), Operation::ChatCompletions, model);
        assert_eq!(found.unwrap_err().class.as_str(), "PolicyUnavailable", "{model}");
    }
}

fn holder(policies: Allowed, models: Allowed) -> Holder {
    Holder {
        namespace: "home".to_owned(),
        label: Arc::from("home/web"),
        policies,
        models,
    }
}

fn only(first: &str, second: &str) -> Allowed {
    let names = Names::Only([second.to_owned()].into());
    Allowed::Within([(first.to_owned(), names)].into())
}

#[test]
fn a_holder_finds_its_own_policies_and_those_that_others_expose_to_it() {
    let all = holder(Allowed::All, Allowed::All);
    let chat = |model| found_by(Some(&all), model, Operation::ChatCompletions);
    assert_eq!(chat("policy/talk"), "talk");
    assert_eq!(chat("policy/Home/Talk"), "talk");
    assert_eq!(chat("policy/other/open"), "open");
    assert_eq!(chat("policy/other/shut"), "PolicyNotFound");
    assert_eq!(
        chat("policy/open"),
        "PolicyNotFound",
        "a bare name is of its own namespace"
    );
    assert_eq!(
        found("policy/other/shut", Operation::ChatCompletions),
        "shut",
        "whoever has no key may name any"
    );
}

#[test]
fn a_holder_finds_nothing_beyond_its_lists() {
    let little = holder(only("other", "open"), only("shared", "slow"));
    let found = |model| found_by(Some(&little), model, Operation::ChatCompletions);
    assert_eq!(found("policy/other/open"), "open");
    assert_eq!(found("shared/slow"), "shared.example slow-1");
    for model in [
        "policy/talk",
        "policy/other/shut",
        "shared/other",
        "both/m",
        "own/m",
    ] {
        assert_eq!(found(model), "PolicyNotFound", "{model}");
    }
    assert_eq!(
        found("policy/broken/talk"),
        "PolicyNotFound",
        "that there is such a namespace is not said either"
    );
}

/// The whole answer to `model`, with `name` in it written as X.
fn refusal(holder: &Holder, model: &str, name: &str, operation: Operation) -> String {
    let failure = find(&snapshot(), caller(Some(holder)), operation, model).unwrap_err();
    format!("{failure:?}").replace(name, "X")
}

#[test]
fn what_may_not_be_named_is_answered_as_what_does_not_exist() {
    let none = holder(Allowed::default(), Allowed::default());
    let all = holder(Allowed::All, Allowed::All);
    for operation in [Operation::ChatCompletions, Operation::Embeddings] {
        let unknown = refusal(&none, "policy/nowhere", "nowhere", operation);
        assert_eq!(refusal(&none, "policy/talk", "talk", operation), unknown);
        let unknown = refusal(&all, "policy/other/nowhere", "nowhere", operation);
        assert_eq!(refusal(&all, "policy/other/shut", "shut", operation), unknown);
        let unknown = refusal(&all, "policy/nowhere/talk", "nowhere", operation);
        assert_eq!(refusal(&all, "policy/broken/talk", "broken", operation), unknown);
        let unknown = refusal(&none, "nobody/m", "nobody", operation);
        for provider in ["shared", "narrow", "both", "regional"] {
            assert_eq!(
                refusal(&none, &format!("{provider}/m"), provider, operation),
                unknown
            );
        }
        let unknown = refusal(&none, "nobody/vec", "nobody", operation);
        assert_eq!(refusal(&none, "shared/vec", "shared", operation), unknown);
    }
}
