//! What Argo CD, Flux and Helm make of objects, told by their own libraries through one small program.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{cluster::Cluster, tools::Tools};

/// An engine, in one of its ways to apply and to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Argo CD as it is by default: client-side apply, a three-way comparison.
    ArgoCd,
    /// Argo CD with server-side apply, compared by a dry run of it.
    ArgoCdServerSide,
    /// Flux: server-side apply, compared by a dry run of it.
    Flux,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::ArgoCd => "argo-cd",
            Self::ArgoCdServerSide => "argo-cd-server-side",
            Self::Flux => "flux",
        }
    }
}

/// An object as it was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Observed {
    /// Whether its controller had finished with it.
    pub settled: bool,
    /// The object.
    pub object: Value,
}

/// What Argo CD shows of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `Healthy`, `Progressing`, `Degraded` or `Suspended`.
    pub status: String,
    /// For people.
    pub message: String,
}

/// What the engines make of one object.
#[derive(Clone, Debug, Deserialize)]
pub struct Judgement {
    /// What Flux and Helm wait for: `Current`, `InProgress` or `Failed`.
    pub kstatus: String,
    /// What Flux's checker of conditions forbids; empty if nothing.
    pub fail: String,
    /// What it advises against; empty if nothing.
    pub warn: String,
    /// What Argo CD shows, by the given scripts.
    pub health: Health,
}

/// One test of a `health_test.yaml`, as it went.
#[derive(Clone, Debug, Deserialize)]
pub struct HealthRun {
    /// The file that was judged.
    pub input: String,
    /// What the test says.
    pub expected: Health,
    /// What the script says.
    pub got: Health,
}

#[derive(Deserialize)]
struct Outcome {
    object: String,
    result: String,
}

/// Applies objects as an engine would.
pub async fn apply(tools: &Tools, cluster: &Cluster, engine: Engine, objects: &[Value]) -> Result<()> {
    let arguments = ["apply".as_ref(), Path::new(engine.name())];
    let kubeconfig = Some(cluster.kubectl.kubeconfig());
    ask::<Vec<Outcome>>(tools, kubeconfig, arguments, Some(&objects))
        .await
        .map(drop)
}

/// How the cluster differs from what was applied, as an engine compares: one line for each object that differs.
pub async fn drift(
    tools: &Tools,
    cluster: &Cluster,
    engine: Engine,
    objects: &[Value],
) -> Result<Vec<String>> {
    let arguments = ["drift".as_ref(), Path::new(engine.name())];
    let kubeconfig = Some(cluster.kubectl.kubeconfig());
    let outcomes: Vec<Outcome> = ask(tools, kubeconfig, arguments, Some(&objects)).await?;
    ensure!(outcomes.len() == objects.len(), "not every object was compared");
    let differ = outcomes.into_iter().filter(|outcome| !outcome.result.is_empty());
    Ok(differ
        .map(|outcome| format!("{}: {}", outcome.object, outcome.result))
        .collect())
}

/// What the engines make of objects, in the same order; `scripts` is shaped as Argo CD's `resource_customizations`.
pub async fn judge(tools: &Tools, scripts: &Path, objects: &[Observed]) -> Result<Vec<Judgement>> {
    ask(tools, None, ["judge".as_ref(), scripts], Some(&objects)).await
}

/// Runs every `health_test.yaml` of a folder shaped as Argo CD's `resource_customizations`.
pub async fn health_tests(tools: &Tools, scripts: &Path) -> Result<Vec<HealthRun>> {
    ask(tools, None, ["health".as_ref(), scripts], None::<&()>).await
}

/// Reads a file of Flux's `HelmRelease`s by Flux's own types, which know every field or refuse; gives their names.
pub async fn releases(tools: &Tools, file: &Path) -> Result<Vec<String>> {
    ask(tools, None, ["releases".as_ref(), file], None::<&()>).await
}

async fn ask<T: DeserializeOwned>(
    tools: &Tools,
    kubeconfig: Option<&Path>,
    arguments: [&Path; 2],
    input: Option<&impl Serialize>,
) -> Result<T> {
    let mut command = Command::new(tools.referee()?);
    command.args(arguments).kill_on_drop(true);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(path) = kubeconfig {
        command.env("KUBECONFIG", path);
    }
    let mut child = command.spawn().context("starting the referee")?;
    if let Some((mut stdin, input)) = child.stdin.take().zip(input) {
        stdin.write_all(&serde_json::to_vec(input)?).await?;
    }
    let output = child.wait_with_output().await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the referee: {errors}");
    serde_json::from_slice(&output.stdout).with_context(|| format!("the referee's answer; {errors}"))
}
