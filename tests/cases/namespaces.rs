//! An operator that may look into a few namespaces only, on a real API server.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use weir_tests::{
    audit::Audit,
    client::{Client, Shape},
    cluster::{Cluster, current_condition},
    fake_provider::{FakeProvider, Recording},
    fixtures::{self, cluster_provider, load_balancing, model, provider, provider_secret},
    identity::{self, OPERATOR, OPERATOR_CLUSTER_ROLE, ROUTER, SYSTEM},
    poll::{becomes, eventually},
    process::Process,
};

use crate::{
    context::Context,
    rbac::{
        Actor,
        Verdict::{Allowed, Forbidden},
    },
};

const SOON: Duration = Duration::from_secs(30);

/// The Service by which the operator finds the router.
const SERVICE: &str = "weir-router";
/// The Secret with the token of the router's admin port, which the operator makes.
const TOKEN: &str = "weir-admin-token";

/// What an operator may do with ClusterProviders.
#[derive(Clone, Copy, Debug)]
enum Access {
    ReadOnly,
    None,
}

impl Access {
    /// The operator's argument for it; the chart's value is the variant's name.
    const fn argument(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::None => "off",
        }
    }
}

/// An operator and a router, without any right beyond the namespaces that it was given.
struct Confined {
    cluster: Cluster,
    client: Client,
    operator: Process,
    operator_admin: SocketAddr,
    http: SocketAddr,
    _router: Process,
    provider: FakeProvider,
}

pub(crate) async fn an_operator_without_rights_in_the_cluster_serves_its_namespaces(
    context: &Context,
) -> Result<()> {
    let cluster = context.own_cluster("namespaces").await?;
    let [one, two, other] = [
        cluster.namespace("one").await?,
        cluster.namespace("two").await?,
        cluster.namespace("other").await?,
    ];
    confine(&cluster, Access::None, &[&one, &two]).await?;
    let audit = audit(&cluster)?;
    let site = start(context, cluster, Access::None, &[&one, &two]).await?;
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

    let command = operator(
        context,
        &site.cluster.folder,
        site.operator_admin,
        Access::None,
        &[&one],
    )?;
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
    asked_for_nothing_it_may_not(&site, &audit)?;
    may_look_into(context, &site.cluster, [&one, &two], &other).await
}

/// By trying: the operator may read the Secrets of its own namespaces, and no others.
async fn may_look_into(context: &Context, cluster: &Cluster, own: [&str; 2], other: &str) -> Result<()> {
    let actor = Actor::new(context, cluster, OPERATOR).await?;
    for namespace in own {
        actor.may(Allowed, &format!("get secrets -n {namespace}")).await?;
    }
    actor.may(Forbidden, &format!("get secrets -n {other}")).await?;
    actor
        .may(Forbidden, &format!("get secret own-key -n {other}"))
        .await?;
    actor.may(Forbidden, "get secrets -A").await?;
    actor.may(Forbidden, "get clusterproviders").await
}

pub(crate) async fn cluster_providers_that_may_only_be_read_are_used_and_told_nothing(
    context: &Context,
) -> Result<()> {
    let cluster = context.own_cluster("read-only").await?;
    let namespace = cluster.namespace("one").await?;
    confine(&cluster, Access::ReadOnly, &[&namespace]).await?;
    let audit = audit(&cluster)?;
    let site = start(context, cluster, Access::ReadOnly, &[&namespace]).await?;
    // With the second version, a status that was due for the first would have been written.
    for version in ["one", "two"] {
        site.routes_by_the_clusters(&namespace, version).await?;
    }
    let untold = site.cluster.get("ClusterProvider", None, "shared").await?;
    let untold = untold.context("the provider is there")?;
    ensure!(current_condition(&untold, "Accepted").is_none(), "{untold}");
    asked_for_nothing_it_may_not(&site, &audit)?;
    let writes = audit.counts(&identity::user(OPERATOR))?;
    let is_told = writes.keys().any(|write| write.contains("clusterproviders"));
    ensure!(!is_told && !writes.is_empty(), "{writes:?}");
    let actor = Actor::new(context, &site.cluster, OPERATOR).await?;
    actor.may(Allowed, "get clusterproviders").await
}

/// Gives the operator the rights of an installation in these namespaces alone.
async fn confine(cluster: &Cluster, access: Access, namespaces: &[&str]) -> Result<()> {
    cluster.install().await?;
    take_the_clusters_rights(cluster).await?;
    identity::install_confined(&cluster.kubectl, namespaces, &format!("{access:?}")).await
}

fn audit(cluster: &Cluster) -> Result<Audit> {
    let control_plane = cluster
        .control_plane
        .as_ref()
        .context("no control plane of our own")?;
    Audit::from_now(&control_plane.audit_log())
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

async fn start(context: &Context, cluster: Cluster, access: Access, watched: &[&str]) -> Result<Confined> {
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
    let command = operator(context, &cluster.folder, operator_admin, access, watched)?;
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
        provider: fake,
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

fn operator(
    context: &Context,
    folder: &Path,
    admin: SocketAddr,
    access: Access,
    watched: &[&str],
) -> Result<Command> {
    let mut command = Command::new(context.tools.weir(OPERATOR)?);
    command.env("KUBECONFIG", folder.join(format!("{OPERATOR}.kubeconfig")));
    command.args(["--namespace", SYSTEM, "--router-service", SERVICE]);
    command.args([
        "--cluster-providers",
        access.argument(),
        "--namespaced-providers",
        "enabled",
    ]);
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
    /// Has the policy of `namespace` use a version of a ClusterProvider, and asks it.
    async fn routes_by_the_clusters(&self, namespace: &str, version: &str) -> Result<()> {
        let target = format!("shared/{version}");
        let policy = load_balancing(namespace, "p", &[model(&target, 1)]);
        let shared = [
            provider_secret(SYSTEM, "shared", "sk-shared"),
            cluster_provider("shared", &self.provider.base_url(version)),
            policy.clone(),
        ];
        self.cluster.apply_all(&shared).await?;
        let programmed = self.cluster.condition(&policy, "Programmed", "True", SOON);
        programmed.await.with_context(|| self.operator.log_tail())?;
        // The router stands behind the Service from its start, before it is ready.
        let name = format!("policy/{namespace}/p");
        let routed = || async {
            let answer = self.client.chat(self.http, &name, "k", Shape::Plain).await?;
            Ok(answer.header("x-weir-model").to_owned())
        };
        becomes(&format!("{name} to be routed"), SOON, target, routed).await
    }

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
fn asked_for_nothing_it_may_not(site: &Confined, audit: &Audit) -> Result<()> {
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
