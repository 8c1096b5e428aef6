//! A pod that calls: it holds the machine's own Python and SDKs, so that what they send comes from within the cluster
//! and finds Weir by its Service's name, as an application would.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use super::{MACHINE, Node};
use crate::{
    client::Shape,
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

    /// Runs one of the machine's programs in the pod, with `input`, and gives what it printed.
    pub async fn run(&self, command: &[String], input: &str) -> Result<String> {
        let mut arguments = vec!["exec", "--stdin", "--namespace", &self.namespace, "caller", "--"];
        arguments.extend(command.iter().map(String::as_str));
        let kubectl = &self.node.cluster.kubectl;
        kubectl.run_with_input(&arguments, input).await?.success()
    }
}
