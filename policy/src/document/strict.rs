//! Fields that no definition knows: what `kubectl`'s strict validation refuses, told from the same schema.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::{Document, parse};
use crate::crds::definitions;
use crate::object::ObjectKind;

/// The schema of each kind's `spec`.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let schema = |definition: Value| {
        let kind = definition["spec"]["names"]["kind"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        (kind, root["properties"]["spec"].clone())
    };
    definitions().into_iter().map(schema).collect()
});

/// A sentence for every field of the document's `spec`, and beside it, that the kind does not have.
pub(super) fn unknown_fields(kind: ObjectKind, document: &Document) -> Vec<String> {
    let (Ok(document), Some(schema)) = (parse::<Value>(document), SCHEMAS.get(kind.as_str())) else {
        return Vec::new();
    };
    let beside = document
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str());
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let mut found: Vec<String> = beside
        .filter(|key| !known.contains(key))
        .map(|key| unknown(key, known))
        .collect();
    collect("spec", schema, &document["spec"], &mut found);
    found
}

fn collect(path: &str, schema: &Value, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(&format!("{path}[{at}]"), &schema["items"], item, found);
            }
        }
        Value::Object(fields) if schema["type"] == "object" => {
            let properties = schema["properties"].as_object();
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                match properties.and_then(|properties| properties.get(key)) {
                    Some(property) => collect(&path, property, value, found),
                    None => found.push(unknown(
                        &path,
                        properties.into_iter().flatten().map(|(key, _)| key.as_str()),
                    )),
                }
            }
        }
        _ => {}
    }
}

fn unknown<'k>(path: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    format!("unknown field {path}; there are: {}", known.join(", "))
}
