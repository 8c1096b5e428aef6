//! `weir explain`, the same selection without traffic: the oracle of who goes where.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::{fixtures, identity::SYSTEM, tools::Tools};

/// Where each key goes: the model that answers first, by key.
pub type Expected = BTreeMap<String, String>;

/// Asks where `keys` go in policy `name` of `policies`; everything passes through files in `folder`.
pub async fn explain(
    tools: &Tools,
    folder: &Path,
    policies: &[Value],
    model: &str,
    keys: &[String],
) -> Result<Expected> {
    let (objects, list) = (folder.join("explain.yaml"), folder.join("explain.keys"));
    let documents: Vec<String> = providers().iter().chain(policies).map(Value::to_string).collect();
    std::fs::write(&objects, documents.join("\n---\n"))?;
    std::fs::write(&list, keys.join("\n") + "\n")?;
    let mut command = Command::new(tools.weir("weir")?);
    command
        .arg("explain")
        .arg("-f")
        .arg(&objects)
        .arg(model)
        .arg("--keys")
        .arg(&list)
        .args(["-o", "json"]);
    let output = command.output().await.context("starting weir")?;
    ensure!(
        output.status.success(),
        "weir explain: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    parse(&String::from_utf8(output.stdout)?)
}

/// The providers as a site has them; where they are does not matter here.
fn providers() -> Vec<Value> {
    let of = |name: &&str| {
        [
            fixtures::provider_secret(SYSTEM, name, "unused"),
            fixtures::cluster_provider(name, "http://127.0.0.1:9/v1"),
        ]
    };
    fixtures::PROVIDERS.iter().flat_map(of).collect()
}

/// One object a line.
fn parse(text: &str) -> Result<Expected> {
    text.lines().map(pair).collect()
}

fn pair(line: &str) -> Result<(String, String)> {
    let explained: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
    let text = |name: &str| Some(explained[name].as_str()?.to_owned());
    text("key")
        .zip(text("model"))
        .with_context(|| format!("no key or model in {line}"))
}
