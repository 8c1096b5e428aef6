//! The chart's RBAC on a real API server: enough, and no more.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    cluster::Cluster,
    fixtures,
    identity::{self, OPERATOR, ROUTER, SYSTEM},
    poll::becomes,
};

use crate::context::Context;

/// Whether a `kubectl` call is to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Forbidden,
}

use Verdict::{Allowed, Forbidden};

/// A `ServiceAccount` at work.
pub(crate) struct Actor {
    cluster: Cluster,
}

impl Actor {
    /// Takes on an account, once it has its rights.
    pub(crate) async fn new(context: &Context, cluster: &Cluster, account: &str) -> Result<Self> {
        let kubeconfig: PathBuf = identity::kubeconfig(&cluster.kubectl, account, &cluster.folder).await?;
        let actor = Self {
            cluster: Cluster::existing(&context.tools, &kubeconfig, &cluster.folder).await?,
        };
        // The API server takes a moment to notice a new binding.
        let question = ["auth", "can-i", "list", "configmaps", "-n", SYSTEM];
        let asked = async || Ok(actor.cluster.kubectl.run(&question).await?.stdout.trim() == "yes");
        becomes(
            "the account to have its rights",
            Duration::from_secs(30),
            true,
            asked,
        )
        .await?;
        Ok(actor)
    }

    /// Runs `kubectl` with these words and fails unless the API server decides as expected.
    pub(crate) async fn may(&self, verdict: Verdict, words: &str) -> Result<()> {
        self.decide(verdict, words, "").await
    }

    async fn may_apply(&self, verdict: Verdict, object: &Value) -> Result<()> {
        self.decide(verdict, "apply --server-side -f -", &object.to_string())
            .await
    }

    async fn decide(&self, verdict: Verdict, words: &str, input: &str) -> Result<()> {
        let words: Vec<&str> = words.split(' ').collect();
        let output = self.cluster.kubectl.run_with_input(&words, input).await?;
        let decided = if output.code == 0 { Allowed } else { Forbidden };
        let is_about_rights = output.code == 0 || output.stderr.contains("forbidden");
        ensure!(
            decided == verdict && is_about_rights,
            "{words:?} {input}: not {verdict:?}: {}",
            output.stderr
        );
        Ok(())
    }
}

fn secret(name: &str) -> Value {
    let metadata = json!({"name": name, "namespace": SYSTEM});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": "b"}})
}

fn config_map(namespace: &str) -> Value {
    let metadata = json!({"name": "weir-table", "namespace": namespace});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}})
}

pub(crate) async fn the_operator_may_do_what_it_must_and_no_more(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("rbac-operator").await?;
    cluster.install().await?;
    let tenant = cluster.namespace("tenant").await?;
    let actor = Actor::new(context, &cluster, OPERATOR).await?;
    actor.may_apply(Allowed, &secret("weir-credentials-0")).await?;
    actor.may_apply(Allowed, &secret("weir-credentials-f")).await?;
    actor.may_apply(Forbidden, &secret("weir-credentials-g")).await?;
    actor.may_apply(Allowed, &secret("weir-admin-token")).await?;
    actor
        .may(Forbidden, &format!("create secret generic other -n {SYSTEM}"))
        .await?;
    actor
        .may(
            Forbidden,
            &format!("delete secret weir-credentials-0 -n {SYSTEM}"),
        )
        .await?;
    actor
        .may(Allowed, "get secrets -A -l weir.dev/credential=true")
        .await?;
    actor.may_apply(Allowed, &config_map(SYSTEM)).await?;
    actor.may_apply(Forbidden, &config_map(&tenant)).await?;
    actor
        .may(Allowed, &format!("get endpointslices -n {SYSTEM}"))
        .await?;
    actor.may(Forbidden, "get endpointslices -A").await?;
    actor
        .may(
            Allowed,
            "get loadbalancingpolicies,fallbackpolicies,providers,clusterproviders,accesskeys -A",
        )
        .await?;
    let policy = fixtures::load_balancing(&tenant, "p", &[fixtures::model("openai/o1", 1)]);
    actor.may_apply(Forbidden, &policy).await?;
    cluster.apply(&policy).await?;
    let label =
        format!("patch lbp p -n {tenant} --type=merge -p {{\"metadata\":{{\"labels\":{{\"a\":\"b\"}}}}}}");
    actor.may(Forbidden, &label).await?;
    actor.cluster.apply_status(&status_of(&policy)).await.map(drop)
}

fn status_of(policy: &Value) -> Value {
    let mut object = policy.clone();
    object["spec"].take();
    object["status"] = json!({"observedGeneration": 1});
    object
}

pub(crate) async fn a_router_may_read_tables_and_credentials_and_no_more(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("rbac-router").await?;
    cluster.install().await?;
    let actor = Actor::new(context, &cluster, ROUTER).await?;
    cluster
        .apply_all(&[
            secret("weir-credentials-3"),
            secret("openai-key"),
            config_map(SYSTEM),
        ])
        .await?;
    actor.may(Allowed, &format!("get configmaps -n {SYSTEM}")).await?;
    actor.may(Forbidden, "get configmaps -A").await?;
    actor.may_apply(Forbidden, &config_map(SYSTEM)).await?;
    let one = "--field-selector=metadata.name=weir-credentials-3";
    actor
        .may(Allowed, &format!("get secrets {one} -n {SYSTEM}"))
        .await?;
    actor.may(Forbidden, &format!("get secrets -n {SYSTEM}")).await?;
    actor
        .may(Forbidden, &format!("get secret openai-key -n {SYSTEM}"))
        .await?;
    actor.may(Forbidden, "get loadbalancingpolicies -A").await
}
