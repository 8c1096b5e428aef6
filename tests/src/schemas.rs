//! The schemas of an API server's objects as files, for tools that judge objects without it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::kubectl::Kubectl;

/// Writes the schema of every kind that the server knows into `folder`, as `GROUP/KIND_VERSION.json` in lower case; a
/// kind without a group lies in a folder named for its version. A field that a schema does not name is refused.
pub async fn dump(kubectl: &Kubectl, folder: &Path) -> Result<()> {
    let index = raw(kubectl, "/openapi/v3").await?;
    let paths = index["paths"].as_object().context("no paths in /openapi/v3")?;
    for (_, entry) in paths.iter().filter(|(path, _)| path.starts_with("api")) {
        let address = entry["serverRelativeURL"].as_str().unwrap_or_default();
        let mut components = raw(kubectl, address).await?["components"].take();
        close(&mut components);
        write(&components, folder)?;
    }
    Ok(())
}

async fn raw(kubectl: &Kubectl, address: &str) -> Result<Value> {
    let text = kubectl.run(&["get", "--raw", address]).await?.success()?;
    Ok(serde_json::from_str(&text)?)
}

/// Writes a file for each schema that is of exactly one kind; the schemas that it refers to are in it, too.
fn write(components: &Value, folder: &Path) -> Result<()> {
    for (name, schema) in components["schemas"].as_object().into_iter().flatten() {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        let Some([kind]) = kinds.map(Vec::as_slice) else {
            continue;
        };
        let path = folder.join(file(kind));
        let whole = json!({"$ref": format!("#/components/schemas/{name}"), "components": components});
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, whole.to_string())?;
    }
    Ok(())
}

fn file(kind: &Value) -> PathBuf {
    let part = |name: &str| kind[name].as_str().unwrap_or_default().to_lowercase();
    let (group, version) = (part("group"), part("version"));
    let name = format!("{}_{version}.json", part("kind"));
    Path::new(if group.is_empty() { &version } else { &group }).join(name)
}

/// Has every object schema refuse fields that it does not name, as the server does with strict validation.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            let keeps_unknown = map.contains_key("x-kubernetes-preserve-unknown-fields");
            let is_object = map
                .get("properties")
                .is_some_and(|named| !named["type"].is_string());
            if is_object && !keeps_unknown && !map.contains_key("additionalProperties") {
                map.insert(String::from("additionalProperties"), false.into());
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}
