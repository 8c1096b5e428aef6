//! Prints what tables take in a router's memory, before, while and after every one of them is replaced:
//! `cargo run --release -p weir-router --example memory [POLICIES [SWAPS]]`. The policies have three targets each, and
//! every tenth has another one of them below it.
#![allow(clippy::print_stdout, reason = "printing is all that it does")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;
use std::{env, fs};

use tokio::time::sleep;
use weir_router::source::pushed;
use weir_router::surroundings::Surroundings;
use weir_router::{Config, Engine, Secret};
use weir_table::check::check;
use weir_table::{Checked, CredentialId, Format, Scope, Table, codec};

const NAMESPACES: usize = 20;

/// Of what targets are, each with the dialect of its provider.
const PROVIDERS: [(&str, &str); 4] = [
    ("openai", "OpenAI"),
    ("anthropic", "Anthropic"),
    ("google", "Gemini"),
    ("azure", "AzureOpenAI"),
];

/// The models that each provider has.
const MODELS: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = env::args().skip(1).filter_map(|number| number.parse().ok());
    let (policies, swaps) = (numbers.next().unwrap_or(10_000), numbers.next().unwrap_or(5));
    let (pusher, updates) = pushed::source();
    let config = Config::new(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into());
    let engine = Engine::start(&config, Surroundings::System, updates)?;
    pusher
        .push(vec![checked(Table::empty(Scope::Cluster))?], BTreeMap::new())
        .await?;
    taken_in(&engine, 1).await;
    tell("without a policy")?;
    for swap in 0..=swaps {
        let mut tables = vec![checked(Table::empty(Scope::Cluster))?];
        for namespace in 0..NAMESPACES {
            tables.push(read(namespace, policies / NAMESPACES, swap)?);
        }
        let credentials = BTreeMap::from([(credential(), Secret::new("sk"))]);
        pusher.push(tables, credentials).await?;
        taken_in(&engine, 2 + swap).await;
        tell(&format!("{policies} policies, swapped {swap} times"))?;
    }
    Ok(())
}

/// Waits until so many snapshots have been put in force.
async fn taken_in(engine: &Engine, swaps: usize) {
    let line = format!("weir_router_table_swaps_total {swaps}\n");
    while !engine.metrics().contains(&line) {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Resident memory of this process, by `proc_pid_smaps(5)`.
fn tell(when: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let mib = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    };
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!(
        "{when:38} {:6.1} MiB anonymous, {:6.1} MiB resident, peak {}",
        mib("Anonymous:"),
        mib("Rss:"),
        peak.unwrap_or_default().trim()
    );
    Ok(())
}

/// A namespace's table as a router gets it: read from its document, and what is equal in it held once before the next
/// one is read.
fn read(namespace: usize, policies: usize, swap: usize) -> Result<Checked, Box<dyn Error>> {
    let document = document(namespace, policies, swap).to_string();
    let table: Table = serde_json::from_str(&document)?;
    let encoded = codec::encode(&table, Format::NEWEST);
    drop(table);
    Ok(checked(codec::decode(&encoded.json)?.table)?.shared(None))
}

fn checked(table: Table) -> Result<Checked, Box<dyn Error>> {
    check(table).map_err(|violations| format!("{violations:?}").into())
}

fn credential() -> CredentialId {
    CredentialId::of_secret_key("weir-system", "keys", "api-key")
}

fn document(namespace: usize, policies: usize, swap: usize) -> serde_json::Value {
    let providers: BTreeMap<_, _> = PROVIDERS
        .map(|(name, dialect)| {
            let provider = serde_json::json!({
                "owner": "cluster",
                "dialect": dialect,
                "baseUrl": format!("https://{name}.example.com/v1"),
                "credential": {"named": credential()},
                // Another one each time, so that each swap replaces every table.
                "timeouts": {"connectMs": 1000 + swap},
            });
            (name, serde_json::json!({"live": provider}))
        })
        .into();
    let policies: BTreeMap<_, _> = (0..policies)
        .map(|number| (policy_name(number), policy(namespace, number)))
        .collect();
    serde_json::json!({
        "scope": {"namespace": namespace_name(namespace)},
        "policies": policies,
        "providers": providers,
    })
}

fn namespace_name(namespace: usize) -> String {
    format!("tenant-{namespace}")
}

fn policy_name(number: usize) -> String {
    format!("policy-{number}")
}

fn policy(namespace: usize, number: usize) -> serde_json::Value {
    serde_json::json!({"kind": "chat", "exposeTo": BTreeSet::<String>::new(), "root": split(namespace, number)})
}

fn split(namespace: usize, number: usize) -> serde_json::Value {
    let mut targets: Vec<_> = (0..3).map(|target| model(number + target)).collect();
    if number % 10 == 9 {
        let below = split(namespace, number - 1);
        targets[0] = serde_json::json!({"name": format!("policy/{}", policy_name(number - 1)), "weight": 20.0, "node": below});
    }
    let salt = format!("{}/{}", namespace_name(namespace), policy_name(number));
    serde_json::json!({"split": {"policy": policy_name(number), "salt": salt, "targets": targets}})
}

fn model(number: usize) -> serde_json::Value {
    let provider = PROVIDERS[number % PROVIDERS.len()].0;
    let model = format!("{provider}/large-model-{}", number / 3 % MODELS);
    serde_json::json!({
        "name": model,
        "weight": 40.0,
        "node": {"model": {
            "model": model,
            "provider": provider,
            "upstream": model.split_once('/').map(|(_, name)| name),
            "contextWindow": 400_000,
            "prices": {"input": 1.25, "output": 10.0, "cacheRead": 0.125},
        }},
    })
}
