//! Who goes where: shares, stickiness, and agreement with `weir explain`.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use serde_json::Value;
use weir_tests::{
    client::Shape,
    explain::{Expected, explain},
    fixtures::{load_balancing, model},
    load::key,
    sdk::{Call, Sdk},
    site::Site,
};

use crate::context::{Context, figure};

const SOON: Duration = Duration::from_secs(20);

/// How many callers there are.
const CALLERS: u32 = 4000;

/// How far a share may be from its weight, in percentage points.
const TOLERANCE: f64 = 2.0;

fn reasoning_experiment(namespace: &str) -> Value {
    let targets = [
        model("openai/o1", 50),
        model("openai/o3-mini", 25),
        model("deepseek/reasoner", 25),
    ];
    load_balancing(namespace, "reasoning-experiment", &targets)
}

pub(crate) async fn spreads_callers_by_weight_and_keeps_each_where_it_is(context: &Context) -> Result<()> {
    let site = context.own("routing").await?;
    let policy = reasoning_experiment("default");
    site.program(std::slice::from_ref(&policy), SOON).await?;
    let name = "policy/reasoning-experiment";
    let keys: Vec<String> = (0..u64::from(CALLERS)).map(key).collect();
    let expected = explain(&site.tools, &site.cluster.folder, &[policy], name, &keys).await?;

    let first = ask(&site, Sdk::Python, 0, Shape::Plain, &keys).await?;
    shares(&first)?;
    agrees(&expected, &first, "the first router")?;
    agrees(
        &expected,
        &ask(&site, Sdk::Node, 1, Shape::Streamed, &keys).await?,
        "the other router",
    )?;
    for router in 0..site.routers.len() {
        site.restart_router(router).await?;
    }
    agrees(
        &expected,
        &ask(&site, Sdk::Python, 1, Shape::Streamed, &keys).await?,
        "a restarted router",
    )?;
    agrees(
        &expected,
        &ask(&site, Sdk::Node, 0, Shape::Plain, &keys).await?,
        "the other restarted router",
    )
}

async fn ask(
    site: &Site,
    sdk: Sdk,
    router: usize,
    shape: Shape,
    keys: &[String],
) -> Result<BTreeMap<String, Call>> {
    let base_url = format!("http://{}/v1", site.routers[router].http);
    sdk.chat(&site.tools, &base_url, "policy/reasoning-experiment", shape, keys)
        .await
}

fn shares(calls: &BTreeMap<String, Call>) -> Result<()> {
    let mut counts = BTreeMap::<&str, u32>::new();
    for call in calls.values() {
        *counts.entry(&call.target).or_default() += 1;
    }
    let mut line = Vec::new();
    for (target, weight) in [
        ("openai/o1", 50.0),
        ("openai/o3-mini", 25.0),
        ("deepseek/reasoner", 25.0),
    ] {
        let percent = f64::from(counts.get(target).copied().unwrap_or_default()) * 100.0 / f64::from(CALLERS);
        ensure!(
            (percent - weight).abs() <= TOLERANCE,
            "{target} has {percent} % instead of {weight} %"
        );
        line.push(format!("{target} {percent:.2} %"));
    }
    figure(&format!(
        "{CALLERS} callers by the Python SDK: {}",
        line.join(", ")
    ));
    Ok(())
}

fn agrees(expected: &Expected, calls: &BTreeMap<String, Call>, who: &str) -> Result<()> {
    ensure!(
        expected.len() == calls.len(),
        "{} explained, {} called",
        expected.len(),
        calls.len()
    );
    let differing: Vec<_> = calls
        .values()
        .filter(|call| expected.get(&call.key) != Some(&call.target))
        .collect();
    ensure!(
        differing.is_empty(),
        "{who} sent {} callers elsewhere, such as {:?}",
        differing.len(),
        differing[0]
    );
    let renamed = |call: &&Call| call.model != upstream(&call.target);
    let wrong: Vec<_> = calls.values().filter(renamed).collect();
    ensure!(
        wrong.is_empty(),
        "{} were answered by another model, such as {:?}",
        wrong.len(),
        wrong[0]
    );
    Ok(())
}

/// What the provider calls a model of this case.
fn upstream(target: &str) -> &str {
    match target {
        "deepseek/reasoner" => "deepseek-reasoner",
        _ => target.split_once('/').map_or(target, |(_, model)| model),
    }
}
