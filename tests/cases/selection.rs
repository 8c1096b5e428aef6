//! The selection, against an implementation in another language that was written from its published page.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, process::Command};
use weir_table::{
    Prices,
    model::{Model, Node, Split, SplitTarget},
    select::{hash, seed},
};
use weir_tests::{load::key, tools::repository};

use crate::context::{Context, figure};

const KEYS: u64 = 100_000;
const SALT: &str = "default/reasoning-experiment";
const TARGETS: [(&str, f64); 4] = [
    ("openai/o1", 50.0),
    ("openai/o3-mini", 25.0),
    ("deepseek/reasoner", 24.9),
    ("policy/é", 0.1),
];

pub(crate) async fn agrees_with_another_language_on_a_hundred_thousand_keys(context: &Context) -> Result<()> {
    let output = python(context).await?;
    let split = split();
    let mut lines = output.lines();
    for number in 0..KEYS {
        let key = key(number);
        let winner = split.select(key.as_bytes()).context("no target")?;
        let hashes = TARGETS.map(|(name, _)| format!("{:016x}", hash(key.as_bytes(), seed(SALT, name))));
        let ours = format!("{} {}", hashes.join(" "), winner.name);
        let theirs = lines.next().unwrap_or_default();
        ensure!(ours == theirs, "{key}: {ours} here, {theirs} there");
    }
    figure(&format!(
        "{KEYS} keys: every hash to the bit and every winner as Python's xxhash has them"
    ));
    Ok(())
}

async fn python(context: &Context) -> Result<String> {
    let mut command = Command::new(context.tools.python()?);
    command.arg(repository().join("tests/sdk/selection.py"));
    command
        .arg("--vectors")
        .arg(repository().join("docs/selection-vectors.json"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let asked = json!({"salt": SALT, "targets": TARGETS, "keys": KEYS}).to_string();
    child
        .stdin
        .take()
        .context("no input")?
        .write_all(asked.as_bytes())
        .await?;
    let output = child.wait_with_output().await?;
    ensure!(
        output.status.success(),
        "the Python implementation differs from the published vectors, or failed"
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn split() -> Split {
    let leaf = |name: &str| {
        let (model, provider, upstream) = (name.to_owned(), String::new(), String::new());
        let (region, credential, context_window) = (None, None, None);
        Node::from(Model {
            model,
            provider,
            upstream,
            region,
            credential,
            context_window,
            reasoning: false,
            prices: Prices::default(),
        })
    };
    let targets = TARGETS.map(|(name, weight)| SplitTarget::new(name.to_owned(), weight, leaf(name)));
    Split::new(
        String::from("reasoning-experiment"),
        SALT.to_owned(),
        Vec::new(),
        targets.to_vec(),
    )
}
