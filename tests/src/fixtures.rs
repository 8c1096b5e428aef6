//! The objects that cases apply, as plain values: the resources are tested as a person writes them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{cluster::Cluster, fake_provider::FakeProvider, identity::SYSTEM};

/// The providers that the seed examples name.
pub const PROVIDERS: [&str; 5] = ["openai", "anthropic", "deepseek", "bedrock", "google"];

/// A target that names a model.
pub fn model(model: &str, weight: impl Into<Value>) -> Value {
    json!({"model": model, "weight": weight.into()})
}

/// A target that names a policy.
pub fn policy(policy: &str, weight: impl Into<Value>) -> Value {
    json!({"policy": policy, "weight": weight.into()})
}

/// A `LoadBalancingPolicy`.
pub fn load_balancing(namespace: &str, name: &str, targets: &[Value]) -> Value {
    weir(
        "LoadBalancingPolicy",
        Some(namespace),
        name,
        &json!({ "targets": targets }),
    )
}

/// A `FallbackPolicy` over models, in order.
pub fn fallback(namespace: &str, name: &str, models: &[&str]) -> Value {
    let targets: Vec<Value> = models.iter().map(|model| json!({ "model": model })).collect();
    weir(
        "FallbackPolicy",
        Some(namespace),
        name,
        &json!({ "targets": targets }),
    )
}

/// A `ClusterProvider` of the `OpenAI` dialect at `base_url`, with the key that [`provider_secret`] holds.
pub fn cluster_provider(name: &str, base_url: &str) -> Value {
    weir("ClusterProvider", None, name, &provider_spec(name, base_url))
}

/// A `Provider` of the `OpenAI` dialect, with the key that [`provider_secret`] holds.
pub fn provider(namespace: &str, name: &str, base_url: &str) -> Value {
    weir("Provider", Some(namespace), name, &provider_spec(name, base_url))
}

fn provider_spec(name: &str, base_url: &str) -> Value {
    json!({
        "dialect": "OpenAI",
        "baseURL": base_url,
        "credential": {"secretRef": {"name": format!("{name}-key"), "key": "apiKey"}},
    })
}

/// Lets `fake` play every provider of the seed examples, for a Weir whose own namespace is `system`.
pub async fn add_providers(cluster: &Cluster, system: &str, fake: &FakeProvider) -> Result<()> {
    for name in PROVIDERS {
        cluster
            .apply(&provider_secret(system, name, &api_key(name)))
            .await?;
        cluster
            .apply(&cluster_provider(name, &fake.base_url(name)))
            .await?;
    }
    Ok(())
}

/// The key that the fake provider sees when it plays `provider`.
pub fn api_key(provider: &str) -> String {
    format!("sk-fake-{provider}")
}

/// The Secret that holds the key of `provider`, labelled as Weir asks.
pub fn provider_secret(namespace: &str, provider: &str, key: &str) -> Value {
    labelled_secret(namespace, &format!("{provider}-key"), "apiKey", key)
}

/// The Secret that holds a caller's key, under `key`, labelled as Weir asks.
pub fn caller_secret(namespace: &str, name: &str, key: &str) -> Value {
    labelled_secret(namespace, name, "key", key)
}

fn labelled_secret(namespace: &str, name: &str, entry: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"weir.dev/credential": "true"},
        },
        "stringData": {entry: value},
    })
}

/// An `AccessKey`.
pub fn access_key(namespace: &str, name: &str, spec: &Value) -> Value {
    weir("AccessKey", Some(namespace), name, spec)
}

/// Any resource of Weir's.
pub fn weir(kind: &str, namespace: Option<&str>, name: &str, spec: &Value) -> Value {
    let mut metadata = json!({ "name": name });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    json!({"apiVersion": "weir.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

/// The Service by which the operator finds the routers.
pub fn router_service(name: &str) -> Value {
    let ports = json!([{"name": "http", "port": 80}, {"name": "admin", "port": 9090}]);
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": {"clusterIP": "None", "ports": ports},
    })
}

/// One router's place behind that Service: a slice of its own, so that it may have ports of its own.
pub fn router_slice(service: &str, router: &str, address: &str, http: u16, admin: u16) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": router,
            "namespace": SYSTEM,
            "labels": {
                "kubernetes.io/service-name": service,
                "endpointslice.kubernetes.io/managed-by": "weir-tests",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{
            "addresses": [address],
            "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "namespace": SYSTEM, "name": router, "uid": router},
        }],
        "ports": [
            {"name": "http", "port": http, "protocol": "TCP"},
            {"name": "admin", "port": admin, "protocol": "TCP"},
        ],
    })
}
