//! Weir under the hands of people and pipelines: `kubectl`, and peace at rest.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use serde_json::Value;
use weir_tests::{
    audit::Audit,
    client::Shape,
    fixtures::{self, load_balancing, model, policy},
    identity::{OPERATOR, ROUTER, SYSTEM, user},
    poll::eventually,
    site::Site,
};

use crate::context::{Context, figure, found};

const SOON: Duration = Duration::from_secs(20);

/// How long nothing may be written.
const REST: Duration = Duration::from_mins(1);

fn experiment(namespace: &str) -> Value {
    load_balancing(
        namespace,
        "experiment",
        &[model("openai/o1", 50), model("openai/o3-mini", 50)],
    )
}

pub(crate) async fn a_pipeline_can_wait_for_a_policy(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let kubectl = &site.cluster.kubectl;
    let namespace = site.cluster.namespace("pipeline").await?;
    let yaml = experiment(&namespace).to_string();
    kubectl.apply(&yaml).await?;
    for condition in ["Ready", "Programmed"] {
        let condition = format!("--for=condition={condition}");
        let wait = [
            "wait",
            &condition,
            "lbp/experiment",
            "-n",
            &namespace,
            "--timeout=30s",
        ];
        kubectl.run(&wait).await?.success()?;
    }
    // A promise that a pipeline can build on: at this very moment every router serves it.
    for router in site.addresses() {
        let answer = site
            .client
            .chat(
                router,
                &format!("policy/{namespace}/experiment"),
                "k",
                Shape::Plain,
            )
            .await?;
        answer.content(Shape::Plain)?;
    }
    let again = kubectl.apply(&yaml).await?;
    ensure!(
        again.contains("unchanged"),
        "a second apply changed something: {again}"
    );
    let diff = kubectl.run_with_input(&["diff", "-f", "-"], &yaml).await?;
    ensure!(
        diff.code == 0 && diff.stdout.is_empty(),
        "kubectl diff: {}{}",
        diff.stdout,
        diff.stderr
    );
    reads_well(&kubectl.run(&["get", "lbp", "-n", &namespace]).await?.success()?)
}

fn reads_well(table: &str) -> Result<()> {
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    for column in ["NAME", "TARGETS", "KIND", "READY", "REASON", "AGE"] {
        ensure!(header.contains(column), "no column {column}: {header}");
    }
    let row = lines.next().unwrap_or_default();
    for value in ["experiment", "openai/o1", "50%", "Chat", "True", "Ready"] {
        ensure!(row.contains(value), "no {value}: {row}");
    }
    figure(&format!("kubectl get lbp:\n{table}"));
    Ok(())
}

pub(crate) async fn a_changed_weight_changes_the_generation_that_is_programmed(
    context: &Context,
) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("generation").await?;
    for weight in [1, 2, 3] {
        let policy = load_balancing(
            &namespace,
            "p",
            &[model("openai/o1", weight), model("openai/o3-mini", 1)],
        );
        site.cluster.apply(&policy).await?;
        let ready = site.cluster.condition(&policy, "Ready", "True", SOON).await?;
        ensure!(ready["observedGeneration"] == weight, "{ready}");
        let stored = found(
            site.cluster
                .get("LoadBalancingPolicy", Some(&namespace), "p")
                .await?,
            "policy",
        )?;
        ensure!(
            stored["status"]["observedGeneration"] == weight,
            "{}",
            stored["status"]
        );
        ensure!(
            stored["status"]["digest"].is_string(),
            "no digest: {}",
            stored["status"]
        );
    }
    Ok(())
}

pub(crate) async fn any_order_of_apply_heals(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("order").await?;
    let outer = load_balancing(&namespace, "outer", &[policy("inner", 1)]);
    let inner = load_balancing(&namespace, "inner", &[model("late/m", 1)]);
    site.cluster.apply(&outer).await?;
    site.cluster
        .condition(&outer, "ResolvedRefs", "False", SOON)
        .await?;
    site.cluster
        .condition(&outer, "Reconciling", "True", SOON)
        .await?;
    site.cluster.apply(&inner).await?;
    site.cluster
        .condition(&inner, "ResolvedRefs", "False", SOON)
        .await?;
    let provider = fixtures::provider(&namespace, "late", &site.provider.base_url("late"));
    site.cluster.apply(&provider).await?;
    site.cluster
        .apply(&fixtures::provider_secret(&namespace, "late", "sk-late"))
        .await?;
    for policy in [&inner, &outer] {
        site.cluster.condition(policy, "Programmed", "True", SOON).await?;
    }
    site.served(&format!("policy/{namespace}/outer"), SOON).await
}

pub(crate) async fn writes_nothing_but_its_lease_at_rest(context: &Context) -> Result<()> {
    let site = context.own("rest").await?;
    let namespace = site.cluster.namespace("rest").await?;
    let broken = load_balancing(&namespace, "broken", &[policy("absent", 1)]);
    site.program(&[experiment(&namespace)], SOON).await?;
    site.cluster.apply(&broken).await?;
    site.cluster.condition(&broken, "Ready", "False", SOON).await?;
    let load = site
        .load(
            &format!("policy/{namespace}/experiment"),
            weir_tests::load::Pace::PerSecond(5),
        )
        .start();
    quiet(&site).await?;
    let audit = audit(&site)?;
    tokio::time::sleep(REST).await;
    let (operator, router) = (audit.counts(&user(OPERATOR))?, audit.counts(&user(ROUTER))?);
    load.stop().await.all_good(200)?;
    figure(&format!(
        "written in {REST:?} at rest: by the operator {operator:?}, by the routers {router:?}"
    ));
    ensure!(router.is_empty(), "the routers wrote {router:?}");
    let others: BTreeMap<_, _> = operator
        .iter()
        .filter(|(write, _)| !write.ends_with(" leases"))
        .collect();
    ensure!(
        others.is_empty() && !operator.is_empty(),
        "the operator wrote {operator:?}"
    );
    Ok(())
}

/// Waits until nobody of Weir's has written anything but a lease for two seconds.
async fn quiet(site: &Site) -> Result<()> {
    let probe = || async {
        let audit = audit(site)?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let writes = audit.writes()?;
        Ok(writes
            .iter()
            .all(|write| write.resource == "leases" || write.namespace != SYSTEM)
            .then_some(()))
    };
    eventually("the operator to have nothing to write", SOON, probe).await
}

fn audit(site: &Site) -> Result<Audit> {
    let control_plane = found(site.cluster.control_plane.as_ref(), "control plane of our own")?;
    Audit::from_now(&control_plane.audit_log())
}

pub(crate) async fn a_rotated_key_is_in_use_soon(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("rotation").await?;
    let provider = fixtures::provider(&namespace, "own", &site.provider.base_url("own"));
    let policy = load_balancing(&namespace, "p", &[model(&format!("own/model-of-{namespace}"), 1)]);
    site.cluster
        .apply_all(&[fixtures::provider_secret(&namespace, "own", "sk-first"), provider])
        .await?;
    site.program(&[policy], SOON).await?;
    key_in_use(site, &namespace, "sk-first").await?;
    let began = tokio::time::Instant::now();
    site.cluster
        .apply(&fixtures::provider_secret(&namespace, "own", "sk-second"))
        .await?;
    key_in_use(site, &namespace, "sk-second").await?;
    figure(&format!("a rotated key was in use after {:.0?}", began.elapsed()));
    keeps_no_key_in_the_open(site).await
}

/// Waits until both routers use `key`.
async fn key_in_use(site: &Site, namespace: &str, key: &str) -> Result<()> {
    for router in site.addresses() {
        let probe = || async {
            let name = format!("policy/{namespace}/p");
            site.client
                .chat(router, &name, "k", Shape::Plain)
                .await?
                .content(Shape::Plain)?;
            let seen = site.provider.authorization(&format!("model-of-{namespace}"));
            Ok((seen == Some(format!("Bearer {key}"))).then_some(()))
        };
        eventually("the key to be in use", SOON, probe).await?;
    }
    Ok(())
}

/// No key is in a table or a log.
async fn keeps_no_key_in_the_open(site: &Site) -> Result<()> {
    let tables = serde_json::to_string(&site.cluster.list("ConfigMap", SYSTEM).await?)?;
    ensure!(!tables.contains("sk-"), "a key is in a table");
    let processes = site
        .routers
        .iter()
        .map(|router| &router.process)
        .chain([&site.operator]);
    for process in processes {
        let log = std::fs::read_to_string(process.log())?;
        ensure!(
            !log.contains("sk-first") && !log.contains("sk-second"),
            "a key is in {}",
            process.log().display()
        );
    }
    Ok(())
}
