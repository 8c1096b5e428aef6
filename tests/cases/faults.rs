//! Faults around Weir, one by one: each is survived under constant plain and streamed load without one failed
//! request, is told of clearly, and leaves nothing behind. What an operator wrote meanwhile is judged as ever.

pub(crate) mod api_server;
pub(crate) mod handover;
pub(crate) mod meddling;
pub(crate) mod missing;
pub(crate) mod rights;
pub(crate) mod throttle;
pub(crate) mod upgrade;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::time::Instant;
use weir_tests::{
    client::Shape,
    fixtures::{load_balancing, model},
    identity::SYSTEM,
    load::{Pace, Report},
    poll::eventually,
    site::{Site, Ways},
};

use crate::context::{Context, figure};

/// How long anything may take that nothing hinders, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// How soon after a fault a change must be served everywhere.
const HEALING: Duration = Duration::from_mins(1);

/// The operator's count of failed watches.
const WATCH_ERRORS: &str = "weir_operator_watch_errors_total";

/// How many requests the load sends each second.
const RATE: u32 = 40;

/// Where a fault happens: an installation, and a namespace with one policy in it that is under load.
pub(crate) struct Scene {
    site: Arc<Site>,
    namespace: String,
}

impl Scene {
    async fn new(site: Arc<Site>) -> Result<Self> {
        let namespace = site.cluster.namespace("fault").await?;
        let scene = Self { site, namespace };
        scene.site.program(&[scene.policy(1)], SOON).await?;
        Ok(scene)
    }

    /// Version `share` of the policy.
    fn policy(&self, share: u32) -> Value {
        let targets = [model("openai/o1", share), model("openai/o3-mini", 100)];
        load_balancing(&self.namespace, "p", &targets)
    }

    /// The name by which callers reach the policy.
    fn name(&self) -> String {
        format!("policy/{}/p", self.namespace)
    }

    /// Applies a version of the policy, as soon as there is somebody to take it.
    async fn apply(&self, share: u32) -> Result<Value> {
        let policy = self.policy(share);
        let applied = async || Ok(Some(self.site.cluster.apply(&policy).await?));
        eventually("the API server to take a change", SOON, applied).await?;
        Ok(policy)
    }

    /// Applies a version of the policy, and waits until it is served everywhere.
    async fn programmed(&self, share: u32, within: Duration) -> Result<()> {
        let policy = self.apply(share).await?;
        self.is_programmed(&policy, within).await
    }

    async fn is_programmed(&self, policy: &Value, within: Duration) -> Result<()> {
        let cluster = &self.site.cluster;
        cluster
            .condition(policy, "Programmed", "True", within)
            .await
            .map(drop)
    }

    /// The policy's table as it is published.
    async fn table(&self) -> Result<Value> {
        let name = format!("weir-ns-{}", self.namespace);
        let found = self.site.cluster.get("ConfigMap", Some(SYSTEM), &name).await?;
        found.with_context(|| format!("there is no {name}"))
    }

    /// The ways to the API server.
    fn ways(&self) -> Result<&Ways> {
        self.site
            .ways
            .as_ref()
            .context("the ways to the API server are direct")
    }

    /// How much the operator counts, in all of its series whose lines have all of these words.
    async fn counted(&self, words: &[&str]) -> Result<u64> {
        let metrics = self.site.operator_metrics().await?;
        Ok(total_of(&metrics, |line| {
            words.iter().all(|word| line.contains(word))
        }))
    }

    /// Waits until the operator counts more of it than `before`: the installation is not new, nor are its counts.
    async fn counts(&self, words: &[&str], before: u64) -> Result<()> {
        let probe = async || Ok((self.counted(words).await? > before).then_some(()));
        eventually(&format!("the operator to count {words:?}"), SOON, probe).await
    }

    /// Waits until the operator leads, or does not.
    async fn operator_leads(&self, expected: bool) -> Result<()> {
        let probe = async || {
            let leads = total(&self.site.operator_metrics().await?, "weir_operator_leader") == 1;
            Ok((leads == expected).then_some(()))
        };
        eventually(&format!("the operator's leading to be {expected}"), SOON, probe).await
    }

    /// Waits until the operator has logged a line with all of these words, since there were `before` of them.
    async fn operator_says(&self, words: &[&str], before: usize) -> Result<()> {
        let probe = async || Ok((self.site.operator.logged(words)? > before).then_some(()));
        eventually(&format!("the operator to log {words:?}"), SOON, probe).await
    }
}

/// The sum of all series of a metric, by the beginning of their lines.
fn total(metrics: &str, series: &str) -> u64 {
    total_of(metrics, |line| line.starts_with(series))
}

/// The sum of the series whose lines are wanted.
fn total_of(metrics: &str, is_wanted: impl Fn(&str) -> bool) -> u64 {
    let lines = metrics.lines().filter(|line| is_wanted(line));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Fails unless every request was answered well, there were at least half of those that were due in this time, and
/// plain and streamed ones alike.
fn went_on(report: &Report, lasted: Duration) -> Result<()> {
    let due = u64::from(RATE) * lasted.as_secs();
    report.all_good(usize::try_from(due / 2)?.max(1))?;
    for shape in [Shape::Plain, Shape::Streamed] {
        let answers = report.observations.iter().filter(|answer| answer.shape == shape);
        let share = answers.count() * 3;
        ensure!(share >= report.observations.len(), "hardly any {shape:?} answers");
    }
    Ok(())
}

/// Lets a fault happen, on the installation that faults share.
async fn under_load(context: &Context, fault: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    let mut lent = context.troubled().await;
    let site = match lent.take() {
        Some(site) => site,
        None => context.start_troubled().await?,
    };
    context.uses(&site);
    survived(Arc::clone(&site), fault).await?;
    *lent = Some(site);
    Ok(())
}

/// Lets a fault happen under load; no request may fail, and a change made afterwards must be served soon.
async fn survived(site: Arc<Site>, fault: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    let scene = Scene::new(site).await?;
    let running = scene.site.load(&scene.name(), Pace::PerSecond(RATE)).start();
    let started = Instant::now();
    fault(&scene).await?;
    let took = started.elapsed();
    let began = Instant::now();
    scene.programmed(99, HEALING).await.context("after the fault")?;
    let healed = began.elapsed();
    let (report, lasted) = (running.stop().await, started.elapsed());
    figure(&format!(
        "a fault of {took:.1?}: {} answers, {} failed; a change after it was served everywhere within {healed:.1?}",
        report.total(),
        report.failed()
    ));
    went_on(&report, lasted)
}
