//! Routers that start while they can't list their tables: they serve what they kept, say so, and let go of it as soon
//! as they can list again.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use weir_table::KeyHash;
use weir_tests::{
    client::{Client, Shape},
    fixtures::{access_key, caller_secret, load_balancing, model},
    identity::{self, ROUTER, SYSTEM},
    load::{Load, Pace},
    poll::eventually,
    site::Site,
};

use crate::context::{Context, figure};

const SOON: Duration = Duration::from_secs(30);

/// How soon after it can list again a router must have let go of what was withdrawn.
const LET_GO: Duration = Duration::from_secs(10);

/// The router that is restarted; the other one goes on.
const RESTARTED: usize = 0;

/// Waits until the router that is to be restarted has kept a table in which `text` stands.
async fn kept(site: &Site, text: &str) -> Result<()> {
    let folder = site.router_cache(RESTARTED);
    let probe = || async {
        for file in fs::read_dir(&folder)? {
            if fs::read_to_string(file?.path())?.contains(text) {
                return Ok(Some(()));
            }
        }
        Ok(None)
    };
    eventually(&format!("the cache to hold {text}"), SOON, probe).await
}

/// Waits until the restarted router says whether it is stale, on every channel on which it does.
async fn says(site: &Site, stale: bool) -> Result<Duration> {
    let begun = Instant::now();
    let line = format!("weir_router_tables_stale {}", u8::from(stale));
    let probe = || async {
        let metrics = site.router_metrics(RESTARTED).await?;
        Ok(metrics.lines().any(|measured| measured == line).then_some(()))
    };
    eventually(&line, SOON, probe).await?;
    let tables = site.tables(RESTARTED).await?;
    ensure!(
        tables["stale"] == stale && tables["keptAt"].is_i64() == stale,
        "{tables}"
    );
    Ok(begun.elapsed())
}

async fn chats(site: &Site, router: usize, key: &str, model: &str) -> Result<u16> {
    let client = Client::holding(key)?;
    let answer = client
        .chat(site.routers[router].http, model, "k", Shape::Plain)
        .await?;
    Ok(answer.status.as_u16())
}

/// A policy and a caller in a namespace of their own; the caller's key, once all routers take it and have kept it.
async fn tenant(site: &Site, prefix: &str) -> Result<(String, String)> {
    let namespace = site.cluster.namespace(prefix).await?;
    let key = format!("wk-{namespace}-0123456789abcdef0123456789");
    let reference = json!({"keys": [{"secretRef": {"name": "web", "key": "key"}}]});
    let objects = [
        caller_secret(&namespace, "web", &key),
        access_key(&namespace, "web", &reference),
    ];
    site.cluster.apply_all(&objects).await?;
    site.program(&[policy(&namespace)], SOON).await?;
    for router in 0..site.routers.len() {
        let probe = || async { Ok((chats(site, router, &key, "policy/p").await? == 200).then_some(())) };
        eventually("the key to be taken", SOON, probe).await?;
    }
    kept(site, &KeyHash::of(key.as_bytes()).to_string()).await?;
    Ok((namespace, key))
}

fn policy(namespace: &str) -> Value {
    load_balancing(namespace, "p", &[model("openai/o1", 1)])
}

pub(crate) async fn a_router_restarted_without_its_api_server_serves_what_it_kept(
    context: &Context,
) -> Result<()> {
    let site = context.own("stale").await?;
    let (namespace, key) = tenant(&site, "stale").await?;
    let control_plane = site
        .cluster
        .control_plane
        .as_ref()
        .context("no control plane of our own")?;
    let others = vec![site.routers[1].http];
    let running = Load::chats(others, &format!("policy/{namespace}/p"), Pace::PerSecond(40)).start();
    control_plane.stop_api_server().await?;
    let begun = Instant::now();
    site.restart_router(RESTARTED).await?;
    let ready = begun.elapsed();
    says(&site, true).await?;
    ensure!(chats(&site, RESTARTED, &key, "policy/p").await? == 200);
    ensure!(chats(&site, RESTARTED, &format!("{key}x"), "policy/p").await? == 401);
    let log = fs::read_to_string(site.routers[RESTARTED].process.log())?;
    let told = log.matches("what was kept is served until it has").count();
    ensure!(told == 1, "told {told} times");
    control_plane.start_api_server().await?;
    let back = says(&site, false).await?;
    site.program(
        &[load_balancing(&namespace, "p", &[model("openai/o3-mini", 1)])],
        SOON,
    )
    .await?;
    let report = running.stop().await;
    figure(&format!(
        "a router restarted without its API server was ready after {ready:.1?}, and live again {back:.1?} after its \
         return; {} answers of the other one, {} failed",
        report.total(),
        report.failed()
    ));
    no_key_is_logged(&site, &key)?;
    report.all_good(200)
}

fn no_key_is_logged(site: &Site, key: &str) -> Result<()> {
    let log = fs::read_to_string(site.routers[RESTARTED].process.log())?;
    ensure!(!log.contains(key) && !log.contains("sk-"), "a key is in the log");
    Ok(())
}

/// Waits until the API server refuses the routers what they list.
async fn refused(site: &Site) -> Result<()> {
    let who = format!("--as={}", identity::user(ROUTER));
    let words = ["auth", "can-i", "list", "configmaps", "-n", SYSTEM, &who];
    let asked =
        || async { Ok((site.cluster.kubectl.run(&words).await?.stdout.trim() == "no").then_some(())) };
    eventually("the routers' rights to be gone", SOON, asked).await
}

pub(crate) async fn what_was_withdrawn_while_a_router_was_cut_off_goes_within_seconds(
    context: &Context,
) -> Result<()> {
    let site = context.own("withdrawn").await?;
    let kubectl = &site.cluster.kubectl;
    let (revoked, staying) = (tenant(&site, "revoked").await?, tenant(&site, "staying").await?);
    let (gone, _) = tenant(&site, "gone").await?;
    kubectl
        .run(&["delete", "rolebinding", ROUTER, "-n", SYSTEM])
        .await?
        .success()?;
    refused(&site).await?;
    site.restart_router(RESTARTED).await?;
    says(&site, true).await?;
    site.cluster.delete("AccessKey", Some(&revoked.0), "web").await?;
    site.cluster
        .delete("LoadBalancingPolicy", Some(&gone), "p")
        .await?;
    for (_, key) in [&revoked, &staying] {
        let status = chats(&site, RESTARTED, key, "policy/p").await?;
        ensure!(status == 200, "{status}: what it can't know does not count");
    }
    identity::install(kubectl).await?;
    let begun = Instant::now();
    let refused = || async {
        let status = chats(&site, RESTARTED, &revoked.1, "policy/p").await?;
        Ok((status == 401).then_some(()))
    };
    eventually("the revoked key to be refused", LET_GO, refused).await?;
    figure(&format!(
        "a key revoked while a router was cut off was refused {:.1?} after its return",
        begun.elapsed()
    ));
    says(&site, false).await?;
    ensure!(chats(&site, RESTARTED, &staying.1, "policy/p").await? == 200);
    let name = format!("policy/{gone}/p");
    let answer = site
        .client
        .chat(site.routers[RESTARTED].http, &name, "k", Shape::Plain)
        .await?;
    ensure!(answer.status.as_u16() == 404, "{}", answer.text());
    no_key_is_logged(&site, &revoked.1)
}
