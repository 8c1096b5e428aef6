//! A cluster for hands: a node that runs pods, Weir on it by its charts, a provider beside it, and a shell.

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde_json::json;
use tokio::process::Command;
use weir_tests::{
    fixtures::{access_key, caller_secret, load_balancing, model},
    node::{self, Node, Release, helm_folders},
    site::logs,
    timing::timed,
    tools::{self, Helm, Tools},
};

/// How long the first policy may take to reach every router.
const SOON: Duration = Duration::from_secs(30);

/// The key of callers of the namespace `default`.
const KEY: &str = "a-key-for-hands-0123456789abcdefghij";

/// Brings up a Kubernetes cluster with Weir on this machine, for as long as a shell or a command runs in it.
#[derive(Parser)]
struct Arguments {
    /// What is installed.
    #[arg(long, value_enum, default_value_t = What::Weir)]
    with: What,
    /// Which Helm installs it.
    #[arg(long, value_enum, default_value_t = Version::Four)]
    helm: Version,
    /// What to run in place of a shell.
    #[arg(trailing_var_arg = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Weir, with a policy and a key.
    Weir,
    /// Weir's images, for charts and manifests of one's own.
    Images,
    /// Nothing.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    #[value(name = "3")]
    Three,
    #[value(name = "4")]
    Four,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match enter_and_run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}\nLogs are in {}.", logs().display());
            ExitCode::FAILURE
        }
    }
}

fn enter_and_run(arguments: &Arguments) -> Result<ExitCode> {
    node::enter()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let code = runtime.block_on(run(arguments))?;
    std::fs::remove_dir_all(logs()).ok();
    Ok(code)
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let tools = Tools::find()?;
    let folder = logs().join("node");
    let node = timed("the cluster is up", Box::pin(Node::start(&tools, &folder))).await?;
    if arguments.with != What::Nothing {
        timed("loading Weir's images", node.load_weir()).await?;
    }
    if arguments.with == What::Weir {
        install(&node, arguments.helm).await?;
    }
    tokio::select! {
        code = run_in(&node, arguments, &folder) => code,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| ExitCode::from(130)).map_err(Into::into),
    }
}

async fn install(node: &Node, version: Version) -> Result<()> {
    let helm = match version {
        Version::Three => Helm::Three,
        Version::Four => Helm::Four,
    };
    let release = Release::usual(helm);
    release.install(node, &[]).await?;
    let keys = json!({"keys": [{"secretRef": {"name": "hands", "key": "key"}}]});
    let models = [
        model("openai/gpt-5.2", 80),
        model("anthropic/claude-sonnet-4-5", 20),
    ];
    let objects = [
        caller_secret("default", "hands", KEY),
        access_key("default", "hands", &keys),
        load_balancing("default", "first", &models),
    ];
    node.cluster.apply_all(&objects).await?;
    if let Some(policy) = objects.last() {
        node.cluster.condition(policy, "Programmed", "True", SOON).await?;
    }
    let url = release.base_url(node).await?;
    eprintln!(
        "\nWeir is in {}. A provider plays openai, anthropic, google, deepseek and bedrock. Try:\n\n  \
         curl {url}/chat/completions -H 'authorization: Bearer {KEY}' -H 'content-type: application/json' \\\n    \
         -d '{{\"model\": \"policy/first\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n",
        release.namespace,
    );
    Ok(())
}

/// Runs the command, or a shell, with what administrators have at hand.
async fn run_in(node: &Node, arguments: &Arguments, folder: &Path) -> Result<ExitCode> {
    let mut words = arguments.command.iter();
    let shell = OsString::from("bash");
    let mut command = Command::new(words.next().unwrap_or(&shell));
    command.args(words).envs(helm_folders());
    command.env("KUBECONFIG", node.kubeconfig());
    command.env("KUBECACHEDIR", folder.join("kubectl"));
    command.env("PATH", search_path(node, &folder.join("bin"))?);
    if arguments.command.is_empty() {
        eprintln!("`kubectl`, `helm` and `helm3` are at hand. Ctrl-D ends everything.");
    }
    let status = command.status().await.context("starting the command")?;
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// `PATH`, led by a folder with the tools under their usual names.
fn search_path(node: &Node, folder: &Path) -> Result<OsString> {
    std::fs::create_dir_all(folder)?;
    let tools = [
        ("kubectl", node.tools.kubernetes("kubectl")?),
        ("helm", node.tools.helm(Helm::Four)?),
        ("helm3", node.tools.helm(Helm::Three)?),
    ];
    for (name, program) in tools {
        std::os::unix::fs::symlink(program, folder.join(name))?;
    }
    let inherited = tools::search_path();
    let folders = std::env::split_paths(&inherited);
    Ok(std::env::join_paths(
        [folder.to_owned()].into_iter().chain(folders),
    )?)
}
