//! What one object alone can show: refused by a real API server, with a message that a person can act on.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use weir_tests::{cluster::Cluster, fixtures, poll::eventually, tools::repository};

use crate::context::Context;

/// The marker of the expected message, in [`REFUSED`].
const MARKER: &str = "# refused: ";

/// Every document that must be refused.
const REFUSED: &str = include_str!("admission/refused.yaml");

const KINDS: [&str; 5] = [
    "LoadBalancingPolicy",
    "FallbackPolicy",
    "Provider",
    "ClusterProvider",
    "AccessKey",
];

pub(crate) async fn refuses_what_one_object_alone_shows_to_be_wrong(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("admission").await?;
    cluster.install().await?;
    let namespace = cluster.namespace("admission").await?;
    let mut wrong = Vec::new();
    for document in REFUSED.split("\n---\n") {
        if let Err(error) = refused(&cluster, &namespace, document).await {
            wrong.push(format!("{error:#}"));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} were not refused as they should:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for kind in KINDS {
        let stored = cluster.list(kind, &namespace).await.unwrap_or_default();
        ensure!(stored.is_empty(), "refused, and yet stored: {stored:?}");
    }
    Ok(())
}

async fn refused(cluster: &Cluster, namespace: &str, document: &str) -> Result<()> {
    let (_, rest) = document
        .split_once(MARKER)
        .context("a document without its message")?;
    let (message, yaml) = rest.split_once('\n').context("a message without its document")?;
    let output = cluster
        .kubectl
        .run_with_input(&["apply", "-n", namespace, "-f", "-"], yaml)
        .await?;
    ensure!(output.code != 0, "accepted, instead of {message:?}:\n{yaml}");
    ensure!(
        output.stderr.contains(message),
        "{:?} does not say {message:?}",
        output.stderr
    );
    Ok(())
}

pub(crate) async fn refuses_a_policy_of_two_megabytes(context: &Context) -> Result<()> {
    let site = context.own_cluster("two-megabytes").await?;
    site.install().await?;
    let namespace = site.namespace("huge").await?;
    let mut policy = fixtures::load_balancing(&namespace, "huge", &[fixtures::model("openai/o1", 1)]);
    policy["spec"]["salt"] = "x".repeat(2 << 20).into();
    let output = site
        .kubectl
        .run_with_input(&["create", "-f", "-"], &policy.to_string())
        .await?;
    ensure!(
        output.code != 0 && output.stderr.contains("spec.salt: Too long"),
        "{}",
        output.stderr
    );
    ensure!(site.list("LoadBalancingPolicy", &namespace).await?.is_empty());
    Ok(())
}

pub(crate) async fn accepts_every_example(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("examples").await?;
    cluster.install().await?;
    let namespace = cluster.namespace("examples").await?;
    let examples = repository().join("examples");
    let accepted = dry_run(&cluster, &namespace, &examples).await?;
    // Each of these is a file of its own, or one of several versions of a policy.
    for folder in ["access-keys", "rollout"] {
        for entry in std::fs::read_dir(examples.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                dry_run(&cluster, &namespace, &path).await?;
            }
        }
    }
    for (overlay, prefix) in [("production", ""), ("staging", "next-")] {
        overlaid(&cluster, &namespace, overlay, prefix).await?;
    }
    for name in [
        "reasoning-experiment",
        "sonnet-distribution",
        "gradual-rollout",
        "cost-optimised",
        "multi-provider",
    ] {
        let line = format!("loadbalancingpolicy.weir.dev/{name} created");
        ensure!(accepted.contains(&line), "no example {name}: {accepted}");
    }
    Ok(())
}

/// The server takes what Kustomize builds, and references have followed the names.
async fn overlaid(cluster: &Cluster, namespace: &str, overlay: &str, prefix: &str) -> Result<()> {
    let path = repository().join("examples/kustomize/overlays").join(overlay);
    let path = path.to_string_lossy();
    let built = cluster.kubectl.run(&["kustomize", &path]).await?.success()?;
    for chain in ["production-fallback", "experimental-fallback"] {
        for field in ["name", "policy"] {
            let line = format!("{field}: {prefix}{chain}\n");
            ensure!(built.contains(&line), "no {line} in {built}");
        }
    }
    let theirs = format!("namespace: {overlay}");
    let here = built.replace(&theirs, &format!("namespace: {namespace}"));
    let apply = ["apply", "--dry-run=server", "-f", "-"];
    cluster.kubectl.run_with_input(&apply, &here).await?.success()?;
    Ok(())
}

/// What the server would say of one file, or of those of one folder: the examples' providers belong to all.
async fn dry_run(cluster: &Cluster, namespace: &str, path: &Path) -> Result<String> {
    let path = path.to_string_lossy();
    let apply = ["apply", "--dry-run=server", "-n", namespace, "-f", &path];
    cluster.kubectl.run(&apply).await?.success()
}

pub(crate) async fn explains_every_field(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("explain").await?;
    cluster.install().await?;
    described(&cluster).await?;
    for kind in KINDS {
        let field = format!("{}.spec", kind.to_lowercase());
        let text = cluster.kubectl.run(&["explain", &field]).await?.success()?;
        ensure!(
            !text.contains("<no description>") && !text.contains("<empty>"),
            "{kind}: {text}"
        );
    }
    for category in ["weir", "llm"] {
        cluster.kubectl.run(&["get", category, "-A"]).await?.success()?;
    }
    Ok(())
}

/// Waits until the server describes all kinds, where `kubectl explain` looks: it finds the group's document by the
/// index, and a kind in it by the operations on it. Both come a moment after the kind is served, one after the other.
async fn described(cluster: &Cluster) -> Result<()> {
    let published = || async {
        let index = cluster.raw("/openapi/v3").await?;
        let address = index["paths"]["apis/weir.dev/v1alpha1"]["serverRelativeURL"]
            .as_str()
            .context("the index does not list the group")?;
        let document = cluster.raw(address).await?;
        let missing = KINDS.iter().find(|kind| !describes(&document, kind));
        ensure!(missing.is_none(), "{missing:?} is not described");
        Ok(Some(()))
    };
    eventually(
        "the server to describe all kinds",
        Duration::from_mins(1),
        published,
    )
    .await
}

/// Whether some operation of an `OpenAPI` document is on this kind, and the kind's fields are in it.
fn describes(document: &Value, kind: &str) -> bool {
    let operations = document["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.values());
    let mut kinds = operations.filter_map(|path| path.pointer("/get/x-kubernetes-group-version-kind/kind"));
    let schema = format!("/components/schemas/dev.weir.v1alpha1.{kind}/properties/spec/properties");
    kinds.any(|found| found == kind) && document.pointer(&schema).is_some()
}
