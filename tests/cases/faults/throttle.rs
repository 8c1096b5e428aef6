//! An API server that has had enough of Weir, by its own priority and fairness: one request at a time is let in, and
//! somebody else's holds that place.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    time::timeout,
};
use weir_tests::{
    cluster::Cluster,
    identity::{self, OPERATOR, ROUTER, SYSTEM},
    poll::eventually,
    process::Process,
    site::logs,
};

use super::{HEALING, SOON, Scene, total_of, under_load};
use crate::context::Context;

/// The level of priority with one place.
const NARROW: &str = "narrow-for-weir";

/// How soon the API server says no to who finds no place.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

pub(crate) async fn an_api_server_that_has_had_enough_delays_changes_and_nothing_else(
    context: &Context,
) -> Result<()> {
    under_load(context, async |scene| {
        let (cluster, ways) = (&scene.site.cluster, scene.ways()?);
        let server = cluster.control_plane.as_ref().context("a control plane")?;
        let narrow = narrow();
        cluster.apply_all(&narrow).await?;
        let occupant = Occupant::start(scene).await?;
        counts_throttled(scene, "weir_operator_lease_errors_total").await?;
        // Whoever asks anew is refused, too, and goes on with what it has.
        for way in [&ways.operator, &ways.routers] {
            way.close();
            way.lead_to(&[server.api_address()]);
        }
        let policy = scene.apply(2).await?;
        counts_throttled(scene, "weir_operator_watch_errors_total").await?;
        drop(occupant);
        relent(cluster, &narrow).await?;
        scene.is_programmed(&policy, HEALING).await
    })
    .await
}

/// Waits until the operator has counted a request of this kind that was refused because the API server is too busy.
async fn counts_throttled(scene: &Scene, metric: &str) -> Result<()> {
    let throttled = |line: &str| line.starts_with(metric) && line.contains("reason=\"Throttled\"");
    let before = total_of(&scene.site.operator_metrics().await?, throttled);
    let probe = async || {
        let now = total_of(&scene.site.operator_metrics().await?, throttled);
        Ok((now > before).then_some(()))
    };
    eventually(&format!("{metric} to count a refusal"), SOON, probe).await
}

/// A request of the operator's that does not end, because its body never does. The API server gives up on it after a
/// minute.
struct Occupant {
    _request: TcpStream,
    _proxy: Process,
}

impl Occupant {
    async fn start(scene: &Scene) -> Result<Self> {
        let (site, user) = (&scene.site, format!("--as={}", identity::user(OPERATOR)));
        let port = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port();
        let mut command: Command = site.cluster.kubectl.command(&[&user, "proxy"]);
        command.arg(format!("--port={port}"));
        let proxy = Process::spawn("kubectl-proxy", command, &logs())?;
        let probe = async || Ok(occupy(port).await.ok());
        let request = eventually("a request to take the only place", SOON, probe).await?;
        Ok(Self {
            _request: request,
            _proxy: proxy,
        })
    }
}

/// Begins a request; fails if it is answered.
async fn occupy(port: u16) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!(
        "POST /api/v1/namespaces/{SYSTEM}/configmaps HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await?;
    match timeout(REFUSED_WITHIN, stream.read_u8()).await {
        Ok(_) => anyhow::bail!("somebody else has the place"),
        Err(_) => Ok(stream),
    }
}

async fn relent(cluster: &Cluster, narrow: &[Value]) -> Result<()> {
    for object in narrow.iter().rev() {
        let kind = object["kind"].as_str().context("no kind")?;
        cluster.delete(kind, None, NARROW).await?;
    }
    Ok(())
}

/// A level of priority at which one request is served at a time and no other waits, for everything that Weir asks.
fn narrow() -> [Value; 2] {
    let account =
        |name: &str| json!({"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": SYSTEM}});
    let everything = json!({
        "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"],
    });
    let level = json!({
        "type": "Limited",
        "limited": {
            "nominalConcurrencyShares": 0,
            "lendablePercent": 0,
            "borrowingLimitPercent": 0,
            "limitResponse": {"type": "Reject"},
        },
    });
    let schema = json!({
        "priorityLevelConfiguration": {"name": NARROW},
        "matchingPrecedence": 3,
        "rules": [{"subjects": [account(OPERATOR), account(ROUTER)], "resourceRules": [everything]}],
    });
    [
        object("PriorityLevelConfiguration", &level),
        object("FlowSchema", &schema),
    ]
}

fn object(kind: &str, spec: &Value) -> Value {
    let version = "flowcontrol.apiserver.k8s.io/v1";
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": NARROW}, "spec": spec})
}
