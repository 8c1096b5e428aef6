//! Definitions that are missing, and namespaces that end: the operator waits, says so, and goes on.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    fixtures::{load_balancing, model},
    poll::eventually,
    site::Site,
    tools::repository,
};

use crate::context::Context;

const SOON: Duration = Duration::from_secs(30);
/// The API server goes on with the watches of a kind that it has forgotten, for a while.
const LATER: Duration = Duration::from_mins(4);

/// The definition that comes and goes.
const DEFINITION: &str = "accesskeys.weir.dev";

pub(crate) async fn a_missing_definition_is_waited_for_and_a_lost_one_survived(
    context: &Context,
) -> Result<()> {
    let site = &*context.own("definitions").await?;
    let namespace = site.cluster.namespace("kinds").await?;
    site.operator.kill().await?;
    remove_definition(site).await?;
    site.restart_operator().await?;
    let waits = "AccessKey: NotInstalled: the API server does not know this kind: install Weir's CRDs";
    ready_says(site, 503, waits).await?;
    add_definition(site).await?;
    site.operator_ready().await?;
    program(site, &namespace, 1).await?;
    eventually("the clocks to agree", SOON, || clocks_agree(site)).await?;

    remove_definition(site).await?;
    program(site, &namespace, 2).await?;
    let failing = r#"weir_operator_watches_failing{kind="AccessKey",reason="NotInstalled"}"#;
    becomes(site, failing, 1.0, LATER).await?;
    ready_says(site, 200, waits).await?;
    program(site, &namespace, 3).await?;
    add_definition(site).await?;
    becomes(site, failing, 0.0, SOON).await?;
    site.operator.check().await
}

/// Both are the same machine's. Each renewal of the lease measures again, and one that took long measures wrong.
async fn clocks_agree(site: &Site) -> Result<Option<()>> {
    let skew = metric(site, "weir_operator_clock_skew_seconds")
        .await?
        .context("the clock's skew")?;
    ensure!((-2.0..=2.0).contains(&skew), "off by {skew} s");
    Ok(Some(()))
}

pub(crate) async fn a_policy_in_a_namespace_that_ends_is_told_what_became_of_it(
    context: &Context,
) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("ending").await?;
    program(site, &namespace, 1).await?;
    let hold = |finalizers: Value| {
        let mut held = policy(&namespace, 1);
        held["metadata"]["finalizers"] = finalizers;
        held
    };
    site.cluster.apply(&hold(json!(["tests.weir.dev/hold"]))).await?;
    site.cluster
        .kubectl
        .run(&["delete", "namespace", &namespace, "--wait=false"])
        .await?
        .success()?;
    let mut changed = hold(json!(["tests.weir.dev/hold"]));
    changed["spec"]["targets"] = json!([{"model": "gone/model", "weight": 1}]);
    site.cluster.apply(&changed).await?;
    let told = site
        .cluster
        .condition(&changed, "ResolvedRefs", "False", SOON)
        .await?;
    ensure!(told["reason"] == "UnknownProvider", "{told}");
    site.cluster.apply(&hold(json!([]))).await?;
    let gone = || async {
        let table = format!("weir-ns-{namespace}");
        let table = site.cluster.get("ConfigMap", Some("weir-system"), &table).await?;
        Ok(table.is_none().then_some(()))
    };
    eventually("the table of the namespace to be gone", SOON, gone).await
}

fn policy(namespace: &str, weight: u32) -> Value {
    load_balancing(namespace, "p", &[model("openai/a", weight), model("openai/b", 1)])
}

async fn program(site: &Site, namespace: &str, weight: u32) -> Result<()> {
    site.program(&[policy(namespace, weight)], SOON).await
}

async fn remove_definition(site: &Site) -> Result<()> {
    let words = ["delete", "crd", DEFINITION];
    site.cluster.kubectl.run(&words).await?.success().map(drop)
}

async fn add_definition(site: &Site) -> Result<()> {
    site.cluster
        .kubectl
        .apply_path(&repository().join("crds"))
        .await
        .map(drop)
}

/// Waits until the operator's readiness has this status, and this line in it.
async fn ready_says(site: &Site, status: u16, line: &str) -> Result<()> {
    let probe = || async {
        let (code, text) = site.operator_readiness().await?;
        ensure!(code == status && text.contains(line), "{code}: {text}");
        Ok(Some(()))
    };
    eventually(&format!("{status} with {line:?}"), SOON, probe).await
}

async fn metric(site: &Site, series: &str) -> Result<Option<f64>> {
    let text = site.operator_metrics().await?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    Ok(value.map(str::parse).transpose()?)
}

async fn becomes(site: &Site, series: &str, expected: f64, within: Duration) -> Result<()> {
    let probe = || async { Ok((metric(site, series).await? == Some(expected)).then_some(())) };
    eventually(&format!("{series} to be {expected}"), within, probe).await
}
