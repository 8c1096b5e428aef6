//! What `kubectl`, Argo CD and Flux see between what was applied and what is stored: nothing.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use weir_tests::{
    cluster::Cluster,
    fixtures::{load_balancing, model},
    referee::{self, Engine},
    site::Site,
    tools::{Tools, repository},
};

use super::{all_ready, health_scripts, read, stored, team};
use crate::context::Context;

/// A way to apply objects and to compare.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `kubectl`, with or without `--server-side`.
    Kubectl(&'static [&'static str]),
    /// An engine's own library.
    By(Engine),
}

const WAYS: [Way; 5] = [
    Way::Kubectl(&[]),
    Way::Kubectl(&["--server-side"]),
    Way::By(Engine::ArgoCd),
    Way::By(Engine::ArgoCdServerSide),
    Way::By(Engine::Flux),
];

impl Way {
    async fn apply(self, tools: &Tools, cluster: &Cluster, objects: &[Value]) -> Result<()> {
        match self {
            Self::By(engine) => referee::apply(tools, cluster, engine, objects).await,
            Self::Kubectl(options) => kubectl(cluster, "apply", options, objects)
                .await?
                .success()
                .map(drop),
        }
    }

    /// One line for each object that differs; empty if none does.
    async fn drift(self, tools: &Tools, cluster: &Cluster, objects: &[Value]) -> Result<String> {
        match self {
            Self::By(engine) => Ok(referee::drift(tools, cluster, engine, objects).await?.join("\n")),
            Self::Kubectl(options) => {
                let output = kubectl(cluster, "diff", options, objects).await?;
                ensure!(output.code <= 1, "kubectl diff: {}", output.stderr);
                Ok(output.stdout)
            }
        }
    }
}

async fn kubectl(
    cluster: &Cluster,
    verb: &str,
    options: &[&str],
    objects: &[Value],
) -> Result<weir_tests::command::Output> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let arguments = [&[verb, "-f", "-"], options].concat();
    cluster
        .kubectl
        .run_with_input(&arguments, &list.to_string())
        .await
}

pub(crate) async fn no_engine_sees_a_difference_after_apply(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let all = WAYS.map(|way| async move {
        let outcome = same_after(site, way).await;
        outcome.with_context(|| format!("{way:?}"))
    });
    try_join_all(all).await.map(drop)
}

async fn same_after(site: &Site, way: Way) -> Result<()> {
    let (tools, cluster) = (&site.tools, &site.cluster);
    let objects = team(&cluster.namespace("drift").await?);
    way.apply(tools, cluster, &objects).await?;
    all_ready(cluster, &objects).await?;
    let before = stored(cluster, &objects).await?;
    let drift = way.drift(tools, cluster, &objects).await?;
    ensure!(drift.is_empty(), "it differs: {drift}");
    way.apply(tools, cluster, &objects).await?;
    let after = stored(cluster, &objects).await?;
    let versions = |objects: &[Value]| -> Vec<Value> {
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        objects.iter().map(version).collect()
    };
    ensure!(
        versions(&before) == versions(&after),
        "a second apply wrote: {after:?} over {before:?}"
    );
    sees_an_edit(site, way, &objects).await
}

/// A comparison that finds nothing must be able to find something.
async fn sees_an_edit(site: &Site, way: Way, objects: &[Value]) -> Result<()> {
    let mut edited = objects.to_vec();
    edited[1]["spec"]["targets"][0]["weight"] = 66.8.into();
    let drift = way.drift(&site.tools, &site.cluster, &edited).await?;
    ensure!(drift.contains("66.8"), "an edit is not seen: {drift:?}");
    Ok(())
}

pub(crate) async fn dry_runs_and_diffs_need_no_operator(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("no-operator").await?;
    cluster.install().await?;
    let namespace = cluster.namespace("no-operator").await?;
    let objects = team(&namespace);
    for options in [
        ["--dry-run=server"].as_slice(),
        &["--dry-run=server", "--server-side"],
    ] {
        kubectl(&cluster, "apply", options, &objects).await?.success()?;
    }
    let absent = kubectl(&cluster, "diff", &[], &objects).await?;
    ensure!(absent.code == 1 && absent.stdout.contains("66.7"), "{absent:?}");
    for way in WAYS {
        way.apply(&context.tools, &cluster, &objects)
            .await
            .with_context(|| format!("{way:?}"))?;
        let drift = way.drift(&context.tools, &cluster, &objects).await?;
        ensure!(drift.is_empty(), "{way:?}: {drift}");
    }
    let wrong = load_balancing(&namespace, "wrong", &[model("openai/o1", -1)]);
    let refused = kubectl(&cluster, "apply", &["--dry-run=server"], &[wrong]).await?;
    ensure!(
        refused.code == 1 && refused.stderr.contains("weight"),
        "{refused:?}"
    );
    let fresh = read(&cluster, &objects[1]).await?;
    ensure!(fresh["status"]["observedGeneration"] == -1, "{fresh}");
    Ok(())
}

/// Argo CD's and Flux's own definitions take the examples for them, with no field that they do not know.
pub(crate) async fn the_examples_fit_argo_cds_and_fluxs_definitions(context: &Context) -> Result<()> {
    let site = context.lonely().await?;
    let kubectl = &site.cluster.kubectl;
    kubectl.apply_path(&context.tools.engine_definitions()?).await?;
    let wait = [
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=60s",
    ];
    kubectl.run(&wait).await?.success()?;
    let namespace = site.cluster.namespace("engines").await?;
    let examples = repository().join("examples");
    for (file, theirs) in [
        ("argocd/applications.yaml", "argocd"),
        ("argocd/argocd-cm.yaml", "argocd"),
        ("flux/cluster.yaml", "flux-system"),
    ] {
        let text = std::fs::read_to_string(examples.join(file))?;
        let here = text.replace(
            &format!("  namespace: {theirs}\n"),
            &format!("  namespace: {namespace}\n"),
        );
        let apply = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let output = kubectl.run_with_input(&apply, &here).await?;
        output.success().with_context(|| file.to_owned())?;
    }
    let releases = examples.join("flux/weir/releases.yaml");
    let names = referee::releases(&context.tools, &releases).await?;
    ensure!(names == ["weir-crds", "weir"], "{names:?}");
    let script = std::fs::read_to_string(health_scripts().join("weir.dev/_/health.lua"))?;
    let patch = std::fs::read_to_string(examples.join("argocd/argocd-cm.yaml"))?;
    let (_, block) = patch.split_once("health.lua: |\n").context("no script")?;
    let lines: Vec<&str> = block.lines().map(str::trim).collect();
    let expected: Vec<&str> = script.lines().map(str::trim).collect();
    ensure!(
        lines == expected,
        "argocd-cm.yaml has another script than health.lua"
    );
    Ok(())
}
