//! What the tests begin with: the objects that Helm renders, and ways to find one.

use anyhow::{Context, Result};
use serde_json::Value;
use weir_tests::{
    helm::Charts,
    tools::{Helm, Tools, repository},
};

/// The current Helm, for no cluster.
pub(crate) fn helm() -> Result<Charts> {
    Charts::offline(&Tools::find()?, Helm::Four)
}

/// The objects of the chart `weir` with these arguments.
pub(crate) async fn render(arguments: &[&str]) -> Result<Vec<Value>> {
    helm()?.render(arguments).await
}

/// The objects of the chart `weir` with these values.
pub(crate) async fn render_with(values: &[&str]) -> Result<Vec<Value>> {
    let set: Vec<String> = values.iter().map(|value| format!("--set-json={value}")).collect();
    render(&set.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// The file with as many values set as can be at once.
pub(crate) fn full_values() -> String {
    values_file("full.yaml")
}

/// The file with the other side of every choice that the full one makes.
pub(crate) fn other_values() -> String {
    values_file("other.yaml")
}

fn values_file(name: &str) -> String {
    let path = repository().join("tests/charts").join(name);
    path.display().to_string()
}

/// The one object of this kind and name.
pub(crate) fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Result<&'a Value> {
    of_kind(objects, kind)
        .find(|object| object["metadata"]["name"] == name)
        .with_context(|| format!("no {kind} {name}"))
}

/// The objects of this kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// The pod template of a part's Deployment.
pub(crate) fn pod<'a>(objects: &'a [Value], part: &str) -> Result<&'a Value> {
    let deployment = find(objects, "Deployment", &format!("weir-{part}"))?;
    Ok(&deployment["spec"]["template"]["spec"])
}

/// The chart's own container of a part's pods.
pub(crate) fn container<'a>(objects: &'a [Value], part: &str) -> Result<&'a Value> {
    Ok(&pod(objects, part)?["containers"][0])
}

/// A list's entries as strings, of which `field` says which part; all of each, if it is empty.
pub(crate) fn strings(list: &Value, field: &str) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    let text = |entry: &Value| {
        let value = if field.is_empty() { entry } else { &entry[field] };
        value.as_str().unwrap_or_default().to_owned()
    };
    entries.map(text).collect()
}
