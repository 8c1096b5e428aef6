//! What `helm test` makes for itself: hooks that go as they came.

use anyhow::Result;
use serde_json::Value;

use crate::rendered::{full_values, render, render_with};

const DELETED: &str = "before-hook-creation,hook-succeeded,hook-failed";

fn hooks(objects: &[Value]) -> impl Iterator<Item = &Value> {
    let is_hook = |object: &&Value| !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
    objects.iter().filter(is_hook)
}

#[tokio::test]
async fn every_object_of_the_test_is_removed_however_it_ends() -> Result<()> {
    let objects = render(&[]).await?;
    let hooks: Vec<&Value> = hooks(&objects).collect();
    assert!(hooks.len() >= 8, "{}", hooks.len());
    for hook in hooks {
        let annotations = &hook["metadata"]["annotations"];
        assert_eq!(annotations["helm.sh/hook"], "test", "{hook}");
        assert_eq!(annotations["helm.sh/hook-delete-policy"], DELETED, "{hook}");
    }
    Ok(())
}

#[tokio::test]
async fn what_an_interrupted_test_leaves_is_found_by_its_labels() -> Result<()> {
    let objects = render(&["--values", &full_values()]).await?;
    for object in &objects {
        let labels = &object["metadata"]["labels"];
        let component = labels["app.kubernetes.io/component"].as_str().unwrap_or_default();
        let is_hook = !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
        assert_eq!(
            ["test", "test-provider"].contains(&component),
            is_hook,
            "{object}"
        );
        assert!(
            !is_hook || labels["app.kubernetes.io/instance"] == "weir",
            "{object}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_random_but_in_the_test() -> Result<()> {
    assert_eq!(render(&["--skip-tests"]).await?, render(&["--skip-tests"]).await?);
    Ok(())
}

#[tokio::test]
async fn the_test_can_be_left_out() -> Result<()> {
    let objects = render_with(&["test.enabled=false"]).await?;
    assert_eq!(hooks(&objects).count(), 0);
    Ok(())
}

#[tokio::test]
async fn the_test_uses_a_provider_of_its_namespace_where_the_cluster_has_none() -> Result<()> {
    let values = ["providers={\"cluster\":{\"access\":\"None\"},\"namespaced\":{\"enabled\":true}}"];
    let objects = render_with(&values).await?;
    let kinds: Vec<_> = hooks(&objects).map(|hook| hook["kind"].clone()).collect();
    assert!(
        kinds.contains(&"Provider".into()) && !kinds.contains(&"ClusterProvider".into()),
        "{kinds:?}"
    );
    Ok(())
}
