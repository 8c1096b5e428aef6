//! Who writes, when replicas come, go, pause and disagree about the time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use weir_tests::{
    identity::{OPERATOR, SYSTEM},
    poll::becomes,
    process::Process,
    site::Site,
};

use super::{SOON, Scene, total, under_load};
use crate::context::{Context, figure};

/// How soon a second replica must write after the first was told to stop.
const AT_ONCE: Duration = Duration::from_secs(10);

/// How soon it must have taken over from one that died without a word.
const TAKEOVER: Duration = Duration::from_secs(20);

/// How long things must stay as they are to count as settled.
const SETTLED: Duration = Duration::from_secs(3);

/// A Lease that nobody contends for.
const ANOTHER_LEASE: &str = "another-lease";

/// Who holds the Lease; nobody is the empty name.
async fn holder(site: &Site) -> Result<String> {
    let lease = site.cluster.get("Lease", Some(SYSTEM), OPERATOR).await?;
    let lease = lease.context("there is no Lease")?;
    Ok(lease["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

async fn is_held_by(site: &Site, name: &str, within: Duration) -> Result<()> {
    becomes("the Lease's holder", within, name.to_owned(), async || {
        holder(site).await
    })
    .await
}

/// Ends the second replica, and waits until the first one leads.
async fn hand_back(scene: &Scene, rival: Process) -> Result<()> {
    rival.terminate(SOON).await?;
    scene.operator_leads(true).await
}

pub(crate) async fn a_leader_told_to_stop_lets_the_next_one_in_at_once(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let site = &scene.site;
        let rival = site.start_rival().await?;
        site.operator.terminate(SOON).await?;
        let stopped = Instant::now();
        is_held_by(site, "rival", AT_ONCE).await?;
        figure(&format!(
            "a replica took over {:.1?} after the leader was told to stop",
            stopped.elapsed()
        ));
        scene.programmed(2, AT_ONCE).await?;
        ensure!(
            total(&site.rival_metrics().await?, "weir_operator_leader") == 1,
            "it does not say so"
        );
        rival.terminate(SOON).await?;
        ensure!(holder(site).await?.is_empty(), "the Lease was not let go");
        site.restart_operator().await?;
        scene.operator_leads(true).await
    })
    .await
}

pub(crate) async fn a_killed_leader_is_followed_once_its_lease_has_run_out(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let site = &scene.site;
        let rival = site.start_rival().await?;
        site.operator.kill().await?;
        let killed = Instant::now();
        ensure!(
            holder(site).await? != "rival",
            "a lease that had not run out was taken"
        );
        scene.programmed(2, TAKEOVER).await?;
        figure(&format!(
            "a change at the leader's death was served everywhere after {:.1?}",
            killed.elapsed()
        ));
        ensure!(holder(site).await? == "rival", "nobody took over");
        site.restart_operator().await?;
        site.operator_ready().await?;
        hand_back(scene, rival).await
    })
    .await
}

pub(crate) async fn a_leader_that_slept_through_its_lease_writes_nothing_when_it_wakes(
    context: &Context,
) -> Result<()> {
    under_load(context, async |scene| {
        let site = &scene.site;
        let rival = site.start_rival().await?;
        // It falls asleep in the middle of publishing this.
        scene.apply(2).await?;
        site.operator.pause().await?;
        is_held_by(site, "rival", TAKEOVER).await?;
        scene.programmed(3, SOON).await?;
        let losses = ["not leading any more"];
        let (before, lost) = (standing(scene).await?, site.operator.logged(&losses)?);
        site.operator.resume().await?;
        scene.operator_says(&losses, lost).await?;
        scene.operator_leads(false).await?;
        sleep(SETTLED).await;
        let after = standing(scene).await?;
        ensure!(before == after, "{after}\ninstead of\n{before}");
        ensure!(holder(site).await? == "rival", "the sleeper leads again");
        hand_back(scene, rival).await
    })
    .await
}

/// What stands of the policy and its table, and in which version.
async fn standing(scene: &Scene) -> Result<Value> {
    let policy = scene
        .site
        .cluster
        .get("LoadBalancingPolicy", Some(&scene.namespace), "p")
        .await?;
    let policy = policy.context("there is no policy")?;
    let table = scene.table().await?;
    Ok(json!([
        table["metadata"]["resourceVersion"],
        table["data"],
        policy["metadata"]["resourceVersion"],
        policy["status"],
    ]))
}

pub(crate) async fn two_operators_that_write_at_once_write_the_same(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let site = &scene.site;
        // With a Lease of its own it does not know of the first one.
        site.cluster.apply_all(&right_to(ANOTHER_LEASE)).await?;
        let rival = site.start_rival_for(ANOTHER_LEASE).await?;
        let rival_leads = async || Ok(total(&site.rival_metrics().await?, "weir_operator_leader") == 1);
        becomes("the second operator's leading", SOON, true, rival_leads).await?;
        for share in 2..8 {
            scene.programmed(share, SOON).await?;
        }
        scene.operator_leads(true).await?;
        // If either wanted another byte, it would write: what is altered is written again within a second.
        let settled = standing_still(scene).await?;
        ensure!(settled[1].to_string().contains("openai/o1"), "{settled}");
        let written = ["\"published\"", &scene.namespace];
        let (first, second) = (site.operator.logged(&written)?, rival.logged(&written)?);
        figure(&format!(
            "two leaders made {first} and {second} writes of one table, and settled"
        ));
        rival.terminate(SOON).await.map(drop)
    })
    .await
}

/// What lets the operator hold a Lease that is not its own.
fn right_to(lease: &str) -> [Value; 2] {
    let group = "rbac.authorization.k8s.io";
    let metadata = json!({"name": lease, "namespace": SYSTEM});
    let role = json!({"apiGroup": group, "kind": "Role", "name": lease});
    let account = json!({"kind": "ServiceAccount", "name": OPERATOR, "namespace": SYSTEM});
    let any = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]});
    let mut this = any.clone();
    this["resourceNames"] = json!([lease]);
    this["verbs"] = json!(["get", "update"]);
    let version = format!("{group}/v1");
    [
        json!({"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": [any, this]}),
        json!({"apiVersion": version, "kind": "RoleBinding", "metadata": metadata, "roleRef": role, "subjects": [account]}),
    ]
}

/// Waits until nothing has changed for a while, and gives what stands.
async fn standing_still(scene: &Scene) -> Result<Value> {
    let deadline = Instant::now() + SOON;
    let mut before = standing(scene).await?;
    loop {
        sleep(SETTLED).await;
        let after = standing(scene).await?;
        if after == before {
            return Ok(after);
        }
        ensure!(
            Instant::now() < deadline,
            "two leaders undo each other: {before}\nand then\n{after}"
        );
        before = after;
    }
}

pub(crate) async fn the_time_in_a_lease_is_nobodys_clock(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let site = &scene.site;
        site.operator.terminate(SOON).await?;
        // A holder whose clock is far ahead, and who says nothing more: it is waited for as long as for any other.
        claim(site, "2099-01-01T00:00:00.000000Z").await?;
        site.restart_operator().await?;
        let began = Instant::now();
        scene.operator_leads(true).await?;
        figure(&format!(
            "a holder from 2099 was followed after {:.1?}",
            began.elapsed()
        ));
        site.operator.terminate(SOON).await?;
        // A holder whose clock is far behind, and who renews: it holds as long as it does.
        claim(site, "1999-01-01T00:00:00.000000Z").await?;
        site.restart_operator().await?;
        site.operator_ready().await?;
        for second in 1..10 {
            sleep(Duration::from_secs(1)).await;
            ensure!(holder(site).await? == "ghost", "a holder who renews was robbed");
            claim(site, &format!("1999-01-01T00:00:{second:02}.000000Z")).await?;
        }
        scene.operator_leads(true).await
    })
    .await
}

/// Writes somebody into the Lease who says that it is this time.
async fn claim(site: &Site, time: &str) -> Result<()> {
    let spec = json!({
        "holderIdentity": "ghost",
        "leaseDurationSeconds": 6,
        "acquireTime": time,
        "renewTime": time,
    });
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": OPERATOR, "namespace": SYSTEM},
        "spec": spec,
    });
    site.cluster.apply(&lease).await.map(drop)
}
