//! The official SDKs, driven by small scripts in `sdk/`.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::{
    client::Shape,
    command,
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
        command.args(arguments(base_url, model, shape));
        let output = command::run(command, &keys.join("\n")).await?.success()?;
        calls(&output, keys)
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

/// What an SDK's script is called with, beside the keys that it reads.
pub fn arguments(base_url: &str, model: &str, shape: Shape) -> Vec<String> {
    let mut arguments = ["--base-url", base_url, "--model", model, "--concurrency", "32"]
        .map(String::from)
        .to_vec();
    if shape == Shape::Streamed {
        arguments.push(String::from("--stream"));
    }
    arguments
}

/// Reads what an SDK's script printed: a call for each of `keys`.
pub fn calls(output: &str, keys: &[String]) -> Result<BTreeMap<String, Call>> {
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
