//! What is done to an installation over the years, each under load from a pod: plain answers, and streams that outlive
//! the router's time to end. No request may fail, and no stream be cut.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use weir_tests::{
    fake_provider::script::{Behaviour, Script},
    fixtures::{access_key, caller_secret, load_balancing, model},
    load::{Load, Pace},
    node::{IMAGES, Node, PodLoad, Release},
    poll::eventually,
    timing::timed,
    tools::Helm,
};

use crate::context::Context;

/// The key of the application that calls.
const KEY: &str = "the-key-of-an-application-under-load-0123456789";

/// A model whose streams take 15 seconds: longer than a router goes on as before, accepts, and bears with still
/// connections when it is told to stop.
const SLOW: &str = "openai/gpt-5.2";

const WORDS: usize = 60;
const BETWEEN_WORDS: u64 = 250;

const SOON: Duration = Duration::from_mins(2);

pub(crate) async fn helm_4_upgrade_and_rollback_lose_no_request(context: &Context) -> Result<()> {
    upgrade_and_rollback_lose_no_request(Disrupted::begin(context, Helm::Four, &[]).await?).await
}

pub(crate) async fn helm_3_upgrade_and_rollback_lose_no_request(context: &Context) -> Result<()> {
    upgrade_and_rollback_lose_no_request(Disrupted::begin(context, Helm::Three, &[]).await?).await
}

async fn upgrade_and_rollback_lose_no_request(disrupted: Disrupted<'_>) -> Result<()> {
    let (node, release) = (disrupted.node, &disrupted.release);
    for image in IMAGES {
        let (old, new) = (
            format!("localhost/{image}:{VERSION}"),
            format!("localhost/{image}:next"),
        );
        node.tag_image(&old, &new).await?;
    }
    let options = [
        "--set=image.tag=next",
        "--set=router.log=info\\,weir=debug",
        "--set=operator.log=debug",
    ];
    timed(
        "helm upgrade to another image and other values",
        release.upgrade(node, &options),
    )
    .await?;
    disrupted.everything_runs("next").await?;
    timed("helm rollback", release.roll_back(node)).await?;
    disrupted.everything_runs(VERSION).await?;
    disrupted.end().await
}

pub(crate) async fn restarts_and_an_eviction_lose_no_request(context: &Context) -> Result<()> {
    let disrupted = Disrupted::begin(context, Helm::Four, &[]).await?;
    for part in ["operator", "router"] {
        let what = format!("a rolling restart of the {part}s");
        timed(&what, disrupted.restart(part)).await?;
    }
    timed("a router's eviction", disrupted.evict_a_router()).await?;
    disrupted.end().await
}

pub(crate) async fn scaling_by_cpu_loses_no_request(context: &Context) -> Result<()> {
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    let options = [
        "--set=router.autoscaling.enabled=true",
        "--set=router.autoscaling.maxReplicas=3",
        "--set=router.resources.requests.cpu=100m",
        &format!("--set-json=router.autoscaling.behavior={behavior}"),
    ];
    let disrupted = Disrupted::begin(context, Helm::Four, &options).await?;
    let busy = disrupted.quick_load().await?.start();
    timed("from two routers to three, by CPU", disrupted.until_routers(3)).await?;
    busy.stop().await.all_good(1000)?;
    timed("and back to two", disrupted.until_routers(2)).await?;
    disrupted.end().await
}

/// The version of the images that were loaded.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An installation under load.
struct Disrupted<'a> {
    node: &'a Node,
    release: Release,
    load: PodLoad,
}

impl<'a> Disrupted<'a> {
    async fn begin(context: &'a Context, helm: Helm, options: &[&str]) -> Result<Self> {
        let (node, release) = (context.node().await?, Release::usual(helm));
        release.install(node, options).await?;
        let namespace = node.cluster.namespace("team").await?;
        program(node, &namespace).await?;
        node.provider.script(
            "gpt-5.2",
            Script::always(Behaviour::words(WORDS).paced(BETWEEN_WORDS)),
        );
        let slow = release
            .load(node, KEY, "policy/slow", Pace::PerSecond(20))
            .await?;
        let load = node.caller().await?.load(LOAD, &Load { words: WORDS, ..slow })?;
        Ok(Self { node, release, load })
    }

    /// Lets every stream come to its end, and judges.
    async fn end(self) -> Result<()> {
        let Self { node, release, load } = self;
        let summary = load.stop().await?;
        eprintln!(
            "           {} plain and streamed answers, {} failed or cut",
            summary.good,
            summary.failed()
        );
        summary.all_good(500)?;
        node.provider.script("gpt-5.2", Script::default());
        timed("helm uninstall", release.uninstall(node)).await
    }

    async fn quick_load(&self) -> Result<Load> {
        self.release
            .load(self.node, KEY, "policy/quick", Pace::Workers(4))
            .await
    }

    async fn restart(&self, part: &str) -> Result<()> {
        let deployment = format!("deployment/{}", self.release.part(part));
        self.rollout(&["restart", &deployment]).await?;
        self.rollout(&["status", "--timeout=3m", &deployment]).await
    }

    async fn rollout(&self, arguments: &[&str]) -> Result<()> {
        let arguments = [&["rollout", "-n", &self.release.namespace], arguments].concat();
        self.node
            .cluster
            .kubectl
            .run(&arguments)
            .await?
            .success()
            .map(drop)
    }

    /// By the API that drains nodes, and until another has taken its place and it is gone.
    async fn evict_a_router(&self) -> Result<()> {
        // One that ends anyway would not count.
        self.until_routers(2).await?;
        let routers = self.routers().await?;
        let name = name(routers.first().context("no router")?);
        let namespace = &self.release.namespace;
        let eviction = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        });
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
        let kubectl = &self.node.cluster.kubectl;
        let create = ["create", "--raw", &path, "-f", "-"];
        kubectl
            .run_with_input(&create, &eviction.to_string())
            .await?
            .success()?;
        let replaced = || async {
            let routers = self.routers().await?;
            let gone = routers.iter().all(|router| self::name(router) != name);
            Ok((gone && ready(&routers) == 2).then_some(()))
        };
        eventually("another router in its place", SOON, replaced).await
    }

    async fn until_routers(&self, count: usize) -> Result<()> {
        let counted = || async {
            let routers = self.routers().await?;
            Ok((routers.len() == count && ready(&routers) == count).then_some(()))
        };
        eventually(&format!("{count} routers"), 3 * SOON, counted).await
    }

    async fn everything_runs(&self, tag: &str) -> Result<()> {
        for part in ["operator", "router"] {
            let image = format!("localhost/weir-{part}:{tag}");
            let replaced = || async {
                let pods = self.pods(part).await?;
                let other = pods
                    .iter()
                    .filter(|pod| pod["spec"]["containers"][0]["image"] != *image);
                Ok((other.count() == 0 && ready(&pods) == 2).then_some(()))
            };
            eventually(&format!("every {part} to run {image}"), SOON, replaced).await?;
        }
        Ok(())
    }

    async fn routers(&self) -> Result<Vec<Value>> {
        self.pods("router").await
    }

    /// Every pod of a part, those that end included.
    async fn pods(&self, part: &str) -> Result<Vec<Value>> {
        let mut pods = self.node.cluster.list("Pod", &self.release.namespace).await?;
        pods.retain(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == part);
        Ok(pods)
    }
}

/// The binary that sends load.
const LOAD: &str = env!("CARGO_BIN_EXE_load");

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// How many of these pods are ready, and not about to end.
fn ready(pods: &[Value]) -> usize {
    let is_ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
        pod["metadata"]["deletionTimestamp"].is_null() && ready.any(|condition| condition["status"] == "True")
    };
    pods.iter().filter(is_ready).count()
}

async fn program(node: &Node, namespace: &str) -> Result<()> {
    let key = json!({"keys": [{"secretRef": {"name": "application", "key": "key"}}]});
    let policies = [
        load_balancing(namespace, "slow", &[model(SLOW, 1)]),
        load_balancing(namespace, "quick", &[model("google/gemini-2.5-pro", 1)]),
    ];
    let mut objects = vec![
        caller_secret(namespace, "application", KEY),
        access_key(namespace, "application", &key),
    ];
    objects.extend(policies.clone());
    node.cluster.apply_all(&objects).await?;
    for policy in &policies {
        node.cluster.condition(policy, "Programmed", "True", SOON).await?;
    }
    Ok(())
}
