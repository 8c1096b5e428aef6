//! The charts as packages: what lint says, and what their descriptions promise.

use anyhow::{Context, Result};
use serde_json::Value;
use weir_tests::{
    helm::{Charts, chart, objects},
    tools::{Helm, Tools, repository},
};

use crate::rendered::{full_values, helm, other_values, strings};

const CHARTS: [&str; 2] = ["weir", "weir-crds"];

fn description(name: &str) -> Result<Value> {
    let path = repository().join("charts").join(name).join("Chart.yaml");
    let documents = objects(&std::fs::read_to_string(path)?)?;
    documents.into_iter().next().context("an empty Chart.yaml")
}

fn annotation(description: &Value, name: &str) -> Result<Value> {
    let text = description["annotations"][format!("artifacthub.io/{name}")].as_str();
    Ok(objects(text.with_context(|| format!("no {name}"))?)?.remove(0))
}

#[tokio::test]
async fn lint_has_nothing_to_say_in_either_helm() -> Result<()> {
    for version in [Helm::Four, Helm::Three] {
        let charts = Charts::offline(&Tools::find()?, version)?;
        let (weir, definitions) = (chart("weir"), chart("weir-crds"));
        charts
            .run(&["lint", "--strict", &weir, &definitions])
            .await?
            .success()?;
        for values in [full_values(), other_values()] {
            let lint = ["lint", "--strict", &weir, "--values", &values];
            charts.run(&lint).await?.success()?;
        }
    }
    Ok(())
}

#[test]
fn versions_are_the_workspaces() -> Result<()> {
    for name in CHARTS {
        let description = description(name)?;
        assert_eq!(description["version"], env!("CARGO_PKG_VERSION"), "{name}");
        assert_eq!(description["appVersion"], env!("CARGO_PKG_VERSION"), "{name}");
        assert_eq!(description["kubeVersion"], ">=1.33.0-0", "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn the_description_names_every_image_and_every_kind() -> Result<()> {
    let description = description("weir")?;
    let rendered = helm()?.template(&[]).await?.success()?;
    let mut images: Vec<&str> = rendered
        .lines()
        .filter_map(|line| line.trim().strip_prefix("image: "))
        .collect();
    images.sort_unstable();
    images.dedup();
    let promised = strings(&annotation(&description, "images")?, "image");
    let mut promised: Vec<String> = promised.iter().map(|image| format!("\"{image}\"")).collect();
    promised.sort();
    assert_eq!(images, promised);
    let mut files: Vec<String> = std::fs::read_dir(repository().join("crds"))?
        .map(|entry| {
            Ok(entry?
                .file_name()
                .to_string_lossy()
                .trim_end_matches(".yaml")
                .to_owned())
        })
        .collect::<Result<_>>()?;
    let mut kinds = strings(&annotation(&description, "crds")?, "name");
    files.sort();
    kinds.sort();
    assert_eq!(kinds, files);
    Ok(())
}

#[tokio::test]
async fn an_older_kubernetes_is_refused() -> Result<()> {
    let output = helm()?.template(&["--kube-version=1.32.9"]).await?;
    assert!(
        output.code != 0 && output.stderr.contains("kubeVersion"),
        "{}",
        output.stderr
    );
    helm()?
        .template(&["--kube-version=1.33.1-gke.5"])
        .await?
        .success()
        .map(drop)
}
