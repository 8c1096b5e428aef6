//! What kube-score thinks of the default objects, but for what is done otherwise on purpose.

use anyhow::{Result, ensure};
use tokio::process::Command;
use weir_tests::{command, tools::Tools};

use crate::rendered::helm;

/// Findings that the chart lives with: what a line holds, and why.
const EXCEPTIONS: [(&str, &str); 5] = [
    (
        "CPU limit is not set",
        "a limit would cut into streams and changes just when they are many",
    ),
    (
        "ImagePullPolicy is not set to Always",
        "a tag stands for one version; a pod must come back while the registry is away",
    ),
    (
        "does not have a host podAntiAffinity set",
        "the topology spread does the same, and does not block scheduling",
    ),
    (
        "weir-test",
        "pods of `helm test` live for seconds and hold a key of their own",
    ),
    ("Deployment few replicas", "the test needs one provider"),
];

#[tokio::test]
async fn kube_score_finds_nothing_without_a_reason() -> Result<()> {
    let rendered = helm()?.template(&[]).await?.success()?;
    let mut score = Command::new(Tools::find()?.charts("kube-score")?);
    score.args(["score", "--output-format=ci", "-"]);
    let output = command::run(score, &rendered).await?;
    let is_finding = |line: &&str| line.starts_with("[CRITICAL]") || line.starts_with("[WARNING]");
    let findings: Vec<&str> = output.stdout.lines().filter(is_finding).collect();
    let has_reason = |line: &str| EXCEPTIONS.iter().any(|(part, _)| line.contains(part));
    let bare: Vec<_> = findings.iter().filter(|line| !has_reason(line)).collect();
    ensure!(
        bare.is_empty() && output.stdout.contains("[OK]"),
        "{bare:#?}\n{}",
        output.stderr
    );
    for (part, _) in EXCEPTIONS {
        ensure!(
            findings.iter().any(|line| line.contains(part)),
            "nothing needs this exception: {part}"
        );
    }
    Ok(())
}
