//! The first command of the README: what it prints can be pasted, and answers as promised.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use weir_tests::{
    poll::eventually,
    process::Process,
    site::logs,
    tools::{Tools, repository},
};

use crate::context::Context;

const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn what_the_demo_prints_can_be_pasted(context: &Context) -> Result<()> {
    let demo = start(&context.tools)?;
    let ready = || async { Ok(printed(&demo)?.contains("Ctrl-C ends the demo").then_some(())) };
    eventually("the demo to say how to use it", SOON, ready)
        .await
        .with_context(|| demo.log_tail())?;
    let text = printed(&demo)?;
    let pasted: Vec<&str> = text.lines().filter(|line| line.starts_with("curl ")).collect();
    ensure!(pasted.len() >= 4, "only {} commands: {text}", pasted.len());
    for command in &pasted {
        paste(command).await?;
    }
    let first = paste(pasted[0]).await?.to_lowercase();
    ensure!(first.starts_with("http/1.1 200"), "{first}");
    for header in [
        "x-request-id",
        "x-weir-policy",
        "x-weir-model",
        "x-weir-path",
        "x-weir-attempts",
        "x-weir-table",
    ] {
        ensure!(first.contains(&format!("\n{header}: ")), "no {header}: {first}");
    }
    let again = paste(pasted[0]).await?.to_lowercase();
    ensure!(
        model(&first) == model(&again),
        "the same trace id got another model"
    );
    ensure!(demo.terminate(SOON).await?.success(), "the demo did not end well");
    Ok(())
}

/// Starts the demo at its own addresses, which nothing else uses in the tests' network.
fn start(tools: &Tools) -> Result<Process> {
    let mut command = Command::new(tools.weir("weir")?);
    command.arg("demo").current_dir(elsewhere()?);
    Process::spawn("demo", command, &logs().join("demo"))
}

/// A folder that is not the repository: the demo must not need it.
fn elsewhere() -> Result<PathBuf> {
    let folder = logs().join("demo");
    std::fs::create_dir_all(&folder)?;
    ensure!(folder != repository());
    Ok(folder)
}

fn printed(demo: &Process) -> Result<String> {
    Ok(std::fs::read_to_string(demo.log())?)
}

async fn paste(command: &str) -> Result<String> {
    let output = Command::new("sh").arg("-c").arg(command).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success() && !text.is_empty(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}

fn model(answer: &str) -> Option<&str> {
    answer
        .lines()
        .find_map(|line| line.strip_prefix("x-weir-model: "))
}
