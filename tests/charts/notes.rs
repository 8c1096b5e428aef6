//! What the notes warn of once an installation is done.

use anyhow::{Result, ensure};
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
    let install = ["install", "weir", &chart, "--dry-run=client"];
    helm()?.run(&[&install, values].concat()).await?.success()
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
