//! What stays so while the operator is away, killed or gone for good: names, and that everything can be deleted.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use weir_tests::{
    fixtures::{fallback, load_balancing, model},
    poll::eventually,
    site::Site,
};

use super::{SOON, all_ready, published, read, reported, stored, team};
use crate::context::Context;

/// How often the operator is killed.
const RESTARTS: usize = 3;

pub(crate) async fn a_name_keeps_its_holder_over_restarts(context: &Context) -> Result<()> {
    let site = context.lonely().await?;
    let namespace = site.cluster.namespace("claims").await?;
    let chain = fallback(&namespace, "claimed", &["openai/o1"]);
    let split = load_balancing(&namespace, "claimed", &[model("openai/o3-mini", 1)]);
    // The kind that loses between equals, published first.
    site.program(std::slice::from_ref(&chain), SOON).await?;
    site.cluster.apply(&split).await?;
    holds(&site, &chain, &split).await?;
    let before = stored(&site.cluster, &[chain.clone(), split.clone()]).await?;
    let table = published(&site, &namespace).await?;
    for _ in 0..RESTARTS {
        site.restart_operator().await?;
        site.operator_ready().await?;
        holds(&site, &chain, &split).await?;
    }
    let after = stored(&site.cluster, &[chain.clone(), split.clone()]).await?;
    ensure!(before == after, "a restart wrote: {after:?} over {before:?}");
    ensure!(
        table == published(&site, &namespace).await?,
        "the table has changed"
    );
    unpublished(&site).await
}

/// Of two that nobody has looked at, the older one holds the name, else the LoadBalancingPolicy.
async fn unpublished(site: &Site) -> Result<()> {
    site.operator.kill().await?;
    let namespace = site.cluster.namespace("claims").await?;
    let chain = fallback(&namespace, "claimed", &["openai/o1"]);
    let split = load_balancing(&namespace, "claimed", &[model("openai/o3-mini", 1)]);
    site.cluster.apply_all(&[chain.clone(), split.clone()]).await?;
    let since = |object: &Value| object["metadata"]["creationTimestamp"].to_string();
    let is_older = since(&read(&site.cluster, &chain).await?) < since(&read(&site.cluster, &split).await?);
    let (holder, other) = if is_older {
        (&chain, &split)
    } else {
        (&split, &chain)
    };
    for _ in 0..RESTARTS {
        site.restart_operator().await?;
        site.operator_ready().await?;
        holds(site, holder, other).await?;
    }
    Ok(())
}

async fn holds(site: &Site, holder: &Value, other: &Value) -> Result<()> {
    site.cluster.condition(holder, "Programmed", "True", SOON).await?;
    let refused = site.cluster.condition(other, "Accepted", "False", SOON).await?;
    ensure!(refused["reason"] == "Conflict", "{refused}");
    site.cluster
        .condition(other, "Stalled", "True", SOON)
        .await
        .map(drop)
}

pub(crate) async fn everything_can_be_deleted_without_an_operator(context: &Context) -> Result<()> {
    let site = context.lonely().await?;
    let namespace = site.cluster.namespace("deleted").await?;
    let mut objects = team(&namespace);
    site.cluster.apply_all(&objects).await?;
    all_ready(&site.cluster, &objects).await?;
    site.operator.kill().await?;
    // First what others refer to, and a definition with objects of its kind; then the namespace with the rest.
    objects.rotate_left(2);
    for object in reported(&objects[..2]) {
        delete(&site, object).await?;
    }
    let definition = ["delete", "crd", "accesskeys.weir.dev", "--timeout=20s"];
    site.cluster.kubectl.run(&definition).await?.success()?;
    site.cluster.delete("Namespace", None, &namespace).await?;
    let gone = || async {
        let found = site.cluster.get("Namespace", None, &namespace).await?;
        Ok(found.is_none().then_some(()))
    };
    eventually("the namespace to go", SOON, gone).await?;
    for object in reported(&objects[2..]) {
        delete(&site, object).await?;
    }
    site.cluster.install().await?;
    site.restart_operator().await?;
    site.operator_ready().await
}

/// Deletes an object, which goes at once: nothing holds it.
async fn delete(site: &Site, object: &Value) -> Result<()> {
    let name = object["metadata"]["name"].as_str().context("no name")?;
    let kind = object["kind"].as_str().context("no kind")?;
    let namespace = object["metadata"]["namespace"].as_str();
    if kind == "AccessKey" {
        return Ok(());
    }
    site.cluster.delete(kind, namespace, name).await?;
    let left = site.cluster.get(kind, namespace, name).await?;
    ensure!(left.is_none(), "it is still there: {left:?}");
    Ok(())
}
