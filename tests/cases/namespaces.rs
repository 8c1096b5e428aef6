//! An operator that may look into a few namespaces only, on a real API server.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use weir_tests::{
    client::{Client, Shape},
    cluster::{Cluster, current_condition},
    fake_provider::{FakeProvider, Recording},
    fixtures::{self, load_balancing, model, provider, provider_secret},
    identity::{self, OPERATOR, OPERATOR_CLUSTER_ROLE, ROUTER, SYSTEM},
    poll::{becomes, eventually},
    process::Process,
};

use crate::context::Context;

const SOON: Duration = Duration::from_secs(30);

/// The Service by which the operator finds the router.
const SERVICE: &str = "weir-router";
/// The Secret with the token of the router's admin port, which the operator makes.
const TOKEN: &str = "weir-admin-token";

/// An operator and a router, without any right beyond the namespaces that it was given.
struct Confined {
    cluster: Cluster,
    client: Client,
    operator: Process,
    operator_admin: SocketAddr,
    http: SocketAddr,
    _router: Process,
    _provider: FakeProvider,
}

pub(crate) async fn an_operator_without_rights_in_the_cluster_serves_its_namespaces(
    context: &Context,
) -> Result<()> {
    let cluster = context.own_cluster("namespaces").await?;
    cluster.install().await?;
    take_the_clusters_rights(&cluster).await?;
    let [one, two, other] = [
        cluster.namespace("one").await?,
        cluster.namespace("two").await?,
        cluster.namespace("other").await?,
    ];
    identity::install_confined(&cluster.kubectl, &[&one, &two]).await?;
    let audit =
        weir_tests::audit::Audit::from_now(&cluster.control_plane.as_ref().context("ours")?.audit_log())?;
    let site = start(context, cluster, &[&one, &two]).await?;
    for namespace in [&one, &two] {
        let policy = policy(namespace);
        let programmed = site.cluster.condition(&policy, "Programmed", "True", SOON);
        programmed.await.with_context(|| site.operator.log_tail())?;
        site.answers(namespace, 200).await?;
    }
    site.answers(&other, 404).await?;
    let unseen = site.cluster.get("LoadBalancingPolicy", Some(&other), "p").await?;
    let unseen = unseen.context("the policy is there")?;
    ensure!(current_condition(&unseen, "Accepted").is_none(), "{unseen}");

    let command = operator(context, &site.cluster.folder, site.operator_admin, &[&one])?;
    site.operator.restart(command).await?;
    site.answers(&two, 404).await?;
    site.answers(&one, 200).await?;
    let gone = || async {
        Ok(site
            .cluster
            .get("ConfigMap", Some(SYSTEM), &format!("weir-ns-{two}"))
            .await?
            .is_none())
    };
    becomes(
        "the table of the namespace taken off the list to be gone",
        SOON,
        true,
        gone,
    )
    .await?;
    asked_for_nothing_it_may_not(&site, &audit)
}

/// Leaves the operator what it may do in Weir's own namespace.
async fn take_the_clusters_rights(cluster: &Cluster) -> Result<()> {
    let rights = ["clusterrole", "clusterrolebinding"].map(|kind| format!("{kind}/{OPERATOR_CLUSTER_ROLE}"));
    let words = [&["delete"], rights.each_ref().map(String::as_str).as_slice()].concat();
    cluster.kubectl.run(&words).await?.success().map(drop)
}

/// The same policy in every namespace, over a provider of the namespace's own.
fn policy(namespace: &str) -> Value {
    load_balancing(namespace, "p", &[model("own/model", 1)])
}

async fn start(context: &Context, cluster: Cluster, watched: &[&str]) -> Result<Confined> {
    let fake = FakeProvider::start(context.address(), Recording::Counts).await?;
    let everywhere = cluster
        .kubectl
        .run(&["get", "namespaces", "-o", "name", "-l", "weir.dev/tests=true"]);
    for namespace in everywhere.await?.success()?.lines() {
        let namespace = namespace.trim_start_matches("namespace/");
        let objects = [
            provider_secret(namespace, "own", "sk-own"),
            provider(namespace, "own", &fake.base_url("own")),
            policy(namespace),
        ];
        cluster.apply_all(&objects).await?;
    }
    for account in [OPERATOR, ROUTER] {
        identity::kubeconfig(&cluster.kubectl, account, &cluster.folder).await?;
    }
    let (operator_admin, http) = (context.address(), context.address());
    let admin = SocketAddr::from((http.ip(), 9090));
    let command = operator(context, &cluster.folder, operator_admin, watched)?;
    let operator = Process::spawn(OPERATOR, command, &cluster.folder)?;
    std::fs::write(
        cluster.folder.join("admin.token"),
        made_token(&cluster, &operator).await?,
    )?;
    let router = Process::spawn(
        ROUTER,
        router(context, &cluster.folder, http, admin)?,
        &cluster.folder,
    )?;
    cluster.apply(&fixtures::router_service(SERVICE)).await?;
    let slice = fixtures::router_slice(SERVICE, "r", &http.ip().to_string(), http.port(), admin.port());
    cluster.apply(&slice).await?;
    Ok(Confined {
        cluster,
        client: Client::default(),
        operator,
        operator_admin,
        http,
        _router: router,
        _provider: fake,
    })
}

/// The token that the operator makes, as its Secret holds it.
async fn made_token(cluster: &Cluster, operator: &Process) -> Result<String> {
    let template = "-o=go-template={{.data.token | base64decode}}";
    let probe = || async {
        let said = cluster
            .kubectl
            .run(&["get", "secret", TOKEN, "-n", SYSTEM, template])
            .await?;
        Ok(said.success().ok().filter(|token| token.len() == 64))
    };
    let made = eventually("the operator to make the admin token", SOON, probe).await;
    made.with_context(|| operator.log_tail())
}

fn operator(context: &Context, folder: &Path, admin: SocketAddr, watched: &[&str]) -> Result<Command> {
    let mut command = Command::new(context.tools.weir(OPERATOR)?);
    command.env("KUBECONFIG", folder.join(format!("{OPERATOR}.kubeconfig")));
    command.args(["--namespace", SYSTEM, "--router-service", SERVICE]);
    command.args(["--cluster-providers", "off", "--namespaced-providers", "enabled"]);
    command.args([
        "--admin-token-secret",
        TOKEN,
        "--admin-listen",
        &admin.to_string(),
    ]);
    command.args(["--watch-namespaces", &watched.join(",")]);
    Ok(command)
}

fn router(context: &Context, folder: &Path, http: SocketAddr, admin: SocketAddr) -> Result<Command> {
    let mut command = Command::new(context.tools.weir(ROUTER)?);
    command.env("KUBECONFIG", folder.join(format!("{ROUTER}.kubeconfig")));
    command.args(["--namespace", SYSTEM, "--allow-unauthenticated"]);
    command.args([
        "--listen",
        &http.to_string(),
        "--admin-listen",
        &admin.to_string(),
    ]);
    command.arg("--admin-token-file").arg(folder.join("admin.token"));
    Ok(command)
}

impl Confined {
    /// Waits until the router answers a chat on the policy of `namespace` with this status.
    async fn answers(&self, namespace: &str, status: u16) -> Result<()> {
        let name = format!("policy/{namespace}/p");
        let probe = || async {
            let answer = self.client.chat(self.http, &name, "k", Shape::Plain).await?;
            Ok(answer.status.as_u16())
        };
        becomes(&format!("{name} to be answered"), SOON, status, probe).await
    }
}

/// No request of the operator's was refused for lack of rights: reads are told in its log, writes in the audit.
fn asked_for_nothing_it_may_not(site: &Confined, audit: &weir_tests::audit::Audit) -> Result<()> {
    let log = std::fs::read_to_string(site.operator.log())?;
    ensure!(
        !log.to_lowercase().contains("forbidden"),
        "{}",
        site.operator.log_tail()
    );
    let user = identity::user(OPERATOR);
    let writes = audit.writes()?.into_iter().filter(|write| write.user == user);
    let (mut all, mut refused) = (0, Vec::new());
    for write in writes {
        all += 1;
        refused.extend((write.code == 403).then_some(write));
    }
    ensure!(
        all > 0 && refused.is_empty(),
        "{all} writes, refused: {refused:?}"
    );
    Ok(())
}
