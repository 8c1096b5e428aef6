//! The Services by which pods find what runs beside them on the node: DNS, and the API of metrics.

use serde_json::{Value, json};

use super::{ADDRESS, DNS_ADDRESS, components::METRICS_PORT};

/// All of them, as one list to apply.
pub(super) fn list() -> Value {
    let dns = [("dns", "UDP", 53), ("dns-tcp", "TCP", 53)];
    let metrics = [("https", "TCP", METRICS_PORT)];
    let items = [
        service("kube-dns", &dns, &json!({"clusterIP": DNS_ADDRESS.to_string()})),
        slice("kube-dns", &dns),
        service("metrics-server", &metrics, &json!({})),
        slice("metrics-server", &metrics),
        metrics_api(),
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

type Port = (&'static str, &'static str, u16);

fn service(name: &str, ports: &[Port], spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["ports"] = ports
        .iter()
        .map(|(name, protocol, port)| json!({"name": name, "protocol": protocol, "port": port}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(name), "spec": spec})
}

/// What a Service without a selector has to be told.
fn slice(name: &str, ports: &[Port]) -> Value {
    let mut metadata = metadata(name);
    metadata["labels"] = json!({"kubernetes.io/service-name": name});
    let ports: Vec<Value> = ports
        .iter()
        .map(|(name, protocol, port)| json!({"name": name, "protocol": protocol, "port": port}))
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ADDRESS.to_string()], "conditions": {"ready": true}}],
        "ports": ports,
    })
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": "kube-system"})
}

/// Registers the server for an API group, which kubectl and autoscaling then find like any other.
fn metrics_api() -> Value {
    json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "service": {"name": "metrics-server", "namespace": "kube-system", "port": METRICS_PORT},
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": true,
        },
    })
}
