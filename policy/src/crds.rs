//! The CustomResourceDefinitions, as the files in `crds/` hold them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::api::{AccessKey, ClusterProvider, FallbackPolicy, LoadBalancingPolicy, Provider};
use crate::verdict::READY;

/// Every definition, as the JSON to apply.
///
/// They differ from what the derive makes in two things. Nothing is `nullable`: an absent field and a field
/// that is `null` would mean the same, and only one of them survives server-side apply. And a fresh object
/// has a status already, whose `observedGeneration` of -1 says that nobody has looked at it yet.
pub fn definitions() -> Vec<Value> {
    [
        LoadBalancingPolicy::crd(),
        FallbackPolicy::crd(),
        Provider::crd(),
        ClusterProvider::crd(),
        AccessKey::crd(),
    ]
    .iter()
    .map(definition)
    .collect()
}

/// The files of `crds/`: name and content.
pub fn files() -> Vec<(String, String)> {
    definitions().iter().map(file).collect()
}

fn file(definition: &Value) -> (String, String) {
    let name = definition["metadata"]["name"].as_str().unwrap_or_default();
    let yaml = serde_saphyr::to_string(definition).unwrap_or_default();
    let head = "# Generated from policy/src/api by `cargo xtask generate`.\n";
    (format!("{name}.yaml"), format!("{head}---\n{yaml}"))
}

fn definition(crd: &CustomResourceDefinition) -> Value {
    let mut value = serde_json::to_value(crd).unwrap_or_default();
    forbid_null(&mut value);
    for version in value["spec"]["versions"].as_array_mut().into_iter().flatten() {
        let status = &mut version["schema"]["openAPIV3Schema"]["properties"]["status"];
        status["default"] = fresh_status();
    }
    value
}

/// The status of an object before the operator's first: kstatus and people alike would take none at all for a good
/// one. The operator's own takes its place entirely, because `Ready` is always among its conditions.
fn fresh_status() -> Value {
    json!({
        "observedGeneration": -1,
        "conditions": [{
            "type": READY,
            "status": "Unknown",
            "reason": "Pending",
            "message": "no operator has looked at it yet",
            "observedGeneration": -1,
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }],
    })
}

fn forbid_null(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            map.values_mut().for_each(forbid_null);
        }
        Value::Array(list) => list.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::definitions;

    /// Calls `visit` on every schema below `schema`, with its path.
    fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
        visit(path, schema);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            walk(&format!("{path}.{name}"), property, visit);
        }
        if schema["items"].is_object() {
            walk(&format!("{path}[]"), &schema["items"], visit);
        }
    }

    fn every_spec_schema(visit: &mut impl FnMut(&str, &Value)) {
        for definition in definitions() {
            let kind = definition["spec"]["names"]["kind"].as_str().unwrap().to_owned();
            let schema =
                &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
            walk(&kind, schema, visit);
        }
    }

    #[test]
    fn every_string_list_and_number_of_a_spec_is_bounded() {
        every_spec_schema(&mut |path, schema| {
            let has = |key: &str| !schema[key].is_null();
            let bounded = match schema["type"].as_str() {
                Some("string") => has("maxLength") || has("enum"),
                Some("array") => has("maxItems"),
                Some("integer" | "number") => has("minimum") && has("maximum"),
                _ => true,
            };
            assert!(bounded, "{path} has no bound: {schema}");
        });
    }

    #[test]
    fn every_field_of_a_spec_is_explained() {
        every_spec_schema(&mut |path, schema| {
            let item_of_scalars = path.ends_with("[]") && schema["type"] != "object";
            assert!(
                item_of_scalars || schema["description"].is_string(),
                "{path} has no description"
            );
        });
    }

    #[test]
    fn no_value_has_a_format_that_the_api_server_does_not_know() {
        every_spec_schema(&mut |path, schema| {
            let format = schema["format"].as_str().unwrap_or_default();
            assert!(
                ["", "int32", "int64", "double", "date-time"].contains(&format),
                "{path}: {format}"
            );
        });
    }

    #[test]
    fn every_rule_has_a_message_for_people() {
        every_spec_schema(&mut |path, schema| {
            for rule in schema["x-kubernetes-validations"]
                .as_array()
                .into_iter()
                .flatten()
            {
                assert!(
                    rule["message"].as_str().is_some_and(|text| text.contains(' ')),
                    "{path}: {rule}"
                );
            }
        });
    }
}
