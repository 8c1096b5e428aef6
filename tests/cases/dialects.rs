//! Official SDKs through Weir to providers that others wrote, for every dialect: what works, what is refused, and
//! that `docs/dialects.md` says so.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use weir_tests::{
    poll::eventually,
    process::Process,
    site::logs,
    standalone::Standalone,
    tools::{Tools, repository},
};

use crate::context::{Context, figure};

const SOON: Duration = Duration::from_secs(30);
const LISTEN: &str = "127.0.0.1:18080";
const TARGETS: [&str; 5] = ["OpenAI", "AzureOpenAI", "Anthropic", "Gemini", "Bedrock"];
const BEGIN: &str = "<!-- The tests write what stands below. -->\n";
const END: &str = "<!-- The tests write what stands above. -->\n";

/// What became of one capability, for one caller and one target.
#[derive(Debug, Deserialize)]
struct Cell {
    caller: String,
    target: String,
    capability: String,
    mode: String,
    outcome: String,
}

pub(crate) async fn every_sdk_gets_what_the_documented_table_says(context: &Context) -> Result<()> {
    let tools = &context.tools;
    let providers = Providers::start(tools).await?;
    let documents = documents(&providers.url);
    let weir = Standalone::start(tools, &folder(), 18080, &documents).await?;
    let mut cells = python(tools, "main.py", Some(&providers.url)).await?;
    cells.extend(python(tools, "others.py", None).await?);
    cells.extend(node(tools).await?);
    weir.process.check().await?;
    let broken: Vec<&Cell> = cells
        .iter()
        .filter(|cell| cell.outcome.starts_with("broken"))
        .collect();
    ensure!(
        broken.is_empty(),
        "{} cells are broken: {broken:#?}",
        broken.len()
    );
    figure(&format!(
        "{} cells of callers, targets and capabilities ran",
        cells.len()
    ));
    compare(&tables(&cells))
}

/// The mocked providers, and where they are.
struct Providers {
    _process: Process,
    url: String,
}

impl Providers {
    async fn start(tools: &Tools) -> Result<Self> {
        let mut command = Command::new("node");
        command
            .arg(repository().join("tests/sdk/providers.mjs"))
            .env("WEIR_NODE_DIR", tools.node_folder()?);
        let process = Process::spawn("providers", command, &folder())?;
        let told = || async { Ok(port(&std::fs::read_to_string(process.log())?)) };
        let port = eventually("the mocked providers to listen", SOON, told)
            .await
            .with_context(|| process.log_tail())?;
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self {
            _process: process,
            url,
        })
    }
}

fn port(log: &str) -> Option<u64> {
    log.lines()
        .find_map(|line| serde_json::from_str::<Value>(line).ok()?["port"].as_u64())
}

fn folder() -> PathBuf {
    logs().join("dialects")
}

fn documents(url: &str) -> Vec<Value> {
    let secret = |name: &str, values: Value| {
        let metadata = json!({"name": name, "namespace": "weir-system"});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})
    };
    let aws = json!({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "not-a-secret-0123456789"});
    let key = json!({"secretRef": {"name": "keys", "key": "key"}});
    let openai = format!("{url}/v1");
    let gemini = format!("{url}/v1beta");
    vec![
        secret("keys", json!({"key": "sk-of-the-provider"})),
        secret("aws", aws),
        provider(
            "openai",
            &json!({"dialect": "OpenAI", "baseURL": openai, "credential": key}),
        ),
        provider(
            "azure",
            &json!({"dialect": "AzureOpenAI", "baseURL": url, "apiVersion": "2024-10-21", "credential": key}),
        ),
        provider(
            "anthropic",
            &json!({"dialect": "Anthropic", "baseURL": url, "credential": key}),
        ),
        provider(
            "gemini",
            &json!({"dialect": "Gemini", "baseURL": gemini, "credential": key}),
        ),
        provider(
            "bedrock",
            &json!({
                "dialect": "Bedrock", "baseURL": url, "region": "eu-central-1",
                "credential": {"aws": {"secretRef": {"name": "aws"}}},
            }),
        ),
    ]
}

fn provider(name: &str, spec: &Value) -> Value {
    let metadata = json!({"name": name});
    json!({"apiVersion": "weir.dev/v1alpha1", "kind": "ClusterProvider", "metadata": metadata, "spec": spec})
}

async fn python(tools: &Tools, script: &str, recorder: Option<&str>) -> Result<Vec<Cell>> {
    let mut command = Command::new(tools.python()?);
    command.arg(repository().join("tests/sdk/dialects").join(script));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(recorder) = recorder {
        command.args(["--recorder", recorder]);
    }
    cells(command).await
}

async fn node(tools: &Tools) -> Result<Vec<Cell>> {
    let mut command = Command::new("node");
    command.arg(repository().join("tests/sdk/dialects/node.mjs"));
    command.env("WEIR_NODE_DIR", tools.node_folder()?);
    cells(command).await
}

/// The lines that a script prints.
async fn cells(mut command: Command) -> Result<Vec<Cell>> {
    command.args(["--base-url", &format!("http://{LISTEN}")]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "a script of an SDK failed: {said}");
    let text = String::from_utf8(output.stdout)?;
    let read = |line| serde_json::from_str(line).with_context(|| format!("reading {line}"));
    text.lines().map(read).collect()
}

/// One table for each caller, in the order in which capabilities were first seen in a sorted list.
fn tables(cells: &[Cell]) -> String {
    let mut callers: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, Outcomes<'_>>>> = BTreeMap::new();
    for cell in cells {
        let rows = callers.entry(title(&cell.caller)).or_default();
        let row = rows.entry(&cell.capability).or_default();
        let outcomes = row.entry(&cell.target).or_default();
        outcomes.insert(&cell.mode, &cell.outcome);
    }
    let mut text = String::new();
    for (caller, rows) in callers {
        // Writing to a string does not fail.
        let _ok = write!(text, "\n### {caller}\n\n| |");
        for target in TARGETS {
            let _ok = write!(text, " {target} |");
        }
        let _ok = write!(text, "\n|---|{}\n", "---|".repeat(TARGETS.len()));
        for (capability, row) in rows {
            let _ok = write!(text, "| {capability} |");
            for target in TARGETS {
                let _ok = write!(text, " {} |", entry(row.get(target)));
            }
            text.push('\n');
        }
    }
    text.push('\n');
    text
}

/// What became of a cell, by mode.
type Outcomes<'a> = BTreeMap<&'a str, &'a str>;

fn title(caller: &str) -> &str {
    match caller {
        "chat" => "`POST /v1/chat/completions`, by openai for Python",
        "messages" => "`POST /v1/messages`, by anthropic for Python",
        "responses" => "`POST /v1/responses`, by openai for Python",
        other => other,
    }
}

/// One word where both modes came to the same.
fn entry(outcomes: Option<&Outcomes<'_>>) -> String {
    let Some(outcomes) = outcomes else {
        return "–".to_owned();
    };
    let (whole, stream) = (outcomes.get("whole"), outcomes.get("stream"));
    match (whole, stream) {
        (Some(whole), Some(stream)) if whole == stream => (*whole).to_owned(),
        (Some(whole), Some(stream)) => format!("{whole}; streamed: {stream}"),
        (Some(only), None) | (None, Some(only)) => (*only).to_owned(),
        (None, None) => "–".to_owned(),
    }
}

/// Compares with the documentation, or writes it where `UPDATE_DOCS` is set.
fn compare(tables: &str) -> Result<()> {
    let file = repository().join("docs/dialects.md");
    let text = std::fs::read_to_string(&file)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("docs/dialects.md has no place for the tables")?;
    let (documented, after) = rest
        .split_once(END)
        .context("docs/dialects.md has no end of the tables")?;
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}{tables}{END}{after}"))?;
        return Ok(());
    }
    ensure!(
        documented == tables,
        "docs/dialects.md says otherwise; UPDATE_DOCS=1 writes it anew, look at the difference:\n{tables}"
    );
    Ok(())
}
