//! What a platform team does first: both charts, the chart's tests, a policy, and a request from another pod.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, ensure};
use serde_json::json;
use weir_tests::{
    client::Shape,
    fake_provider::answer::content,
    fixtures::{access_key, caller_secret, fallback, load_balancing, model, provider},
    node::{Node, Release},
    timing::timed,
    tools::Helm,
};

use crate::{context::Context, probed::leaves_nothing};

const SOON: Duration = Duration::from_secs(30);

/// The key of the application that calls.
const KEY: &str = "the-key-of-an-application-in-a-pod-0123456789";

pub(crate) async fn helm_4_installs_a_weir_that_routes_what_pods_ask(context: &Context) -> Result<()> {
    routes_what_pods_ask(context.node().await?, &Release::usual(Helm::Four)).await
}

pub(crate) async fn helm_3_installs_a_weir_that_routes_what_pods_ask(context: &Context) -> Result<()> {
    routes_what_pods_ask(context.node().await?, &Release::usual(Helm::Three)).await
}

/// Both Helms install the same release, one after the other; what one leaves would be the other's failure, too.
async fn routes_what_pods_ask(node: &Node, release: &Release) -> Result<()> {
    let routed = installed_it_routes(node, release).await;
    let uninstalled = release.uninstall(node).await;
    routed.and(uninstalled)
}

async fn installed_it_routes(node: &Node, release: &Release) -> Result<()> {
    release.install(node, &[]).await?;
    timed("every pod Ready", every_pod_is_ready(node, release)).await?;
    timed("helm test", release.test(node)).await?;
    leaves_nothing(node, release).await?;
    let namespace = node.cluster.namespace("team").await?;
    timed("a policy, applied and Programmed", program(node, &namespace)).await?;
    timed("the SDK's requests from another pod", sdk_requests(node, release)).await?;
    a_tenants_provider_is_not_taken(node, &namespace).await?;
    let reinstalled = release.reinstall(node);
    timed("both charts uninstalled, and installed again", reinstalled).await?;
    let again = sdk_requests(node, release);
    timed("the SDK's requests again, by the policies that stayed", again).await
}

/// The chart takes Providers of namespaces only where that is asked for.
async fn a_tenants_provider_is_not_taken(node: &Node, namespace: &str) -> Result<()> {
    let provider = provider(namespace, "of-a-tenant", &node.provider.base_url("openai"));
    node.cluster.apply(&provider).await?;
    let accepted = node
        .cluster
        .condition(&provider, "Accepted", "False", SOON)
        .await?;
    let reason = &accepted["reason"];
    ensure!(*reason == "NamespacedProvidersDisabled", "{accepted}");
    Ok(())
}

async fn every_pod_is_ready(node: &Node, release: &Release) -> Result<()> {
    let kubectl = &node.cluster.kubectl;
    let pods = ["pods", "--all", "-n", &release.namespace];
    let wait = ["wait", "--for=condition=Ready", "--timeout=60s"];
    let ready = kubectl.run(&[&wait[..], &pods].concat()).await?.success()?;
    ensure!(
        ready.lines().count() == 4,
        "other pods than two of each part: {ready}"
    );
    Ok(())
}

async fn program(node: &Node, namespace: &str) -> Result<()> {
    let key = json!({"keys": [{"secretRef": {"name": "application", "key": "key"}}]});
    let policies = [
        load_balancing(
            namespace,
            "split",
            &[
                model("openai/gpt-5.2", 50),
                model("anthropic/claude-sonnet-4-5", 50),
            ],
        ),
        fallback(namespace, "chain", &["google/gemini-2.5-pro", "openai/gpt-5.2"]),
    ];
    let mut objects = vec![
        caller_secret(namespace, "application", KEY),
        access_key(namespace, "application", &key),
    ];
    objects.extend(policies.clone());
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    node.cluster.kubectl.apply(&list.to_string()).await?;
    for policy in &policies {
        node.cluster.condition(policy, "Programmed", "True", SOON).await?;
    }
    Ok(())
}

/// Each caller's answer is whole, and both halves of the split are asked.
async fn sdk_requests(node: &Node, release: &Release) -> Result<()> {
    let caller = node.caller().await?;
    let url = release.base_url(node).await?;
    let keys: Vec<String> = (0..50).map(|number| format!("user-{number}")).collect();
    for shape in [Shape::Plain, Shape::Streamed] {
        let calls = caller.chat(&url, KEY, "policy/split", shape, &keys).await?;
        let targets: BTreeSet<&str> = calls.values().map(|call| &*call.target).collect();
        let expected = BTreeSet::from(["anthropic/claude-sonnet-4-5", "openai/gpt-5.2"]);
        ensure!(targets == expected, "{targets:?}");
        ensure!(calls.values().all(|call| call.content == content(8)), "{calls:?}");
    }
    let calls = caller
        .chat(&url, KEY, "policy/chain", Shape::Plain, &keys[..1])
        .await?;
    ensure!(calls["user-0"].target == "google/gemini-2.5-pro", "{calls:?}");
    Ok(())
}
