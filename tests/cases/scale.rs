//! Ten thousand policies in a hundred namespaces.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use weir_tests::{
    audit::Audit,
    client::Shape,
    cluster::current_condition,
    fixtures::{self, fallback, load_balancing, model, policy},
    identity::{OPERATOR, user},
    load::{Observation, Pace, Running, quantile},
    poll::{eventually, eventually_every},
    site::Site,
};

use crate::context::{Context, figure};

const NAMESPACES: usize = 100;
const POLICIES: usize = 100;

/// How long all of them may take to be served after the last was applied.
const LIMIT: Duration = Duration::from_mins(3);

/// How long latency is measured before something happens.
const CALM: Duration = Duration::from_secs(10);

/// How often a router is asked what it serves: the answer is long, and must not be what is measured.
const SELDOM: Duration = Duration::from_millis(200);

/// How many objects are applied at once.
const AT_ONCE: usize = 16;

/// Policy number `number` of a namespace: splits, chains, and some that nest.
fn nth(namespace: &str, number: usize) -> Value {
    let name = format!("policy-{number}");
    match number % 4 {
        0 => fallback(
            namespace,
            &name,
            &["openai/gpt-5.2", "anthropic/claude-sonnet-4-5"],
        ),
        1 => {
            let below = format!("policy-{}", number - 1);
            load_balancing(
                namespace,
                &name,
                &[policy(&below, 80), model("google/gemini-2.5-pro", 20)],
            )
        }
        _ => load_balancing(
            namespace,
            &name,
            &[
                model("openai/o1", 50),
                model("openai/o3-mini", 25),
                model("deepseek/reasoner", 25),
            ],
        ),
    }
}

pub(crate) async fn ten_thousand_policies_are_served(context: &Context) -> Result<()> {
    let site = context.own("scale").await?;
    let probe = site.cluster.namespace("probe").await?;
    site.program(
        &[load_balancing(&probe, "p", &[model("openai/o1", 1)])],
        Duration::from_secs(30),
    )
    .await?;
    let load = site
        .load(&format!("policy/{probe}/p"), Pace::PerSecond(100))
        .start();
    sleep(CALM).await;
    let calm = load.count();

    let namespaces = make_namespaces(&site).await?;
    let bill = Bill::open(&site).await?;
    let began = Instant::now();
    apply_all(&site, &namespaces).await?;
    let applied = began.elapsed();
    let last = Instant::now();
    all_served(&site, &namespaces).await?;
    let served = last.elapsed();
    figure(&format!(
        "{} policies in {NAMESPACES} namespaces: applied in {applied:.1?}, all served {served:.1?} after the last",
        NAMESPACES * POLICIES
    ));
    all_reported(&site, &namespaces).await?;
    bill.settle(&site).await?;
    memory(&site).await?;
    let (before, during) = (load.observations(0), load.observations(calm));
    latencies("all of them were applied", &before[..calm], &during);
    one_change_at_scale(&site, &namespaces).await?;
    every_table_at_once(&site, &load).await?;
    load.stop().await.all_good(1000)?;
    metrics(&site).await
}

/// Changes the provider that all name: every table is replaced, and nothing else happens on the machine.
async fn every_table_at_once(site: &Site, load: &Running) -> Result<()> {
    let (calm, old) = (load.count(), site.digests(0).await?);
    sleep(CALM).await;
    let (from, began) = (load.count(), Instant::now());
    let mut provider = fixtures::cluster_provider("openai", &site.provider.base_url("openai"));
    provider["spec"]["timeouts"] = json!({"connectSeconds": 4});
    site.cluster.apply(&provider).await?;
    for router in 0..site.routers.len() {
        let replaced = || async {
            let new = site.digests(router).await?;
            Ok(old
                .iter()
                .all(|(namespace, digest)| new.get(namespace) != Some(digest))
                .then_some(()))
        };
        eventually_every(SELDOM, "every table to be replaced", LIMIT, replaced).await?;
    }
    figure(&format!(
        "{} tables replaced at once: on both routers after {:.1?}",
        old.len(),
        began.elapsed()
    ));
    let (before, during) = (load.observations(calm), load.observations(from));
    latencies(
        "every table was replaced at once",
        &before[..from - calm],
        &during,
    );
    Ok(())
}

async fn make_namespaces(site: &Site) -> Result<Vec<String>> {
    let names = futures::stream::iter(0..NAMESPACES).map(|_| site.cluster.namespace("tenant"));
    names.buffered(AT_ONCE).try_collect().await
}

async fn apply_all(site: &Site, namespaces: &[String]) -> Result<()> {
    let objects = namespaces
        .iter()
        .flat_map(|namespace| (0..POLICIES).map(move |number| nth(namespace, number)));
    let applied = futures::stream::iter(objects)
        .map(|object| async move { site.cluster.apply(&object).await.map(drop) });
    applied.buffer_unordered(AT_ONCE).try_collect().await
}

/// Waits until every policy of every namespace answers on every router, by asking for the list of what may be named.
async fn all_served(site: &Site, namespaces: &[String]) -> Result<()> {
    let wanted = NAMESPACES * POLICIES;
    for router in 0..site.routers.len() {
        let probe = || async {
            let known = policies_known(&site.tables(router).await?);
            ensure!(known > wanted, "{known} of {wanted} policies");
            Ok(Some(()))
        };
        eventually_every(SELDOM, "every policy to be served", LIMIT, probe).await?;
    }
    for namespace in namespaces {
        for router in site.addresses() {
            for number in [0, POLICIES - 1] {
                let name = format!("policy/{namespace}/policy-{number}");
                site.client
                    .chat(router, &name, "k", Shape::Plain)
                    .await?
                    .content(Shape::Plain)
                    .context(name)?;
            }
        }
    }
    Ok(())
}

/// Waits until every policy says that it is served.
async fn all_reported(site: &Site, namespaces: &[String]) -> Result<()> {
    let says_so = |policy: &Value| {
        current_condition(policy, "Programmed").is_some_and(|condition| condition["status"] == "True")
    };
    for namespace in namespaces {
        for kind in ["LoadBalancingPolicy", "FallbackPolicy"] {
            let probe = || async {
                let policies = site.cluster.list(kind, namespace).await?;
                Ok(policies.iter().all(says_so).then_some(()))
            };
            eventually_every(SELDOM, "every policy to say that it is served", LIMIT, probe).await?;
        }
    }
    Ok(())
}

/// What the operator has used and written so far; nothing of the latter where the API server's log is not at hand.
struct Bill {
    processor: Duration,
    audit: Option<Audit>,
}

impl Bill {
    async fn open(site: &Site) -> Result<Self> {
        let control_plane = site.cluster.control_plane.as_ref();
        let audit = control_plane.map(|control_plane| Audit::from_now(&control_plane.audit_log()));
        Ok(Self {
            processor: site.operator.usage().await?.processor,
            audit: audit.transpose()?,
        })
    }

    /// Prints what has come since, for each policy.
    async fn settle(&self, site: &Site) -> Result<()> {
        let policies = u32::try_from(NAMESPACES * POLICIES)?;
        let processor = site
            .operator
            .usage()
            .await?
            .processor
            .saturating_sub(self.processor);
        figure(&format!(
            "the operator, from the first apply to the last status: {processor:.1?} of processor time, {:.0?} for each policy",
            processor / policies
        ));
        let Some(audit) = &self.audit else { return Ok(()) };
        let counts = audit.counts(&user(OPERATOR))?;
        let writes: u64 = counts.values().sum();
        let each = f64::from(u32::try_from(writes)?) / f64::from(policies);
        figure(&format!(
            "its writes meanwhile: {writes}, {each:.2} for each policy: {counts:?}"
        ));
        Ok(())
    }
}

/// How many policies a router lists in `/api/tables`.
fn policies_known(document: &Value) -> usize {
    let tables = document["tables"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    tables
        .iter()
        .filter_map(|table| table["policies"].as_object())
        .map(serde_json::Map::len)
        .sum()
}

/// From one apply to both routers serving it, while all those policies exist.
async fn one_change_at_scale(site: &Site, namespaces: &[String]) -> Result<()> {
    let mut delays = Vec::new();
    for namespace in namespaces.iter().take(10) {
        let changed = load_balancing(namespace, "policy-99", &[model("anthropic/claude-sonnet-4-5", 1)]);
        let began = Instant::now();
        site.cluster.apply(&changed).await?;
        for router in site.addresses() {
            let probe = || async {
                let name = format!("policy/{namespace}/policy-99");
                let answer = site.client.chat(router, &name, "k", Shape::Plain).await?;
                Ok((answer.header("x-weir-model") == "anthropic/claude-sonnet-4-5").then_some(()))
            };
            eventually("the change to be served", LIMIT, probe).await?;
        }
        delays.push(began.elapsed());
    }
    let (median, worst) = (quantile(&delays, 500), quantile(&delays, 1000));
    figure(&format!(
        "one change among them, from apply to both routers: median {median:.0?}, worst {worst:.0?}"
    ));
    Ok(())
}

async fn memory(site: &Site) -> Result<()> {
    for (name, process) in site
        .routers
        .iter()
        .map(|router| (&*router.name, &router.process))
        .chain([("weir-operator", &site.operator)])
    {
        let usage = process.usage().await?;
        figure(&format!(
            "{name}: {} MiB resident, {:.1?} of processor time",
            usage.resident >> 20,
            usage.processor
        ));
    }
    Ok(())
}

fn latencies(what: &str, before: &[Observation], during: &[Observation]) {
    let at = |seen: &[Observation], per_mille| {
        let all: Vec<Duration> = seen.iter().map(|one| one.latency).collect();
        quantile(&all, per_mille)
    };
    figure(&format!(
        "latency before / while {what}: p50 {:.1?} / {:.1?}, p99 {:.1?} / {:.1?} ({} and {} answers)",
        at(before, 500),
        at(during, 500),
        at(before, 990),
        at(during, 990),
        before.len(),
        during.len()
    ));
}

/// Prints what the processes themselves measured of compiling and swapping.
async fn metrics(site: &Site) -> Result<()> {
    let texts = [
        ("operator", site.operator_metrics().await?),
        ("router", site.router_metrics(0).await?),
    ];
    for (who, text) in texts {
        let told = |line: &&str| !line.starts_with('#') && (line.contains("_sum") || line.contains("_count"));
        for line in text
            .lines()
            .filter(told)
            .filter(|line| ["compile", "swap"].iter().any(|part| line.contains(part)))
        {
            figure(&format!("{who}: {line}"));
        }
    }
    Ok(())
}
