//! A pod that calls: it holds the machine's own Python and SDKs, so that what they send comes from within the cluster
//! and finds Weir by its Service's name, as an application would.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::process::Child;

use super::{MACHINE, Node};
use crate::{
    client::Shape,
    load::{Load, Summary},
    node::{IMAGE, WAIT},
    sdk::{self, Call},
    tools::repository,
};

/// A pod in a namespace of its own: it mounts the machine's files, which none in a restricted one may.
#[derive(Debug)]
pub struct Caller<'a> {
    node: &'a Node,
    namespace: String,
}

/// Load that a pod sends.
#[derive(Debug)]
pub struct PodLoad {
    child: Child,
}

impl Node {
    /// Starts a pod that calls, and waits until it runs.
    pub async fn caller(&self) -> Result<Caller<'_>> {
        let namespace = self.cluster.namespace("caller").await?;
        let container = json!({
            "name": "caller",
            "image": IMAGE,
            "command": [WAIT],
            "env": [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
            "securityContext": {"runAsUser": 0, "runAsGroup": 0},
            "volumeMounts": [{"name": "machine", "mountPath": MACHINE, "readOnly": true}],
        });
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "caller", "namespace": namespace},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "machine", "hostPath": {"path": "/"}}],
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 0,
            },
        });
        let kubectl = &self.cluster.kubectl;
        kubectl.apply(&pod.to_string()).await?;
        let wait = ["wait", "--for=condition=Ready", "--timeout=60s", "pod/caller"];
        kubectl
            .run(&[&wait[..], &["-n", &namespace]].concat())
            .await?
            .success()?;
        Ok(Caller {
            node: self,
            namespace,
        })
    }
}

impl Caller<'_> {
    /// Asks `model` once for each of `keys` with the Python SDK, and gives the calls by key. Any failed call fails all.
    pub async fn chat(
        &self,
        base_url: &str,
        api_key: &str,
        model: &str,
        shape: Shape,
        keys: &[String],
    ) -> Result<BTreeMap<String, Call>> {
        let python = self.node.tools.python()?.display().to_string();
        let script = repository().join("tests/sdk/chat.py").display().to_string();
        let mut command = vec![python, script];
        command.extend(sdk::arguments(base_url, model, shape));
        command.extend(["--api-key", api_key].map(String::from));
        let output = self.run(&command, &keys.join("\n")).await?;
        sdk::calls(&output, keys)
    }

    /// Starts `program`, which is the binary `load`, in the pod.
    pub fn load(&self, program: &str, load: &Load) -> Result<PodLoad> {
        let load = serde_json::to_string(load)?;
        let mut command = self.node.cluster.kubectl.command(&self.exec(&[program, &load]));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let child = command.spawn().context("starting kubectl")?;
        Ok(PodLoad { child })
    }

    /// Runs one of the machine's programs in the pod, with `input`, and gives what it printed.
    pub async fn run(&self, command: &[String], input: &str) -> Result<String> {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let kubectl = &self.node.cluster.kubectl;
        kubectl
            .run_with_input(&self.exec(&command), input)
            .await?
            .success()
    }

    fn exec<'c>(&'c self, command: &[&'c str]) -> Vec<&'c str> {
        let exec = ["exec", "--stdin", "--namespace", &self.namespace, "caller", "--"];
        [&exec[..], command].concat()
    }
}

impl PodLoad {
    /// Sends nothing more, waits for what is under way, and gives what came of all of it.
    pub async fn stop(mut self) -> Result<Summary> {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().await?;
        serde_json::from_slice(&output.stdout).context("what the load in the pod came to")
    }
}
