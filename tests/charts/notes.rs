//! What the notes say once an installation is done: the first steps, and warnings.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use weir_tests::helm::chart;

use crate::rendered::helm;

/// A value, and a part of the warning that it brings.
const WARNED: [(&str, &str); 5] = [
    (
        "router.allowUnauthenticated=true",
        "lets callers in without a key",
    ),
    (
        "providers.namespaced.enabled=true",
        "choose an address that routers connect to",
    ),
    ("router.networkPolicy.enabled=false", "can reach every address"),
    (
        "router.resources.limits.memory=\"1e10\"",
        "which the chart can't read",
    ),
    ("router.resources={\"limits\":null}", "memory is not set"),
];

async fn notes(values: &[&str]) -> Result<String> {
    let chart = chart("weir");
    let install = [
        "install",
        "weir",
        &chart,
        "--namespace=weir-system",
        "--dry-run=client",
    ];
    let printed = helm()?.run(&[&install, values].concat()).await?.success()?;
    let (_, notes) = printed.split_once("\nNOTES:\n").context("no notes")?;
    Ok(notes.to_owned())
}

#[tokio::test]
async fn a_value_that_takes_a_guard_away_is_warned_of() -> Result<()> {
    let usual = notes(&[]).await?;
    for (value, warning) in WARNED {
        ensure!(!usual.contains(warning), "without {value}: {warning}");
        let notes = notes(&["--set-json", value]).await?;
        ensure!(notes.contains(warning), "{value}: {notes}");
    }
    Ok(())
}

#[tokio::test]
async fn an_image_that_no_registry_has_is_warned_of() -> Result<()> {
    let warned = |notes: &str, image: &str| notes.contains(&format!("the image localhost/{image}:"));
    let usual = notes(&[]).await?;
    for image in ["weir-operator", "weir-router", "weir"] {
        ensure!(warned(&usual, image), "{image}: {usual}");
    }
    let untested = notes(&["--set=test.enabled=false"]).await?;
    ensure!(!warned(&untested, "weir"), "{untested}");
    let pushed = notes(&["--set=global.imageRegistry=registry.example"]).await?;
    ensure!(!pushed.contains("no registry has it"), "{pushed}");
    Ok(())
}

/// An installation, and what its first steps make where.
struct FirstSteps {
    values: &'static [&'static str],
    provider: &'static str,
    secret_in: &'static str,
    policy_in: &'static str,
}

const NO_CLUSTER_PROVIDERS: &str = "--set=providers.cluster.access=None";
const NAMESPACED_PROVIDERS: &str = "--set=providers.namespaced.enabled=true";
const TWO_WATCHED: &str = "--set=watchNamespaces={web,batch}";

const FIRST_STEPS: [FirstSteps; 6] = [
    FirstSteps {
        values: &[],
        provider: "kind: ClusterProvider\n   metadata: {name: openai}\n",
        secret_in: "weir-system",
        policy_in: "default",
    },
    FirstSteps {
        values: &["--set=providers.cluster.access=ReadOnly"],
        provider: "kind: ClusterProvider\n   metadata: {name: openai}\n",
        secret_in: "weir-system",
        policy_in: "default",
    },
    FirstSteps {
        values: &[TWO_WATCHED],
        provider: "kind: ClusterProvider\n   metadata: {name: openai}\n",
        secret_in: "weir-system",
        policy_in: "web",
    },
    FirstSteps {
        values: &["--set=watchNamespaces={batch,default}"],
        provider: "kind: ClusterProvider\n   metadata: {name: openai}\n",
        secret_in: "weir-system",
        policy_in: "default",
    },
    FirstSteps {
        values: &[NO_CLUSTER_PROVIDERS, NAMESPACED_PROVIDERS],
        provider: "kind: Provider\n   metadata: {name: openai, namespace: default}\n",
        secret_in: "default",
        policy_in: "default",
    },
    FirstSteps {
        values: &[TWO_WATCHED, NO_CLUSTER_PROVIDERS, NAMESPACED_PROVIDERS],
        provider: "kind: Provider\n   metadata: {name: openai, namespace: web}\n",
        secret_in: "web",
        policy_in: "web",
    },
];

#[tokio::test]
async fn the_first_steps_name_the_namespaces_and_the_kind_of_provider_that_count() -> Result<()> {
    for steps in FIRST_STEPS {
        let notes = notes(steps.values).await?;
        let expected = [
            steps.provider.to_owned(),
            format!("secret generic openai -n {} ", steps.secret_in),
            format!("secret generic first-key -n {} ", steps.policy_in),
            format!("metadata: {{name: first, namespace: {}}}", steps.policy_in),
            format!("kubectl wait -n {} ", steps.policy_in),
        ];
        for line in &expected {
            ensure!(notes.contains(line), "{:?}: no {line} in {notes}", steps.values);
        }
        let known = BTreeSet::from(["weir-system", steps.secret_in, steps.policy_in]);
        ensure!(namespaces(&notes) == known, "{:?}: {notes}", steps.values);
        ensure!(!notes.contains("No provider counts yet"), "{notes}");
    }
    Ok(())
}

/// Every namespace that the notes name.
fn namespaces(notes: &str) -> BTreeSet<&str> {
    let named = ["-n ", "namespace: "].map(|before| notes.split(before).skip(1));
    let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
    named
        .into_iter()
        .flatten()
        .filter_map(|rest| rest.split(is_end).next())
        .collect()
}

#[tokio::test]
async fn no_step_is_named_that_cannot_be_taken() -> Result<()> {
    let usual = notes(&[]).await?;
    ensure!(usual.contains("helm test weir -n weir-system"), "{usual}");
    let barred = notes(&[NO_CLUSTER_PROVIDERS, "--set=test.enabled=false"]).await?;
    ensure!(!barred.contains("helm test"), "{barred}");
    ensure!(
        barred.contains("set providers.namespaced.enabled to true"),
        "{barred}"
    );
    Ok(())
}
