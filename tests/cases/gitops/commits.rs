//! Policies in a Git repository, applied commit by commit as a pipeline does it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    command::Output,
    explain::{Expected, explain},
    fixtures::{self, load_balancing, model, policy},
    git::Repository,
    load::{Observation, Pace, Running, key},
    poll::eventually,
    site::Site,
    tools::repository,
};

use super::{SOON, published};
use crate::context::{Context, figure};

const FILE: &str = "policies.yaml";

/// A namespace, and the repository that it is to look like.
struct Pipeline<'a> {
    site: &'a Site,
    namespace: String,
    repository: Repository,
}

impl<'a> Pipeline<'a> {
    async fn new(site: &'a Site, name: &str) -> Result<Self> {
        let namespace = site.cluster.namespace(name).await?;
        let repository = Repository::create(&site.cluster.folder.join(&namespace))?;
        let kustomization = json!({"namespace": namespace, "resources": [FILE]});
        std::fs::write(
            repository.folder().join("kustomization.yaml"),
            kustomization.to_string(),
        )?;
        Ok(Self {
            site,
            namespace,
            repository,
        })
    }

    /// `kubectl apply -k` of what is checked out.
    async fn apply(&self) -> Result<Output> {
        let folder = self.repository.folder().to_string_lossy();
        self.site.cluster.kubectl.run(&["apply", "-k", &folder]).await
    }

    /// Applies what is checked out, and waits until every router serves it.
    async fn sync(&self) -> Result<()> {
        self.apply().await?.success()?;
        let condition = "--for=condition=Programmed";
        let wait = [
            "wait",
            condition,
            "lbp,fbp",
            "--all",
            "-n",
            &self.namespace,
            "--timeout=30s",
        ];
        self.site.cluster.kubectl.run(&wait).await?.success().map(drop)
    }

    /// Commits these policies, and waits until every router serves them.
    async fn deliver(&self, policies: &str, message: &str) -> Result<()> {
        self.repository.commit(FILE, policies, message)?;
        self.sync().await
    }
}

fn documents(policies: &[Value]) -> String {
    let texts: Vec<String> = policies.iter().map(Value::to_string).collect();
    texts.join("\n---\n")
}

/// A split of two models; without a namespace, which the kustomization gives.
fn split(share: u32) -> Value {
    let targets = [model("openai/o1", share), model("openai/o3-mini", 100 - share)];
    fixtures::weir(
        "LoadBalancingPolicy",
        None,
        "split",
        &json!({ "targets": targets }),
    )
}

pub(crate) async fn a_reverted_commit_restores_the_published_bytes(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let pipeline = Pipeline::new(site, "reverted").await?;
    pipeline.deliver(&documents(&[split(10)]), "Ten percent").await?;
    let good = published(site, &pipeline.namespace).await?;
    let name = format!("policy/{}/split", pipeline.namespace);
    let running = site.load(&name, Pace::PerSecond(50)).start();

    pipeline.deliver(&documents(&[split(50)]), "Half").await?;
    let half = published(site, &pipeline.namespace).await?;
    ensure!(half != good, "a changed weight has changed no byte");
    reverted(&pipeline, &good).await?;

    // The API server refuses this one, so nothing changes.
    let mut missing = split(10);
    missing["spec"]["targets"][1]["weight"].take();
    pipeline
        .repository
        .commit(FILE, &documents(&[missing]), "Forget a weight")?;
    let refused = pipeline.apply().await?;
    ensure!(
        refused.code != 0 && refused.stderr.contains("weight"),
        "{refused:?}"
    );
    reverted(&pipeline, &good).await?;

    // Only the operator can see what is wrong with this one: the last good version keeps serving.
    let mut circle = split(10);
    circle["spec"]["targets"][1] = policy("split", 90);
    pipeline
        .repository
        .commit(FILE, &documents(&[circle]), "Run in a circle")?;
    pipeline.apply().await?.success()?;
    last_good(&pipeline).await?;
    let kept = published(site, &pipeline.namespace).await?;
    ensure!(kept == good, "{kept}\ninstead of\n{good}");
    reverted(&pipeline, &good).await?;
    running.stop().await.all_good(50)
}

/// `git revert` and another apply bring back what was published before, to the byte.
async fn reverted(pipeline: &Pipeline<'_>, good: &Value) -> Result<()> {
    pipeline.repository.revert()?;
    pipeline.sync().await?;
    let now = published(pipeline.site, &pipeline.namespace).await?;
    ensure!(now == *good, "{now}\ninstead of\n{good}");
    Ok(())
}

/// The status says what is wrong and where, and that an earlier version serves.
async fn last_good(pipeline: &Pipeline<'_>) -> Result<()> {
    let cluster = &pipeline.site.cluster;
    let object = load_balancing(&pipeline.namespace, "split", &[]);
    let stalled = cluster.condition(&object, "Stalled", "True", SOON).await?;
    let message = stalled["message"].as_str().unwrap_or_default();
    ensure!(message.contains("spec.targets[1]"), "no place in {message:?}");
    cluster.condition(&object, "Ready", "False", SOON).await?;
    let programmed = cluster.condition(&object, "Programmed", "False", SOON).await?;
    ensure!(programmed["reason"] == "LastGoodServing", "{programmed}");
    Ok(())
}

/// How many callers there are.
const CALLERS: u64 = 100;

/// How many answers may still be on their way from before a step.
const UNDER_WAY: usize = 50;

/// How many answers it takes until every caller has asked both routers, plainly and for a stream.
const EVERYBODY: usize = 400;

pub(crate) async fn the_example_rollout_moves_only_whom_the_hash_moves(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let pipeline = Pipeline::new(site, "commits").await?;
    let name = format!("policy/{}/gradual-rollout", pipeline.namespace);
    let mut load = site.load(&name, Pace::PerSecond(150));
    load.keys = CALLERS;
    let mut running = None;
    let mut places: Vec<Expected> = Vec::new();
    for commit in commits()? {
        pipeline.deliver(&commit, "The next step").await?;
        let running = running.get_or_insert_with(|| load.clone().start());
        let expected = who(&pipeline, &name).await?;
        let from = running.count() + UNDER_WAY;
        everybody_asked(running, from + EVERYBODY).await?;
        in_place(&running.observations(from), &expected)?;
        places.push(expected);
    }
    let report = running.context("no commits")?.stop().await;
    report.all_good(3 * EVERYBODY)?;
    moved(&places)
}

/// The three steps of the example, each with the policies that all of them use.
fn commits() -> Result<Vec<String>> {
    let folder = repository().join("examples");
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let chains = ["production-fallback.yaml", "experimental-fallback.yaml"];
    let chains: Vec<String> = chains
        .iter()
        .map(|name| read(&folder.join(name)))
        .collect::<Result<_>>()?;
    let steps = ["1-80-20.yaml", "2-50-50.yaml", "3-0-100.yaml"];
    steps
        .iter()
        .map(|step| {
            Ok([
                &read(&folder.join("rollout").join(step))?,
                &*chains.join("\n---\n"),
            ]
            .join("\n---\n"))
        })
        .collect()
}

/// Where `weir explain` sends every caller by what is stored now.
async fn who(pipeline: &Pipeline<'_>, name: &str) -> Result<Expected> {
    let cluster = &pipeline.site.cluster;
    let mut policies = cluster.list("LoadBalancingPolicy", &pipeline.namespace).await?;
    policies.extend(cluster.list("FallbackPolicy", &pipeline.namespace).await?);
    let keys: Vec<String> = (0..CALLERS).map(key).collect();
    explain(
        &pipeline.site.tools,
        pipeline.repository.folder(),
        &policies,
        name,
        &keys,
    )
    .await
}

async fn everybody_asked(running: &Running, count: usize) -> Result<()> {
    let asked = || async { Ok((running.count() >= count).then_some(())) };
    eventually("everybody to ask", SOON, asked).await
}

fn in_place(observations: &[Observation], expected: &Expected) -> Result<()> {
    for seen in observations {
        let target = expected.get(&seen.key);
        ensure!(target == Some(&seen.model), "{seen:?} instead of {target:?}");
    }
    Ok(())
}

/// Nobody ever leaves the experiment, and in the end everybody is there.
fn moved(places: &[Expected]) -> Result<()> {
    let production = &places[0];
    let mut counts = Vec::new();
    for pair in places.windows(2) {
        for (caller, before) in &pair[0] {
            let after = pair[1].get(caller).context("a caller that is not explained")?;
            ensure!(
                before == after || is_experiment(after),
                "{caller} went back to {after}"
            );
        }
    }
    for place in places {
        counts.push(place.values().filter(|model| is_experiment(model)).count());
    }
    ensure!(
        counts.windows(2).all(|pair| pair[0] < pair[1]),
        "nobody moved: {counts:?}"
    );
    ensure!(
        counts.last() == Some(&production.len()),
        "not all have moved: {counts:?}"
    );
    figure(&format!(
        "three commits of the example: {counts:?} of {CALLERS} callers in the experiment"
    ));
    Ok(())
}

fn is_experiment(model: &str) -> bool {
    !model.starts_with("openai/gpt-5.2")
}
