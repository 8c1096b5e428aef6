//! `kubectl`, as a person uses it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::process::Command;

use crate::{
    command::{self, Output},
    site::logs,
    tools::Tools,
};

/// `kubectl` with one kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// What it remembers of servers, by their address: a later run has other servers at the same addresses.
    cache: PathBuf,
}

impl Kubectl {
    /// Finds the installed `kubectl`.
    pub fn new(tools: &Tools, kubeconfig: &Path) -> Result<Self> {
        Ok(Self {
            program: tools.kubernetes("kubectl")?,
            kubeconfig: kubeconfig.to_owned(),
            cache: logs().join("kubectl"),
        })
    }

    /// The file with which it reaches the cluster.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs it.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.run_with_input(arguments, "").await
    }

    /// Runs it with `input` as its standard input (`-f -`).
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<Output> {
        command::run(self.command(arguments), input).await
    }

    /// What runs it, for who starts it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        command.env("KUBECACHEDIR", &self.cache);
        command
    }

    /// `kubectl apply --server-side -f PATH`.
    pub async fn apply_path(&self, path: &Path) -> Result<String> {
        let path = path.to_string_lossy();
        self.run(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "--recursive",
            "-f",
            &path,
        ])
        .await?
        .success()
    }

    /// `kubectl apply -f -` with `yaml`.
    pub async fn apply(&self, yaml: &str) -> Result<String> {
        self.run_with_input(&["apply", "-f", "-"], yaml).await?.success()
    }
}
