//! Who the processes are: `ServiceAccount`s bound to exactly the chart's RBAC, and tokens for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{kubectl::Kubectl, tools::repository};

/// The namespace in which Weir runs.
pub const SYSTEM: &str = "weir-system";

/// The `ServiceAccount` of the operator.
pub const OPERATOR: &str = "weir-operator";

/// The `ServiceAccount` of the routers.
pub const ROUTER: &str = "weir-router";

/// The name by which the API server knows a `ServiceAccount` of [`SYSTEM`], as in its audit log.
pub fn user(service_account: &str) -> String {
    format!("system:serviceaccount:{SYSTEM}:{service_account}")
}

/// Installs the chart's RBAC, `ServiceAccount`s included.
pub async fn install(kubectl: &Kubectl) -> Result<()> {
    kubectl
        .apply_path(&repository().join("charts/weir/rbac"))
        .await
        .map(drop)
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
