//! Other hands on what is the operator's.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use weir_tests::{identity::SYSTEM, poll::eventually};

use super::{SOON, Scene, under_load};
use crate::context::Context;

/// The words of the operator's count of changes by others.
fn foreign(kind: &str) -> [&str; 2] {
    ["weir_operator_foreign_changes_total", kind]
}

/// What a table's ConfigMap holds, whatever its version.
fn content(map: &Value) -> [Value; 4] {
    let metadata = &map["metadata"];
    [
        metadata["labels"].clone(),
        metadata["annotations"].clone(),
        map["data"].clone(),
        map["binaryData"].clone(),
    ]
}

/// Waits until the table is what it was, in another version than that of `meddled`.
async fn is_mended(scene: &Scene, before: &Value, meddled: Option<&Value>) -> Result<()> {
    let mended = async || {
        let now = scene.table().await?;
        let is_newer = meddled
            .is_none_or(|map| map["metadata"]["resourceVersion"] != now["metadata"]["resourceVersion"]);
        Ok((is_newer && content(&now) == content(before)).then_some(()))
    };
    eventually("the table to be mended", SOON, mended).await
}

pub(crate) async fn a_table_that_somebody_edits_or_deletes_is_mended(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let cluster = &scene.site.cluster;
        let (before, count) = (scene.table().await?, foreign(r#"kind="Table""#));
        let counted = scene.counted(&count).await?;
        let name = before["metadata"]["name"].as_str().context("a table without a name")?;
        // By server-side apply with force: the data is somebody else's now.
        let theirs = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": SYSTEM},
            "data": {"table.json": "{}", "theirs": "x"},
        });
        let meddled = serde_json::to_value(cluster.apply(&theirs).await?)?;
        is_mended(scene, &before, Some(&meddled)).await?;
        // By hand, with what reads well and is no table.
        let patch = json!({"data": {"table.json": before["data"]["table.json"].as_str().map(|text| text.replace("o1", "o9"))}});
        let patch = ["patch", "cm", name, "-n", SYSTEM, "--type=merge", "-p", &patch.to_string()];
        cluster.kubectl.run(&patch).await?.success()?;
        is_mended(scene, &before, None).await?;
        cluster.delete("ConfigMap", Some(SYSTEM), name).await?;
        is_mended(scene, &before, Some(&before)).await?;
        scene.counts(&count, counted).await?;
        let rejected = scene.site.router_metrics(0).await?;
        ensure!(super::total(&rejected, "weir_router_table_rejects_total") >= 1, "no router says so: {rejected}");
        Ok(())
    })
    .await
}

pub(crate) async fn a_status_that_somebody_owns_is_taken_back(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let (cluster, policy) = (&scene.site.cluster, scene.policy(1));
        let count = foreign(r#"kind="Status""#);
        let counted = scene.counted(&count).await?;
        let before = cluster.condition(&policy, "Ready", "True", SOON).await?;
        let condition = |kind: &str| {
            json!({
                "type": kind, "status": "False", "reason": "Theirs", "message": "theirs",
                "observedGeneration": 1, "lastTransitionTime": "2020-01-01T00:00:00Z",
            })
        };
        let mut theirs = policy.clone();
        theirs["spec"].take();
        theirs["status"] = json!({
            "observedGeneration": 1,
            "digest": "theirs",
            "conditions": [condition("Ready"), condition("Programmed"), condition("Theirs")],
        });
        cluster.apply_status(&theirs).await?;
        let after = cluster.condition(&policy, "Ready", "True", SOON).await?;
        ensure!(after["reason"] == before["reason"], "{after}");
        scene.counts(&count, counted).await?;
        let told = cluster
            .get("LoadBalancingPolicy", Some(&scene.namespace), "p")
            .await?;
        let status = told.context("there is no policy")?["status"].clone();
        ensure!(status["digest"] != "theirs", "{status}");
        // What does not concern the operator is left alone.
        cluster
            .condition(&policy, "Theirs", "False", SOON)
            .await
            .map(drop)
    })
    .await
}

pub(crate) async fn a_namespace_that_can_not_end_is_served_until_it_does(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let cluster = &scene.site.cluster;
        let (ending, held) = (cluster.namespace("ending").await?, "held");
        let mut kept = super::load_balancing(&ending, held, &[super::model("openai/o1", 1)]);
        kept["metadata"]["finalizers"] = json!(["weir.dev/tests"]);
        let going = super::load_balancing(&ending, "going", &[super::model("openai/o1", 1)]);
        scene.site.program(&[kept.clone(), going], SOON).await?;
        cluster.delete("Namespace", None, &ending).await?;
        let name = |policy: &str| format!("policy/{ending}/{policy}");
        scene
            .site
            .answers(&name("going"), SOON, crate::invalid::not_found())
            .await?;
        scene.site.served(&name(held), SOON).await?;
        // Nothing can be created there any more, and everything else goes on.
        scene.programmed(2, SOON).await?;
        kept["metadata"]["finalizers"] = json!([]);
        cluster.apply(&kept).await.ok();
        scene
            .site
            .answers(&name(held), SOON, crate::invalid::not_found())
            .await?;
        let gone = async || {
            Ok(cluster
                .get("Namespace", None, &ending)
                .await?
                .is_none()
                .then_some(()))
        };
        eventually("the namespace to go", super::HEALING, gone).await
    })
    .await
}
