//! The official SDKs, driven by small scripts in `sdk/`.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    client::Shape,
    tools::{Tools, repository},
};

/// An official SDK.
#[derive(Clone, Copy, Debug)]
pub enum Sdk {
    /// `openai` for Python.
    Python,
    /// `openai` for Node.
    Node,
}

/// What one call of an SDK gave.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// The trace id that was sent.
    pub key: String,
    /// The answer's `model`.
    pub model: String,
    /// The header `x-weir-model`.
    pub target: String,
    /// The answer's text.
    pub content: String,
}

impl Sdk {
    /// Asks `model` once for each key, and gives the calls by key. Any failed call fails all.
    pub async fn chat(
        self,
        tools: &Tools,
        base_url: &str,
        model: &str,
        shape: Shape,
        keys: &[String],
    ) -> Result<BTreeMap<String, Call>> {
        let mut command = self.command(tools)?;
        command.args(["--base-url", base_url, "--model", model, "--concurrency", "32"]);
        if shape == Shape::Streamed {
            command.arg("--stream");
        }
        let output = run(command, &keys.join("\n")).await?;
        let calls = output
            .lines()
            .map(|line| Ok(serde_json::from_str::<Call>(line)?))
            .collect::<Result<Vec<_>>>()?;
        ensure!(
            calls.len() == keys.len(),
            "{} answers to {} calls",
            calls.len(),
            keys.len()
        );
        Ok(calls.into_iter().map(|call| (call.key.clone(), call)).collect())
    }

    fn command(self, tools: &Tools) -> Result<Command> {
        let script = |name: &str| repository().join("tests/sdk").join(name);
        Ok(match self {
            Self::Python => with_script(tools.python()?, script("chat.py")),
            Self::Node => {
                let mut command = with_script(PathBuf::from("node"), script("chat.mjs"));
                command.env("WEIR_NODE_DIR", tools.node_folder()?);
                command
            }
        })
    }
}

fn with_script(program: PathBuf, script: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.arg(script);
    command
}

async fn run(mut command: Command, input: &str) -> Result<String> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().context("starting an SDK script")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    ensure!(
        output.status.success(),
        "the SDK script failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
