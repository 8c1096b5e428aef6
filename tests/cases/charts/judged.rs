//! What the API server says of the charts' objects: its schemas, and its pod security admission.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use weir_tests::{
    cluster::Cluster,
    command::{self, Output},
    helm::{Charts, chart, objects},
    poll::eventually,
    schemas,
    tools::{Helm, repository},
};

use super::{DEFINITIONS, Hand, NAMESPACE, RELEASE, first_objects};
use crate::context::Context;

/// How long the server may take to publish the schemas of new definitions.
const PUBLISHED: Duration = Duration::from_mins(1);

/// The arguments of every rendering that is judged.
fn renderings() -> [Vec<String>; 3] {
    let file = |name: &str| repository().join("tests/charts").join(name).display().to_string();
    let with = |name: &str| vec![String::from("--values"), file(name)];
    [Vec::new(), with("full.yaml"), with("other.yaml")]
}

async fn rendered(charts: &Charts, arguments: &[String]) -> Result<String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    charts.template(&arguments).await?.success()
}

/// What the notes would say of an installation with these arguments.
async fn first_steps(charts: &Charts, arguments: &[String]) -> Result<String> {
    let chart = chart(RELEASE);
    let install = [
        "install",
        RELEASE,
        &chart,
        "--namespace",
        NAMESPACE,
        "--dry-run=client",
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    charts.run(&[&install, &arguments[..]].concat()).await?.success()
}

pub(crate) async fn every_object_fits_the_schemas_of_the_api_server(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("charts-schemas").await?;
    let hand = Hand::new(context, &cluster, Helm::Four, &[])?;
    hand.install_definitions().await?;
    cluster
        .kubectl
        .apply_path(&context.tools.charts("definitions")?)
        .await?;
    let folder = cluster.folder.join("schemas");
    let published = || async {
        schemas::dump(&cluster.kubectl, &folder).await?;
        let all = [
            "weir.dev/accesskey_v1alpha1.json",
            "gateway.networking.k8s.io/httproute_v1.json",
        ];
        Ok(all.iter().all(|file| folder.join(file).exists()).then_some(()))
    };
    eventually("the schemas of all definitions", PUBLISHED, published).await?;
    cluster.discovered().await?;
    let examples = ["apply", "--dry-run=server", "-f", "-"];
    cluster
        .kubectl
        .run_with_input(&examples, &promised_examples()?)
        .await?
        .success()?;
    for arguments in renderings() {
        let text = rendered(&hand.charts, &arguments).await?;
        let output = judge(context, &folder, &text).await?;
        ensure!(
            output.code == 0,
            "{arguments:?}: {}{}",
            output.stdout,
            output.stderr
        );
        let first = first_objects(&first_steps(&hand.charts, &arguments).await?)?;
        judge(context, &folder, &first).await?.success()?;
        let wrong = judge(context, &folder, &text.replacen("replicas:", "replica:", 1)).await?;
        ensure!(
            wrong.code != 0,
            "a field that no kind has was let through: {}",
            wrong.stdout
        );
    }
    Ok(())
}

/// The examples that the chart's description shows of every kind, as a list.
fn promised_examples() -> Result<String> {
    let text = std::fs::read_to_string(repository().join("charts/weir/Chart.yaml"))?;
    let description = objects(&text)?.into_iter().next().unwrap_or_default();
    let examples = description["annotations"]["artifacthub.io/crdsExamples"].as_str();
    let items = objects(examples.unwrap_or_default())?.into_iter().next();
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

/// What kubeconform says of a stream of objects.
async fn judge(context: &Context, schemas: &Path, text: &str) -> Result<Output> {
    let mut command = Command::new(context.tools.charts("kubeconform")?);
    let location = schemas.join("{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json");
    command
        .args(["-strict", "-summary", "-schema-location"])
        .arg(location);
    command::run(command, text).await
}

pub(crate) async fn pods_fit_the_restricted_standard(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("charts-restricted").await?;
    let hand = Hand::new(context, &cluster, Helm::Four, &[])?;
    hand.install_definitions().await?;
    cluster.discovered().await?;
    hand.install(&[]).await?;
    // What a controller would make, which does not run here.
    let account = ["create", "serviceaccount", "default", "-n", NAMESPACE];
    cluster.kubectl.run(&account).await?.success()?;
    let label = "pod-security.kubernetes.io/enforce=restricted";
    cluster
        .kubectl
        .run(&["label", "namespace", NAMESPACE, label])
        .await?
        .success()?;
    let manifest = hand.helm(&["get", "manifest", RELEASE]).await?
        + "\n---\n"
        + &hand.helm(&["get", "hooks", RELEASE]).await?;
    let pods: Vec<Value> = objects(&manifest)?.iter().filter_map(pod).collect();
    ensure!(pods.len() == 4, "{}", pods.len());
    for pod in &pods {
        create(&cluster, pod).await?.success()?;
    }
    let mut privileged = pods[0].clone();
    privileged["spec"]["hostNetwork"] = true.into();
    let refused = create(&cluster, &privileged).await?;
    ensure!(
        refused.stderr.contains("PodSecurity"),
        "nothing is enforced: {}",
        refused.stderr
    );
    hand.helm(&["uninstall", DEFINITIONS]).await.map(drop)
}

/// The pod that an object makes, if it does.
fn pod(object: &Value) -> Option<Value> {
    let template = match object["kind"].as_str()? {
        "Deployment" => &object["spec"]["template"],
        "Pod" => object,
        _ => return None,
    };
    let name = object["metadata"]["name"].as_str()?;
    let metadata = json!({"name": name, "namespace": NAMESPACE, "labels": template["metadata"]["labels"]});
    Some(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}))
}

/// Asks the server to create a pod, without doing it.
async fn create(cluster: &Cluster, pod: &Value) -> Result<Output> {
    let words = ["create", "--dry-run=server", "-f", "-"];
    cluster.kubectl.run_with_input(&words, &pod.to_string()).await
}
