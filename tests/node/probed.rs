//! `helm test` on an installation in which something is wrong: it fails, and what it made is gone all the same.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    node::{Node, Release},
    poll::eventually,
    timing::timed,
    tools::Helm,
};

use crate::context::Context;

const SOON: Duration = Duration::from_mins(1);

/// The kinds of which the chart's test makes objects.
const MADE: &str =
    "pods,deployments,services,secrets,networkpolicies,loadbalancingpolicies,accesskeys,clusterproviders";

pub(crate) async fn helm_test_fails_when_routing_key_or_policy_is_wrong(context: &Context) -> Result<()> {
    let (node, release) = (context.node().await?, Release::usual(Helm::Four));
    release.install(node, &["--set=test.timeoutSeconds=10"]).await?;
    let probed = Probed { node, release };
    let judged = probed.is_told_what_is_wrong().await;
    judged.and(probed.release.uninstall(node).await)
}

struct Probed<'a> {
    node: &'a Node,
    release: Release,
}

impl Probed<'_> {
    async fn is_told_what_is_wrong(&self) -> Result<()> {
        timed("helm test, while all is well", self.release.test(self.node)).await?;
        leaves_nothing(self.node, &self.release).await?;
        self.lead_routers_service_to("nobody").await?;
        self.fails("nobody behind the routers' Service").await?;
        self.lead_routers_service_to("router").await?;
        self.suspend_keys(true).await?;
        self.fails("a key that is suspended").await?;
        self.suspend_keys(false).await?;
        self.scale_operator(0).await?;
        self.fails("a policy that nobody compiles").await?;
        self.scale_operator(2).await?;
        timed("helm test, well again", self.release.test(self.node)).await
    }

    async fn fails(&self, wrong: &str) -> Result<()> {
        let tested = async { Ok(self.release.test(self.node).await.is_err()) };
        let failed = timed(&format!("helm test, with {wrong}"), tested).await?;
        ensure!(failed, "helm test passes with {wrong}");
        leaves_nothing(self.node, &self.release).await
    }

    async fn lead_routers_service_to(&self, component: &str) -> Result<()> {
        let patch = json!({"spec": {"selector": {"app.kubernetes.io/component": component}}}).to_string();
        let service = format!("service/{}", self.release.part("router"));
        self.kubectl(&["patch", &service, "--patch", &patch]).await
    }

    async fn scale_operator(&self, replicas: u32) -> Result<()> {
        let deployment = format!("deployment/{}", self.release.part("operator"));
        let replicas = format!("--replicas={replicas}");
        self.kubectl(&["scale", &deployment, &replicas]).await?;
        self.kubectl(&["rollout", "status", "--timeout=1m", &deployment])
            .await
    }

    /// Has the API server suspend every AccessKey that is made from now on, or no longer.
    async fn suspend_keys(&self, suspends: bool) -> Result<()> {
        let cluster = &self.node.cluster;
        let objects = suspender().map(|object| object.to_string()).join("\n---\n");
        if suspends {
            cluster.kubectl.apply(&objects).await?;
        } else {
            let delete = ["delete", "--wait", "-f", "-"];
            cluster
                .kubectl
                .run_with_input(&delete, &objects)
                .await?
                .success()?;
        }
        let tried = async || Ok((self.is_key_suspended().await? == suspends).then_some(()));
        eventually("the API server to know", SOON, tried).await
    }

    /// Whether a key would be suspended if it were made now.
    async fn is_key_suspended(&self) -> Result<bool> {
        let key = json!({
            "apiVersion": "weir.dev/v1alpha1",
            "kind": "AccessKey",
            "metadata": {"name": "tried", "namespace": self.release.namespace},
            "spec": {"keys": [{"secretRef": {"name": "tried", "key": "key"}}]},
        });
        let create = ["create", "--dry-run=server", "--output=json", "-f", "-"];
        let kubectl = &self.node.cluster.kubectl;
        let made = kubectl
            .run_with_input(&create, &key.to_string())
            .await?
            .success()?;
        let made: Value = serde_json::from_str(&made)?;
        Ok(made["spec"]["suspend"] == true)
    }

    async fn kubectl(&self, arguments: &[&str]) -> Result<()> {
        let arguments = [arguments, &["--namespace", &self.release.namespace]].concat();
        let kubectl = &self.node.cluster.kubectl;
        kubectl.run(&arguments).await?.success().map(drop)
    }
}

/// Waits until nothing is left of what the chart's test makes: Helm asks for its deletion, and pods take a while.
pub(crate) async fn leaves_nothing(node: &Node, release: &Release) -> Result<()> {
    let (instance, kubectl) = (&release.name, &node.cluster.kubectl);
    let selector = format!(
        "--selector=app.kubernetes.io/instance={instance},app.kubernetes.io/component in (test,test-provider)"
    );
    let get = ["get", MADE, "--all-namespaces", &selector, "--output=name"];
    let none_left = async || {
        let left = kubectl.run(&get).await?.success()?;
        Ok(left.trim().is_empty().then_some(()))
    };
    eventually("what helm test made to be gone", SOON, none_left).await
}

fn suspender() -> [Value; 2] {
    let (version, name) = (
        "admissionregistration.k8s.io/v1",
        json!({"name": "suspends-keys"}),
    );
    let keys = json!({
        "apiGroups": ["weir.dev"],
        "apiVersions": ["*"],
        "operations": ["CREATE"],
        "resources": ["accesskeys"],
    });
    let suspend = json!({"expression": "Object{spec: Object.spec{suspend: true}}"});
    let spec = json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [keys]},
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": suspend}],
    });
    let binding = json!({"policyName": "suspends-keys"});
    [
        ("MutatingAdmissionPolicy", spec),
        ("MutatingAdmissionPolicyBinding", binding),
    ]
    .map(|(kind, spec)| json!({"apiVersion": version, "kind": kind, "metadata": name, "spec": spec}))
}
