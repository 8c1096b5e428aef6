//! The schema of the chart's values: written by hand but for what a ClusterProvider and an AccessKey may say, which
//! the definitions of the custom resources know.

use serde_json::{Map, Value};

/// Which definition's `spec` is which part of the schema.
const FILLED: [(&str, &str); 2] = [
    ("ClusterProvider", "clusterProviderSpec"),
    ("AccessKey", "accessKeySpec"),
];

/// `text` with the specs of `definitions` filled in, in the order of keys.
pub(super) fn fill(text: &str, definitions: &[Value]) -> String {
    let mut schema: Value = serde_json::from_str(text).unwrap_or_default();
    for definition in definitions {
        let kind = &definition["spec"]["names"]["kind"];
        for (_, part) in FILLED.iter().filter(|(filled, _)| kind == filled) {
            let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
            schema["$defs"][part] = strict(spec);
        }
    }
    format!("{:#}\n", sorted(&schema))
}

/// A schema without what only an API server understands, and closed: a field that it does not name is refused.
fn strict(schema: &Value) -> Value {
    let Value::Object(map) = schema else {
        return schema.clone();
    };
    let is_kept =
        |key: &str| !key.starts_with("x-kubernetes-") && !["description", "format", "default"].contains(&key);
    let kept = map.iter().filter(|(key, _)| is_kept(key));
    let mut kept: Map<String, Value> = kept
        .map(|(key, value)| (key.clone(), below(key, value)))
        .collect();
    if kept.contains_key("properties") {
        kept.insert("additionalProperties".to_owned(), false.into());
    }
    Value::Object(kept)
}

/// What stands under a schema's `key`, made strict. Below `properties` keys are names.
fn below(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("properties", Value::Object(named)) => {
            let strict = named.iter().map(|(name, schema)| (name.clone(), strict(schema)));
            Value::Object(strict.collect())
        }
        ("items" | "additionalProperties", _) => strict(value),
        _ => value.clone(),
    }
}

/// The same value with every map in the order of its keys.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::fill;

    #[test]
    fn a_spec_is_filled_in_and_closed() {
        let spec = json!({
            "type": "object", "description": "d", "x-kubernetes-validations": [],
            "properties": {"format": {"type": "string", "format": "date-time"}},
        });
        let version = json!({"schema": {"openAPIV3Schema": {"properties": {"spec": spec}}}});
        let definition = json!({"spec": {"names": {"kind": "AccessKey"}, "versions": [version]}});
        let filled: Value = serde_json::from_str(&fill("{\"$defs\": {}}", &[definition])).unwrap();
        let expected = json!({
            "type": "object", "additionalProperties": false, "properties": {"format": {"type": "string"}},
        });
        assert_eq!(filled["$defs"]["accessKeySpec"], expected);
    }
}
