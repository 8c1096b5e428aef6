//! The chart of the definitions: upgraded with it, kept without it, small, and the only place where they are.

use anyhow::Result;
use serde_json::{Value, json};
use weir_tests::{
    helm::{chart, objects},
    tools::repository,
};

use crate::rendered::{helm, of_kind, render};

/// A release is stored in one object of at most 1 MiB; this leaves room for what users add.
const MOST: usize = 256 * 1024;

async fn definitions(arguments: &[&str]) -> Result<String> {
    let chart = chart("weir-crds");
    let own = ["template", "weir-crds", &chart];
    helm()?.run(&[&own, arguments].concat()).await?.success()
}

fn metadata(object: &mut Value) -> Value {
    object
        .as_object_mut()
        .and_then(|map| map.remove("metadata"))
        .unwrap_or_default()
}

#[tokio::test]
async fn the_chart_has_the_definitions_of_the_folder_and_they_are_small() -> Result<()> {
    let rendered = definitions(&[]).await?;
    assert!(rendered.len() < MOST, "{} bytes", rendered.len());
    let mut folder: Vec<_> = std::fs::read_dir(repository().join("crds"))?
        .map(|entry| Ok(std::fs::read_to_string(entry?.path())?))
        .collect::<Result<_>>()?;
    folder.sort();
    let mut plain = objects(&folder.join("\n---\n"))?;
    let mut rendered = objects(&rendered)?;
    for list in [&mut plain, &mut rendered] {
        list.sort_by_key(|object| object["metadata"]["name"].to_string());
    }
    for (mut rendered, mut plain) in rendered.iter().cloned().zip(plain.iter().cloned()) {
        let (with_labels, bare) = (metadata(&mut rendered), metadata(&mut plain));
        assert_eq!(with_labels["name"], bare["name"]);
        assert_eq!(rendered, plain);
    }
    assert_eq!(rendered.len(), plain.len());
    Ok(())
}

#[tokio::test]
async fn definitions_are_kept_unless_that_is_turned_off() -> Result<()> {
    let policy = |object: &Value| object["metadata"]["annotations"]["helm.sh/resource-policy"].clone();
    for object in objects(&definitions(&[]).await?)? {
        assert_eq!(policy(&object), "keep");
    }
    for object in objects(&definitions(&["--set=crds.keep=false"]).await?)? {
        assert_eq!(policy(&object), Value::Null);
    }
    Ok(())
}

#[tokio::test]
async fn definitions_get_the_labels_and_annotations_of_values() -> Result<()> {
    let values = [
        "--set-json",
        r#"crds={"labels":{"a":"b"},"annotations":{"argocd.argoproj.io/sync-wave":"-1"}}"#,
    ];
    for object in objects(&definitions(&values).await?)? {
        let metadata = &object["metadata"];
        assert_eq!(metadata["labels"]["a"], "b");
        let annotations = json!({"argocd.argoproj.io/sync-wave": "-1", "helm.sh/resource-policy": "keep"});
        assert_eq!(metadata["annotations"], annotations);
    }
    Ok(())
}

#[tokio::test]
async fn the_chart_weir_has_no_definition() -> Result<()> {
    let objects = render(&[]).await?;
    assert_eq!(of_kind(&objects, "CustomResourceDefinition").count(), 0);
    assert!(!repository().join("charts/weir/crds").exists());
    Ok(())
}

#[tokio::test]
async fn a_typing_mistake_is_refused() -> Result<()> {
    let output = helm()?
        .run(&["template", &chart("weir-crds"), "--set=crds.kept=false"])
        .await?;
    assert!(
        output.code != 0 && output.stderr.contains("/crds"),
        "{}",
        output.stderr
    );
    Ok(())
}
