//! The charts on a real API server: what Helm 3 and Helm 4 leave, take up and hand over, and what the server says of
//! the objects. Nothing here needs a pod to run.

mod judged;

pub(crate) use judged::{every_object_fits_the_schemas_of_the_api_server, pods_fit_the_restricted_standard};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use weir_tests::{
    cluster::Cluster,
    fixtures,
    helm::{Charts, chart},
    tools::Helm,
};

use crate::context::Context;

const DEFINITIONS: &str = "weir-crds";
const RELEASE: &str = "weir";
/// Not the usual one: nothing may depend on that.
const NAMESPACE: &str = "llm-gateway";

/// What one person does: one Helm, on one cluster, with the same arguments for every installation.
struct Hand<'a> {
    charts: Charts,
    cluster: &'a Cluster,
    mode: &'static [&'static str],
}

impl<'a> Hand<'a> {
    fn new(
        context: &Context,
        cluster: &'a Cluster,
        version: Helm,
        mode: &'static [&'static str],
    ) -> Result<Self> {
        let charts = Charts::new(&context.tools, version, cluster.kubectl.kubeconfig())?;
        Ok(Self {
            charts,
            cluster,
            mode,
        })
    }

    async fn helm(&self, arguments: &[&str]) -> Result<String> {
        let namespace = ["--namespace", NAMESPACE];
        let output = self.charts.run(&[arguments, &namespace].concat()).await?;
        output.success().with_context(|| format!("{arguments:?}"))
    }

    async fn install_definitions(&self) -> Result<String> {
        let chart = chart(DEFINITIONS);
        let own = ["upgrade", "--install", "--create-namespace", DEFINITIONS, &chart];
        self.helm(&[&own, self.mode].concat()).await
    }

    async fn install(&self, values: &[&str]) -> Result<String> {
        let chart = chart(RELEASE);
        let own = ["upgrade", "--install", RELEASE, &chart];
        self.helm(&[&own, self.mode, values].concat()).await
    }

    /// How many replicas of the operator are asked for.
    async fn replicas(&self) -> Result<String> {
        let words = [
            "get",
            "deployment",
            "weir-operator",
            "-n",
            NAMESPACE,
            "-o",
            "jsonpath={.spec.replicas}",
        ];
        self.cluster.kubectl.run(&words).await?.success()
    }

    async fn uninstall(&self) -> Result<()> {
        self.helm(&["uninstall", RELEASE]).await?;
        self.helm(&["uninstall", DEFINITIONS]).await.map(drop)
    }
}

/// The hands in which the charts have to work, and what each is called.
const HANDS: [(Helm, &[&str]); 3] = [
    (Helm::Four, &["--server-side=true"]),
    (Helm::Four, &["--server-side=false"]),
    (Helm::Three, &[]),
];

const PROVIDER: &str =
    r#"--set-json=clusterProviders.mine={"dialect":"OpenAI","baseURL":"https://x.example/v1"}"#;

pub(crate) async fn an_uninstall_leaves_policies_and_a_reinstall_takes_them_up(
    context: &Context,
) -> Result<()> {
    let cluster = context.own_cluster("charts-uninstall").await?;
    for (version, mode) in HANDS {
        let hand = Hand::new(context, &cluster, version, mode)?;
        survives(&hand)
            .await
            .with_context(|| format!("Helm {version:?} {mode:?}"))?;
    }
    Ok(())
}

async fn survives(hand: &Hand<'_>) -> Result<()> {
    let cluster = hand.cluster;
    hand.install_definitions().await?;
    cluster.discovered().await?;
    let notes = hand.install(&[PROVIDER]).await?;
    ensure!(
        notes.contains("kubectl apply") && notes.contains("curl "),
        "{notes}"
    );
    ensure!(!notes.contains("weir-crds first"), "{notes}");
    hand.cluster.kubectl.apply(&first_objects(&notes)?).await?;
    let policy = fixtures::load_balancing(NAMESPACE, "kept", &[fixtures::model("openai/o1", 1)]);
    let applied = cluster.apply(&policy).await?.metadata.uid;
    hand.install(&[PROVIDER, "--set=operator.replicas=3"]).await?;
    ensure!(hand.replicas().await? == "3", "the upgrade changed nothing");
    hand.helm(&["rollback", RELEASE, "1"]).await?;
    ensure!(hand.replicas().await? == "2", "the rollback changed nothing");
    hand.uninstall().await?;
    let left = cluster.get("ClusterProvider", None, "mine").await?;
    ensure!(left.is_none(), "what values made has to go with the release");
    hand.install_definitions().await?;
    hand.install(&[PROVIDER]).await?;
    let found = cluster
        .get("LoadBalancingPolicy", Some(NAMESPACE), "kept")
        .await?;
    let uid = found.context("the policy is gone")?["metadata"]["uid"].clone();
    ensure!(
        uid == Value::from(applied),
        "the policy was deleted and made anew"
    );
    hand.uninstall().await
}

/// What the notes would have a person apply first.
fn first_objects(notes: &str) -> Result<String> {
    let (_, rest) = notes.split_once("<<YAML\n").context("no objects to apply")?;
    let (objects, _) = rest.split_once("   YAML\n").context("no end of them")?;
    Ok(objects
        .lines()
        .map(|line| line.strip_prefix("   ").unwrap_or(line).to_owned() + "\n")
        .collect())
}

pub(crate) async fn helm_4_takes_over_a_release_of_helm_3(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("charts-handover").await?;
    let three = Hand::new(context, &cluster, Helm::Three, &[])?;
    three.install_definitions().await?;
    cluster.discovered().await?;
    three.install(&[PROVIDER]).await?;
    let as_it_was = Hand::new(context, &cluster, Helm::Four, &[])?;
    as_it_was.install_definitions().await?;
    as_it_was
        .install(&[PROVIDER, "--set=operator.replicas=3"])
        .await?;
    ensure!(
        as_it_was.replicas().await? == "3",
        "client-side apply changed nothing"
    );
    let four = Hand::new(context, &cluster, Helm::Four, &["--server-side=true"])?;
    four.install_definitions().await?;
    four.install(&[PROVIDER, "--set=operator.replicas=4"]).await?;
    ensure!(four.replicas().await? == "4", "server-side apply changed nothing");
    four.install(&[PROVIDER]).await?;
    ensure!(four.replicas().await? == "2", "a value that was taken out stayed");
    four.helm(&["rollback", RELEASE, "1"]).await?;
    four.uninstall().await
}
