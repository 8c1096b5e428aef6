//! Weir's own kinds, not there yet or not there any more.

use std::time::Duration;

use anyhow::{Result, ensure};
use weir_tests::{cluster::Cluster, fixtures::fallback, poll::eventually};

use super::{SOON, WATCH_ERRORS, under_load};
use crate::{context::Context, invalid::not_found};

async fn remove(cluster: &Cluster, definition: &str) -> Result<()> {
    cluster
        .delete("CustomResourceDefinition", None, definition)
        .await?;
    let gone = async || {
        let found = cluster.get("CustomResourceDefinition", None, definition).await?;
        Ok(found.is_none().then_some(()))
    };
    eventually(&format!("{definition} to go"), Duration::from_mins(1), gone).await
}

/// The words of the operator's count of watches that failed because this kind is missing.
fn not_installed(kind: &str) -> [&str; 3] {
    [WATCH_ERRORS, kind, "reason=\"NotInstalled\""]
}

pub(crate) async fn a_kind_that_is_missing_at_the_start_is_waited_for(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let site = &scene.site;
        let advice = ["install Weir's CRDs", "AccessKey"];
        let before = site.operator.logged(&advice)?;
        remove(&site.cluster, "accesskeys.weir.dev").await?;
        site.restart_operator().await?;
        scene.operator_says(&advice, before).await?;
        // Its counts are new with its process.
        scene.counts(&not_installed("kind=\"AccessKey\""), 0).await?;
        ensure!(
            !site.operator_is_ready().await?,
            "it is ready without having seen every kind"
        );
        site.cluster.install().await?;
        site.operator_ready().await
    })
    .await
}

pub(crate) async fn a_kind_that_goes_takes_its_own_along_and_nothing_else(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let (site, namespace) = (&scene.site, &scene.namespace);
        let chain = fallback(namespace, "chain", &["openai/o1"]);
        site.program(std::slice::from_ref(&chain), SOON).await?;
        let (name, advice) = (
            format!("policy/{namespace}/chain"),
            ["install Weir's CRDs", "FallbackPolicy"],
        );
        let before = site.operator.logged(&advice)?;
        let count = not_installed("kind=\"FallbackPolicy\"");
        let counted = scene.counted(&count).await?;
        remove(&site.cluster, "fallbackpolicies.weir.dev").await?;
        site.answers(&name, SOON, not_found()).await?;
        scene.operator_says(&advice, before).await?;
        scene.counts(&count, counted).await?;
        scene.programmed(2, SOON).await?;
        site.cluster.install().await?;
        site.program(&[chain], SOON).await?;
        site.served(&name, SOON).await
    })
    .await
}
