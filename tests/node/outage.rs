//! An API server that is away while routers' containers start again.

use std::{fs::read_dir, net::SocketAddr, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use weir_tests::{
    client::{Client, Shape},
    fixtures::{access_key, caller_secret, load_balancing, model},
    node::{Node, Release},
    poll::eventually,
    timing::timed,
    tools::Helm,
};

use crate::context::Context;

/// The key of the application that calls.
const KEY: &str = "the-key-of-an-application-in-an-outage-0123456789";

const SOON: Duration = Duration::from_mins(1);

/// What a router says that starts without an API server.
const STALE: &str = "what was kept is served until it has";

pub(crate) async fn routers_that_restart_without_an_api_server_serve_what_they_kept(
    context: &Context,
) -> Result<()> {
    let (node, release) = (context.node().await?, Release::usual(Helm::Four));
    release.install(node, &[]).await?;
    let survived = survives_an_outage(node, &release).await;
    survived.and(release.uninstall(node).await)
}

async fn survives_an_outage(node: &Node, release: &Release) -> Result<()> {
    let namespace = node.cluster.namespace("team").await?;
    program(node, &namespace, "openai/gpt-5.2").await?;
    let control_plane = node.cluster.control_plane.as_ref().context("no control plane")?;
    let address = release.address(node).await?;
    serves(address, "openai/gpt-5.2").await?;
    everything_is_kept().await?;
    control_plane.stop_api_server().await?;
    kill_routers()?;
    let outage = timed(
        "until routers serve again that were killed, without an API server",
        serves(address, "openai/gpt-5.2"),
    )
    .await;
    control_plane.start_api_server().await?;
    let logs = router_logs(node, release).await?;
    outage.context(logs)?;
    says_that_it_is_stale(node, release).await?;
    let change = program(node, &namespace, "google/gemini-2.5-pro");
    timed("until a change is served, with it", change).await?;
    serves(address, "google/gemini-2.5-pro").await
}

/// Has the one policy lead to this model, and waits until every ready router serves it.
async fn program(node: &Node, namespace: &str, target: &str) -> Result<()> {
    let key = json!({"keys": [{"secretRef": {"name": "application", "key": "key"}}]});
    let policy = load_balancing(namespace, "one", &[model(target, 1)]);
    let objects = [
        caller_secret(namespace, "application", KEY),
        access_key(namespace, "application", &key),
        policy.clone(),
    ];
    node.cluster.apply_all(&objects).await?;
    node.cluster
        .condition(&policy, "Programmed", "True", SOON)
        .await?;
    Ok(())
}

/// Waits until the routers' Service leads to this model.
async fn serves(address: SocketAddr, target: &str) -> Result<()> {
    let client = Client::holding(KEY)?;
    let asked = async || {
        let Ok(answer) = client.chat(address, "policy/one", "a-caller", Shape::Plain).await else {
            return Ok(None);
        };
        let is_it = answer.content(Shape::Plain).is_ok() && answer.header("x-weir-model") == target;
        Ok(is_it.then_some(()))
    };
    eventually(&format!("an answer of {target}"), SOON, asked).await
}

/// Waits until every router has written down what it serves, which it does behind the requests: an index, and a page
/// for the cluster and for the one namespace.
async fn everything_is_kept() -> Result<()> {
    let kept = async || {
        let processes = Command::new("pgrep").args(["-x", "weir-router"]).output()?;
        let ids = String::from_utf8(processes.stdout)?;
        let files = |id: &str| Some(read_dir(format!("/proc/{id}/root/var/cache/weir")).ok()?.count());
        let all = ids.lines().all(|id| files(id) == Some(3));
        Ok((ids.lines().count() == 2 && all).then_some(()))
    };
    eventually("both routers to have kept what they serve", SOON, kept).await
}

/// Ends every router at once (-9). The node's processes are the only ones that can be seen from here.
fn kill_routers() -> Result<()> {
    let killed = Command::new("pkill")
        .args(["-KILL", "-x", "weir-router"])
        .status()?;
    ensure!(killed.success(), "no router ran");
    Ok(())
}

async fn router_logs(node: &Node, release: &Release) -> Result<String> {
    let selector = "--selector=app.kubernetes.io/component=router";
    let logs = ["logs", selector, "--tail=-1", "--namespace", &release.namespace];
    node.cluster.kubectl.run(&logs).await?.success()
}

async fn says_that_it_is_stale(node: &Node, release: &Release) -> Result<()> {
    let told = async || {
        let logs = router_logs(node, release).await?;
        Ok((logs.matches(STALE).count() == 2).then_some(()))
    };
    eventually("both routers' word that they were stale", SOON, told).await
}
