//! Things that go wrong around Weir, and what must not: killed operators, a silent API server, namespaces that go.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use weir_tests::{
    client::Shape,
    fake_provider::{
        answer::content,
        script::{Behaviour, Script},
    },
    fixtures::{load_balancing, model, policy},
    identity::SYSTEM,
    load::Pace,
    poll::eventually,
    site::Site,
};

use crate::{
    context::{Context, figure},
    invalid::not_found,
};

const SOON: Duration = Duration::from_secs(30);

/// How often the operator is killed.
const KILLS: u32 = 50;

/// How soon a second replica must have taken over, and have a change served.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(15);

/// How soon after the API server's return a change must be served.
const HEALING_LIMIT: Duration = Duration::from_secs(30);

/// How long the API server is away.
const OUTAGE: Duration = Duration::from_mins(1);

/// One change of the script: version `step` of a few policies that refer to each other.
fn change(namespace: &str, step: u32) -> Vec<Value> {
    let share = 1 + step % 97;
    let inner = load_balancing(
        namespace,
        "inner",
        &[model("openai/o1", share), model("openai/o3-mini", 100 - share)],
    );
    let outer = load_balancing(
        namespace,
        "outer",
        &[policy("inner", share), model("openai/gpt-4o", 50)],
    );
    let passing = load_balancing(
        namespace,
        &format!("passing-{}", step % 3),
        &[model("google/gemini-2.5-pro", 1)],
    );
    vec![inner, passing, outer]
}

/// The last change, after which the script is over: all of it valid, or one policy bad.
fn last(namespace: &str) -> Vec<Value> {
    let mut objects = change(namespace, KILLS);
    objects.push(load_balancing(
        namespace,
        "turns-bad",
        &[model("openai/o1", 7), model("openai/o3-mini", 1)],
    ));
    objects
}

pub(crate) async fn fifty_kills_leave_what_an_undisturbed_run_leaves(context: &Context) -> Result<()> {
    let site = context.own("kills").await?;
    let namespace = site.cluster.namespace("kills").await?;
    script(&site, &namespace, Manner::Undisturbed).await?;
    let undisturbed = published(&site, &namespace).await?;
    forget(&site, &namespace).await?;
    let began = Instant::now();
    script(&site, &namespace, Manner::Killing).await?;
    let disturbed = published(&site, &namespace).await?;
    ensure!(undisturbed == disturbed, "{disturbed}\ninstead of\n{undisturbed}");
    figure(&format!(
        "{KILLS} kills of the operator within {:.0?}: the same ConfigMaps",
        began.elapsed()
    ));
    ends_bad(&site, &namespace).await?;
    takeover(&site, &namespace).await
}

/// A second replica takes over from a dead one once its Lease has run out.
async fn takeover(site: &Site, namespace: &str) -> Result<()> {
    let rival = site.start_rival().await?;
    site.operator.kill().await?;
    let began = Instant::now();
    let changed = load_balancing(namespace, "turns-bad", &[model("openai/gpt-4o", 1)]);
    site.program(&[changed], TAKEOVER_LIMIT).await?;
    figure(&format!(
        "with a second replica, a change made at the leader's death was served after {:.1?}",
        began.elapsed()
    ));
    rival.kill().await?;
    site.restart_operator().await
}

/// Whether the operator is killed while the script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Undisturbed,
    Killing,
}

async fn script(site: &Site, namespace: &str, manner: Manner) -> Result<()> {
    for step in 0..KILLS {
        site.cluster.apply_all(&change(namespace, step)).await?;
        if step % 5 == 4 {
            let passing = format!("passing-{}", step % 3);
            site.cluster
                .delete("LoadBalancingPolicy", Some(namespace), &passing)
                .await?;
        }
        if manner == Manner::Killing {
            sleep(moment(step)).await;
            site.restart_operator().await?;
        }
    }
    site.program(&last(namespace), Duration::from_mins(1)).await
}

/// A moment in the life of a starting operator, the same in every run: from its first instant to well after its first
/// writes.
fn moment(step: u32) -> Duration {
    Duration::from_millis(u64::from(step * 7919 % 50) * 16)
}

/// What was published for a namespace, as far as it must not depend on what happened meanwhile.
async fn published(site: &Site, namespace: &str) -> Result<String> {
    let maps = tables(site, namespace).await?;
    ensure!(!maps.is_empty(), "nothing is published for {namespace}");
    let part = |map: &Value| {
        json!([
            map["metadata"]["name"],
            map["metadata"]["labels"],
            map["metadata"]["annotations"],
            map["data"],
            map["binaryData"]
        ])
    };
    Ok(serde_json::to_string_pretty(
        &maps.iter().map(part).collect::<Vec<_>>(),
    )?)
}

/// The `ConfigMap`s whose table is about a namespace.
async fn tables(site: &Site, namespace: &str) -> Result<Vec<Value>> {
    let maps = site.cluster.list("ConfigMap", SYSTEM).await?;
    let about = |map: &Value| map["metadata"].to_string().contains(namespace);
    Ok(maps.into_iter().filter(about).collect())
}

/// Deletes all policies of a namespace, and waits until nothing is published for it.
async fn forget(site: &Site, namespace: &str) -> Result<()> {
    site.cluster
        .kubectl
        .run(&["delete", "lbp", "--all", "-n", namespace])
        .await?
        .success()?;
    let gone = || async { Ok(tables(site, namespace).await?.is_empty().then_some(())) };
    eventually(
        "the emptied namespace's table to go",
        Duration::from_mins(1),
        gone,
    )
    .await
}

/// A script that ends bad: one of the published good versions serves, across kills, and the status says so.
async fn ends_bad(site: &Site, namespace: &str) -> Result<()> {
    let bad = load_balancing(namespace, "turns-bad", &[policy("absent", 1)]);
    for step in 0..5 {
        site.cluster.apply(&bad).await?;
        sleep(moment(step * 3 + 1)).await;
        site.restart_operator().await?;
    }
    last_good_serves(site, namespace, &bad).await
}

async fn last_good_serves(site: &Site, namespace: &str, bad: &Value) -> Result<()> {
    let limit = Duration::from_mins(1);
    let programmed = site.cluster.condition(bad, "Programmed", "False", limit).await?;
    ensure!(programmed["reason"] == "LastGoodServing", "{programmed}");
    let resolved = site
        .cluster
        .condition(bad, "ResolvedRefs", "False", limit)
        .await?;
    ensure!(
        resolved["message"]
            .as_str()
            .is_some_and(|message| message.contains("absent")),
        "{resolved}"
    );
    for router in site.addresses() {
        let answer = site
            .client
            .chat(
                router,
                &format!("policy/{namespace}/turns-bad"),
                "k",
                Shape::Plain,
            )
            .await?;
        answer
            .content(Shape::Plain)
            .context("the last good version does not serve")?;
    }
    Ok(())
}

pub(crate) async fn a_terminated_router_finishes_its_streams(context: &Context) -> Result<()> {
    let site = context.own("drain").await?;
    let namespace = site.cluster.namespace("drain").await?;
    let target = format!("model-of-{namespace}");
    let chat = load_balancing(&namespace, "p", &[model(&format!("openai/{target}"), 1)]);
    site.program(&[chat], SOON).await?;
    site.provider
        .script(&target, Script::always(Behaviour::words(8).paced(300)));
    let (client, router, name) = (
        site.client.clone(),
        site.routers[0].http,
        format!("policy/{namespace}/p"),
    );
    let stream = tokio::spawn(async move { client.chat(router, &name, "k", Shape::Streamed).await });
    let asked = || async { Ok((site.provider.asked(&target) == 1).then_some(())) };
    eventually("the stream to begin", SOON, asked).await?;
    let status = site.routers[0].process.terminate(SOON).await?;
    ensure!(status.success(), "the router ended with {status}");
    let text = stream.await??.content(Shape::Streamed)?;
    ensure!(text == content(8), "{text:?}");
    site.restart_router(0).await
}

pub(crate) async fn a_policy_turned_bad_is_served_as_it_was(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("bad").await?;
    let good = load_balancing(&namespace, "turns-bad", &[model("openai/o1", 1)]);
    site.program(std::slice::from_ref(&good), SOON).await?;
    let name = format!("policy/{namespace}/turns-bad");
    let running = site.load(&name, Pace::PerSecond(50)).start();
    let bad = load_balancing(&namespace, "turns-bad", &[policy("absent", 1)]);
    site.cluster.apply(&bad).await?;
    last_good_serves(site, &namespace, &bad).await?;
    running.stop().await.all_good(1)?;
    site.program(&[good], SOON).await?;
    site.cluster.apply(&bad).await?;
    last_good_serves(site, &namespace, &bad).await?;
    site.cluster
        .delete("LoadBalancingPolicy", Some(&namespace), "turns-bad")
        .await?;
    site.answers(&name, SOON, not_found()).await
}

pub(crate) async fn a_deleted_namespace_takes_its_routes_along(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let (going, staying) = (
        site.cluster.namespace("going").await?,
        site.cluster.namespace("staying").await?,
    );
    for namespace in [&going, &staying] {
        site.program(&[load_balancing(namespace, "p", &[model("openai/o1", 1)])], SOON)
            .await?;
    }
    let running = site
        .load(&format!("policy/{staying}/p"), Pace::PerSecond(50))
        .start();
    site.cluster.delete("Namespace", None, &going).await?;
    site.answers(&format!("policy/{going}/p"), SOON, not_found())
        .await?;
    let gone = || async { Ok(tables(site, &going).await?.is_empty().then_some(())) };
    eventually(
        "the deleted namespace's table to go",
        Duration::from_mins(1),
        gone,
    )
    .await?;
    running.stop().await.all_good(1)
}

pub(crate) async fn an_api_server_away_for_a_minute_fails_no_request(context: &Context) -> Result<()> {
    let site = context.own("outage").await?;
    let namespace = site.cluster.namespace("outage").await?;
    let before = load_balancing(&namespace, "p", &[model("openai/o1", 1)]);
    site.program(&[before], SOON).await?;
    let running = site
        .load(&format!("policy/{namespace}/p"), Pace::PerSecond(40))
        .start();
    let control_plane = site
        .cluster
        .control_plane
        .as_ref()
        .context("no control plane of our own")?;
    control_plane.stop_api_server().await?;
    sleep(OUTAGE).await;
    control_plane.start_api_server().await?;
    let back = Instant::now();
    let after = load_balancing(&namespace, "p", &[model("openai/o3-mini", 1)]);
    let applied = || async { Ok(Some(site.cluster.apply(&after).await?)) };
    eventually("the API server to take a change", SOON, applied).await?;
    site.cluster
        .condition(&after, "Programmed", "True", HEALING_LIMIT)
        .await?;
    let healed = back.elapsed();
    let report = running.stop().await;
    figure(&format!(
        "API server away for {OUTAGE:?}: {} answers, {} failed; a change made then was served everywhere {healed:.1?} after its return",
        report.total(),
        report.failed()
    ));
    report.all_good(2000)
}
