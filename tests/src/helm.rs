//! Helm, as a person uses it, in either version. What it remembers lies in a folder of the tests'.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    command::{self, Output},
    site::logs,
    tools::{Helm, Tools, repository},
};

/// The arguments by which Weir is called as it is in the tests: release `weir` in `weir-system`.
const USUAL: [&str; 3] = ["weir", "--namespace", "weir-system"];

/// The folders in which Helm remembers things. What a server knows is among them, and is another one's in each run.
const REMEMBERED: [&str; 4] = [
    "HELM_CACHE_HOME",
    "HELM_CONFIG_HOME",
    "HELM_DATA_HOME",
    "KUBECACHEDIR",
];

/// The Kubernetes that is rendered for, where none is asked.
const KUBERNETES: &str = "--kube-version=1.36.3";

/// One Helm, and the cluster that it works on.
#[derive(Clone, Debug)]
pub struct Charts {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Charts {
    /// Helm for the cluster of a kubeconfig.
    pub fn new(tools: &Tools, version: Helm, kubeconfig: &Path) -> Result<Self> {
        Ok(Self {
            program: tools.helm(version)?,
            kubeconfig: kubeconfig.to_owned(),
        })
    }

    /// Helm for no cluster: it can render and lint.
    pub fn offline(tools: &Tools, version: Helm) -> Result<Self> {
        Self::new(tools, version, Path::new("/dev/null"))
    }

    /// Runs it.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        for name in REMEMBERED {
            command.env(name, logs().join("helm").join(name.to_lowercase()));
        }
        command::run(command, "").await
    }

    /// What `helm template` prints of the chart `weir`, with further arguments.
    pub async fn template(&self, arguments: &[&str]) -> Result<Output> {
        let chart = chart("weir");
        let own: Vec<&str> = [&["template"], &USUAL[..], &[&chart, KUBERNETES]].concat();
        self.run(&[&own, arguments].concat()).await
    }

    /// The objects of the chart `weir`, with further arguments.
    pub async fn render(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        objects(&self.template(arguments).await?.success()?)
    }
}

/// The path of a chart.
pub fn chart(name: &str) -> String {
    repository().join("charts").join(name).display().to_string()
}

/// The documents of a YAML stream, but empty ones. A key that stands twice in a map is an error.
pub fn objects(yaml: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml)?;
    Ok(documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect())
}
