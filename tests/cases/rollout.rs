//! Weights changed under load: how soon it is served, who moves, and that nobody notices otherwise.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::time::Instant;
use weir_tests::{
    client::Shape,
    explain::{Expected, explain},
    fake_provider::script::{Behaviour, Script},
    fixtures::{fallback, load_balancing, model, policy},
    load::{Observation, Pace, Running, key, quantile},
    poll::{eventually, eventually_every},
    site::Site,
};

use crate::context::{Context, figure};

const SOON: Duration = Duration::from_secs(20);

/// The share of the experiment, in percent, one change after another: it only grows, so nobody may ever come back.
const SHARES: [u8; 21] = [
    20, 24, 28, 32, 36, 40, 44, 47, 50, 54, 58, 62, 66, 70, 74, 78, 82, 86, 90, 95, 100,
];

/// How many callers there are. Each asks both routers, plainly and for a stream, before its turn comes again.
const CALLERS: u64 = 250;

/// How many answers each share gives before it changes again.
const USES: usize = 200;

/// How many answers it takes until every caller has asked every router in every way, with some to spare.
const EVERYBODY: usize = 1200;

/// How long a change may take to be served by every router: the median and the worst.
const MEDIAN_LIMIT: Duration = Duration::from_millis(500);
const WORST_LIMIT: Duration = Duration::from_secs(2);

/// What it is to take on a machine that does nothing else.
const MEDIAN_GOAL: Duration = Duration::from_millis(300);
const WORST_GOAL: Duration = Duration::from_secs(1);

/// How many changes are timed one by one, without any load.
const CHANGES: usize = 200;

/// How often routers are asked whether they serve a change yet.
const OFTEN: Duration = Duration::from_millis(2);

/// One share, and where everybody is while it is in force.
struct Step {
    table: String,
    expected: Expected,
}

fn rollout(namespace: &str, share: u8) -> Value {
    let targets = [
        policy("production-fallback", 100 - share),
        policy("experimental-fallback", share),
    ];
    load_balancing(namespace, "gradual-rollout", &targets)
}

fn chains(namespace: &str) -> [Value; 2] {
    [
        fallback(
            namespace,
            "production-fallback",
            &["openai/gpt-5.2", "anthropic/claude-sonnet-4-5"],
        ),
        fallback(
            namespace,
            "experimental-fallback",
            &["google/gemini-2.5-pro", "openai/gpt-5.2"],
        ),
    ]
}

pub(crate) async fn changes_under_load_cut_nothing_and_move_only_whom_the_hash_moves(
    context: &Context,
) -> Result<()> {
    let site = context.own("rollout").await?;
    let namespace = site.cluster.namespace("rollout").await?;
    let mut policies = chains(&namespace).to_vec();
    policies.push(rollout(&namespace, SHARES[0]));
    site.program(&policies, SOON).await?;
    // Streams last 40 ms, so that some are under way at every change.
    site.provider
        .script_all(Script::always(Behaviour::words(8).paced(4)));
    let name = format!("policy/{namespace}/gradual-rollout");
    let mut load = site.load(&name, Pace::PerSecond(200));
    load.keys = CALLERS;
    let running = load.start();

    let mut steps = vec![Step {
        table: settled(&running, 0, &[]).await?.0,
        expected: who(&site, &namespace, SHARES[0]).await?,
    }];
    let mut delays = Vec::new();
    for share in &SHARES[1..] {
        let expected = who(&site, &namespace, *share).await?;
        let from = running.count();
        let applied = Instant::now();
        site.cluster.apply(&rollout(&namespace, *share)).await?;
        let (table, served) = settled(&running, from, &steps).await?;
        delays.push(served.saturating_duration_since(applied));
        steps.push(Step { table, expected });
        used(&running, from + USES).await?;
    }
    used(&running, running.count() + EVERYBODY).await?;
    let report = running.stop().await;
    site.provider.script_all(Script::default());
    report.all_good(SHARES.len() * USES)?;
    placed(&report.observations, &steps)?;
    served_in_time(&delays, &format!("{} requests", report.observations.len()))
}

/// Where `weir explain` sends every caller at this share.
async fn who(site: &Site, namespace: &str, share: u8) -> Result<Expected> {
    let mut policies = chains(namespace).to_vec();
    policies.push(rollout(namespace, share));
    let keys: Vec<String> = (0..CALLERS).map(key).collect();
    let name = format!("policy/{namespace}/gradual-rollout");
    explain(&site.tools, &site.cluster.folder, &policies, &name, &keys).await
}

/// Waits until every router has answered with a table of none of the `steps`: which one, and since when. Answers of
/// any of them may still end late.
async fn settled(running: &Running, from: usize, steps: &[Step]) -> Result<(String, Instant)> {
    let probe = || async {
        let mut since = BTreeMap::new();
        let news = running
            .observations(from)
            .into_iter()
            .filter(|seen| steps.iter().all(|step| step.table != seen.table));
        for seen in news {
            let first = since
                .entry(seen.router)
                .or_insert((seen.began, seen.table.clone()));
            *first = first.clone().min((seen.began, seen.table));
        }
        let last = since.values().max().cloned();
        Ok(last
            .filter(|_| since.len() == 2)
            .map(|(began, table)| (table, began)))
    };
    eventually("both routers to serve the change", Duration::from_secs(10), probe).await
}

pub(crate) async fn two_hundred_changes_are_each_served_by_every_router_soon(
    context: &Context,
) -> Result<()> {
    let site = context.own("changes").await?;
    let namespace = site.cluster.namespace("changes").await?;
    let models = ["openai/gpt-5.2", "anthropic/claude-sonnet-4-5"];
    let name = format!("policy/{namespace}/p");
    site.program(&[load_balancing(&namespace, "p", &[model(models[1], 1)])], SOON)
        .await?;
    let mut delays = Vec::new();
    for named in models.into_iter().cycle().take(CHANGES) {
        let applied = Instant::now();
        site.cluster
            .apply(&load_balancing(&namespace, "p", &[model(named, 1)]))
            .await?;
        for router in site.addresses() {
            let probe = || async {
                let answer = site.client.chat(router, &name, "k", Shape::Plain).await?;
                Ok((answer.header("x-weir-model") == named).then_some(()))
            };
            eventually_every(OFTEN, "a router to serve the change", SOON, probe).await?;
        }
        delays.push(applied.elapsed());
    }
    served_in_time(&delays, "no load")
}

/// Waits until there are so many answers.
async fn used(running: &Running, count: usize) -> Result<()> {
    let probe = || async { Ok((running.count() >= count).then_some(())) };
    eventually("the share to be used", SOON, probe).await
}

/// Everybody was where the hash puts them under the table that answered, and no router ever went back to an older one.
fn placed(observations: &[Observation], steps: &[Step]) -> Result<()> {
    let order: BTreeMap<&str, usize> = steps
        .iter()
        .enumerate()
        .map(|(at, step)| (&*step.table, at))
        .collect();
    never_older(observations, &order)?;
    let mut moved = BTreeMap::<&str, &str>::new();
    for seen in observations {
        let step = &steps[order[&*seen.table]];
        let expected = step.expected.get(&seen.key).map(String::as_str);
        ensure!(expected == Some(&*seen.model), "{seen:?} instead of {expected:?}");
        moved.insert(&seen.key, &seen.model);
    }
    let experiment = moved
        .values()
        .filter(|model| model.starts_with("google/"))
        .count();
    ensure!(
        experiment == moved.len(),
        "only {experiment} of {} callers have moved",
        moved.len()
    );
    let (first, last) = (in_experiment(&steps[0]), experiment);
    figure(&format!(
        "{} answers, each where the hash puts its caller; {first} of {} callers in the experiment at first, {last} at last",
        observations.len(),
        moved.len()
    ));
    never_back(steps)
}

/// Whoever asked a router after it had answered somebody got no older table than that.
fn never_older(observations: &[Observation], order: &BTreeMap<&str, usize>) -> Result<()> {
    let at = |seen: &Observation| {
        let place = order.get(&*seen.table).copied();
        place.context("a table that was never published")
    };
    let routers: BTreeSet<usize> = observations.iter().map(|seen| seen.router).collect();
    for router in routers {
        let mut begun: Vec<&Observation> = observations.iter().filter(|seen| seen.router == router).collect();
        let mut ended = begun.clone();
        begun.sort_by_key(|seen| seen.began);
        ended.sort_by_key(|seen| seen.began + seen.latency);
        let (mut ended, mut newest) = (ended.into_iter().peekable(), 0);
        for seen in begun {
            while let Some(before) = ended.next_if(|before| before.began + before.latency <= seen.began) {
                newest = newest.max(at(before)?);
            }
            ensure!(at(seen)? >= newest, "a router went back to an older table");
        }
    }
    Ok(())
}

fn in_experiment(step: &Step) -> usize {
    step.expected
        .values()
        .filter(|model| model.starts_with("google/"))
        .count()
}

/// While the experiment only grows, nobody leaves it.
fn never_back(steps: &[Step]) -> Result<()> {
    for pair in steps.windows(2) {
        for (key, before) in &pair[0].expected {
            let after = pair[1]
                .expected
                .get(key)
                .context("a caller that is not explained")?;
            ensure!(
                before == after || after.starts_with("google/"),
                "{key} went back from {before} to {after}"
            );
        }
    }
    Ok(())
}

fn served_in_time(delays: &[Duration], load: &str) -> Result<()> {
    let (median, worst) = (quantile(delays, 500), quantile(delays, 1000));
    figure(&format!(
        "from apply to every router, {} changes under {load}: median {median:.0?}, worst {worst:.0?}; goal: 300 ms and 1 s: {}",
        delays.len(),
        if median <= MEDIAN_GOAL && worst <= WORST_GOAL {
            "reached"
        } else {
            "missed"
        }
    ));
    ensure!(
        median <= MEDIAN_LIMIT && worst <= WORST_LIMIT,
        "too slow: median {median:?}, worst {worst:?}"
    );
    Ok(())
}
