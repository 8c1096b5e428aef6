//! Who the processes are: `ServiceAccount`s bound to exactly the chart's RBAC, and tokens for them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    helm::Charts,
    kubectl::Kubectl,
    tools::{Helm, Tools},
};

/// The namespace in which Weir runs.
pub const SYSTEM: &str = "weir-system";

/// The `ServiceAccount` of the operator.
pub const OPERATOR: &str = "weir-operator";

/// The `ClusterRole` of the operator, and its binding.
pub const OPERATOR_CLUSTER_ROLE: &str = "weir-system-weir-operator";

/// The `ServiceAccount` of the routers.
pub const ROUTER: &str = "weir-router";

/// The name by which the API server knows a `ServiceAccount` of [`SYSTEM`], as in its audit log.
pub fn user(service_account: &str) -> String {
    format!("system:serviceaccount:{SYSTEM}:{service_account}")
}

/// Installs what the chart renders for who the processes are and what they may do, and nothing else of it.
pub async fn install(kubectl: &Kubectl) -> Result<()> {
    install_rendered(kubectl, &[]).await
}

/// The same for an operator that only looks into these namespaces and its own, with this access to ClusterProviders.
pub async fn install_confined(kubectl: &Kubectl, namespaces: &[&str], access: &str) -> Result<()> {
    let watched = format!("watchNamespaces={}", json!(namespaces));
    let access = format!("--set=providers.cluster.access={access}");
    let values = ["--set-json", &watched, &access];
    install_rendered(kubectl, &values).await
}

async fn install_rendered(kubectl: &Kubectl, values: &[&str]) -> Result<()> {
    let charts = Charts::offline(&Tools::find()?, Helm::Four)?;
    let values = [&["--set=test.enabled=false"], values].concat();
    let objects = charts.render(&values).await?;
    let rights = objects.iter().filter(|object| is_about_rights(object));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": rights.collect::<Vec<_>>()});
    kubectl.apply(&list.to_string()).await.map(drop)
}

fn is_about_rights(object: &Value) -> bool {
    object["kind"] == "ServiceAccount" || object["apiVersion"] == "rbac.authorization.k8s.io/v1"
}

/// Writes a kubeconfig with a fresh token of `service_account` into `folder`.
pub async fn kubeconfig(kubectl: &Kubectl, service_account: &str, folder: &Path) -> Result<PathBuf> {
    let token = kubectl
        .run(&["create", "token", service_account, "-n", SYSTEM, "--duration=8h"])
        .await?;
    let view = kubectl
        .run(&["config", "view", "--minify", "--raw", "--flatten", "-o", "json"])
        .await?;
    let view: Value = serde_json::from_str(&view.success()?)?;
    let cluster = view
        .pointer("/clusters/0")
        .context("a kubeconfig without a cluster")?;
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": {"cluster": cluster["name"], "user": "tests"}}],
        "clusters": [cluster],
        "users": [{"name": "tests", "user": {"token": token.success()?.trim()}}],
    });
    let path = folder.join(format!("{service_account}.kubeconfig"));
    std::fs::write(&path, document.to_string())?;
    Ok(path)
}

/// Has the kubeconfig of `service_account` in `folder` lead to `entrance`, behind which is `server`.
pub fn redirect(
    folder: &Path,
    service_account: &str,
    entrance: SocketAddr,
    server: SocketAddr,
) -> Result<()> {
    let path = folder.join(format!("{service_account}.kubeconfig"));
    let mut document: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    let cluster = &mut document["clusters"][0]["cluster"];
    cluster["server"] = format!("https://{entrance}").into();
    cluster["tls-server-name"] = server.ip().to_string().into();
    Ok(std::fs::write(&path, document.to_string())?)
}
