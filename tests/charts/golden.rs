//! The whole of what is rendered, as files that are read in review.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use weir_tests::{
    helm::{Charts, objects},
    tools::{Helm, Tools, repository},
};

use crate::rendered::{full_values, helm, other_values};

/// How long a key is that `helm test` makes for itself.
const KEY: usize = 40;

#[tokio::test]
async fn default_values_render_what_the_golden_file_says() -> Result<()> {
    compare("default.yaml", &[]).await
}

#[tokio::test]
async fn full_values_render_what_the_golden_file_says() -> Result<()> {
    compare("full.yaml", &["--values", &full_values()]).await
}

#[tokio::test]
async fn the_other_values_render_what_the_golden_file_says() -> Result<()> {
    compare("other.yaml", &["--values", &other_values()]).await
}

#[tokio::test]
async fn both_helms_render_the_same_objects() -> Result<()> {
    let (full, other) = (full_values(), other_values());
    for arguments in [&[][..], &["--values", &full], &["--values", &other]] {
        let four = by_name(&helm()?.template(arguments).await?.success()?)?;
        let three = Charts::offline(&Tools::find()?, Helm::Three)?;
        let three = by_name(&three.template(arguments).await?.success()?)?;
        for (name, object) in &four {
            assert_eq!(three.get(name), Some(object), "{name}");
        }
        assert_eq!(three.len(), four.len());
    }
    Ok(())
}

#[tokio::test]
async fn nothing_but_keys_of_the_test_differs_from_one_rendering_to_the_next() -> Result<()> {
    let (first, second) = (helm()?.template(&[]).await?, helm()?.template(&[]).await?);
    let (first, second) = (first.success()?, second.success()?);
    assert_ne!(first, second, "the test's keys are to be made anew");
    assert_eq!(without_keys(&first), without_keys(&second));
    Ok(())
}

async fn compare(name: &str, arguments: &[&str]) -> Result<()> {
    let path = golden(name);
    let rendered = without_keys(&helm()?.template(arguments).await?.success()?);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return Ok(std::fs::write(path, rendered)?);
    }
    let expected = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let differs = expected
        .lines()
        .zip(rendered.lines())
        .position(|(old, new)| old != new);
    ensure!(
        expected == rendered,
        "{} differs from line {:?} on; if that is meant, UPDATE_GOLDEN=1 writes it anew",
        path.display(),
        differs.map(|line| line + 1)
    );
    Ok(())
}

fn golden(name: &str) -> PathBuf {
    repository().join("tests/charts/golden").join(name)
}

/// The text with a word in place of every key that the test makes.
fn without_keys(rendered: &str) -> String {
    let line = |line: &str| match line.trim().split_once("key: ") {
        Some((_, key)) if is_random(key) => line.replace(key, "RANDOM"),
        _ => line.to_owned(),
    };
    rendered.lines().map(|text| line(text) + "\n").collect()
}

fn is_random(key: &str) -> bool {
    key.len() == KEY && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn by_name(rendered: &str) -> Result<BTreeMap<String, Value>> {
    let named = |object: Value| {
        let metadata = &object["metadata"];
        let name = format!(
            "{} {} {}",
            object["kind"], metadata["namespace"], metadata["name"]
        );
        (name, object)
    };
    Ok(objects(&without_keys(rendered))?.into_iter().map(named).collect())
}
