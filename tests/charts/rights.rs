//! What the operator and the routers may do, and whom they let in, by what is rendered.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::rendered::{container, find, of_kind, pod, render, render_with, strings};

#[tokio::test]
async fn nobody_gets_in_by_default() -> Result<()> {
    let objects = render(&["--skip-tests"]).await?;
    for kind in ["AccessKey", "ClusterProvider", "Ingress", "HTTPRoute", "Secret"] {
        assert_eq!(of_kind(&objects, kind).count(), 0, "{kind}");
    }
    let arguments = strings(&container(&objects, "router")?["args"], "");
    assert!(
        !arguments.contains(&String::from("--allow-unauthenticated")),
        "{arguments:?}"
    );
    assert_eq!(
        find(&objects, "Service", "weir-router")?["spec"]["type"],
        "ClusterIP"
    );
    Ok(())
}

#[tokio::test]
async fn the_admin_port_is_for_the_operator_and_for_whom_values_name() -> Result<()> {
    let admin = async |value: &str| -> Result<Value> {
        let objects = render_with(&[value]).await?;
        let rules = &find(&objects, "NetworkPolicy", "weir-router")?["spec"]["ingress"];
        let is_admin = |rule: &&Value| rule["ports"][0]["port"] == "admin";
        Ok(rules
            .as_array()
            .into_iter()
            .flatten()
            .find(is_admin)
            .cloned()
            .unwrap_or_default())
    };
    let operator = json!({"podSelector": {"matchLabels": {
        "app.kubernetes.io/name": "weir", "app.kubernetes.io/instance": "weir", "app.kubernetes.io/component": "operator",
    }}});
    assert_eq!(admin("router.replicas=2").await?["from"], json!([operator]));
    let monitoring = json!({"namespaceSelector": {"matchLabels": {"a": "b"}}});
    let named = admin(&format!("router.networkPolicy.monitoring=[{monitoring}]")).await?;
    assert_eq!(named["from"], json!([operator, monitoring]));
    let service = &find(&render(&[]).await?, "Service", "weir-router")?["spec"]["ports"].clone();
    assert_eq!(strings(service, "name"), ["http"]);
    Ok(())
}

#[tokio::test]
async fn no_pod_of_either_part_reaches_the_metadata_addresses() -> Result<()> {
    let by_default = render(&[]).await?;
    for part in ["operator", "router"] {
        denies_metadata(&by_default, part)?;
        let mode = format!("{part}.networkPolicy.egress.mode=\"Restricted\"");
        denies_metadata(&render_with(&[&mode]).await?, part)?;
        let mode = format!("{part}.networkPolicy.egress.mode=\"AllowAll\"");
        let objects = render_with(&[&mode]).await?;
        assert!(denies_metadata(&objects, part).is_err(), "{part}");
    }
    Ok(())
}

/// Whether what goes out is limited, and every rule of addresses leaves those of metadata out.
fn denies_metadata(objects: &[Value], part: &str) -> Result<()> {
    let policy = &find(objects, "NetworkPolicy", &format!("weir-{part}"))?["spec"];
    ensure!(policy["policyTypes"] == json!(["Ingress", "Egress"]), "{policy}");
    let rules = policy["egress"].as_array().into_iter().flatten();
    let peers = rules.flat_map(|rule| rule["to"].as_array().into_iter().flatten());
    let blocks: Vec<&Value> = peers.filter_map(|peer| peer.get("ipBlock")).collect();
    ensure!(blocks.len() >= 2, "{policy}");
    for block in blocks {
        let denied = match block["cidr"].as_str() {
            Some("0.0.0.0/0") => json!(["169.254.169.254/32", "168.63.129.16/32", "100.100.100.200/32"]),
            _ => json!(["fd00:ec2::254/128", "fd20:ce::254/128"]),
        };
        ensure!(block["except"] == denied, "{block}");
    }
    Ok(())
}

#[tokio::test]
async fn names_are_asked_for_at_the_ports_that_values_give() -> Result<()> {
    for part in ["operator", "router"] {
        let egress = format!(r#"{part}.networkPolicy.egress={{"mode":"Restricted","dnsPorts":[53,5353]}}"#);
        let objects = render_with(&[&egress]).await?;
        let rules = &find(&objects, "NetworkPolicy", &format!("weir-{part}"))?["spec"]["egress"];
        let port = |protocol: &str, port: u16| json!({"protocol": protocol, "port": port});
        let ports = json!([
            port("UDP", 53),
            port("TCP", 53),
            port("UDP", 5353),
            port("TCP", 5353)
        ]);
        let mut rules = rules.as_array().into_iter().flatten();
        assert!(rules.any(|rule| rule["ports"] == ports), "{part}");
    }
    Ok(())
}

#[tokio::test]
async fn with_namespaces_to_watch_the_operator_has_a_role_in_each_of_them() -> Result<()> {
    let watch = "watchNamespaces=[\"web\",\"batch\"]";
    let objects = render_with(&[watch]).await?;
    let roles = of_kind(&objects, "Role")
        .filter(|role| role["metadata"]["name"] == "weir-system-weir-operator-watch");
    let mut namespaces: Vec<_> = roles.map(|role| role["metadata"]["namespace"].clone()).collect();
    namespaces.sort_by_key(ToString::to_string);
    assert_eq!(namespaces, ["batch", "web", "weir-system"]);
    let cluster = cluster_rights(&objects);
    assert_eq!(
        cluster,
        [
            ("clusterproviders", "list,watch"),
            ("clusterproviders/status", "patch")
        ]
        .map(owned)
    );
    let objects = render_with(&[watch, "providers.cluster.access=\"ReadOnly\""]).await?;
    assert_eq!(
        cluster_rights(&objects),
        [("clusterproviders", "list,watch")].map(owned)
    );
    Ok(())
}

#[tokio::test]
async fn without_cluster_providers_only_the_roles_for_people_are_the_whole_clusters() -> Result<()> {
    let confined = [
        "watchNamespaces=[\"web\",\"batch\"]",
        "providers.cluster.access=\"None\"",
        "test.enabled=false",
    ];
    let objects = render_with(&confined).await?;
    let mut names: Vec<_> = of_kind(&objects, "ClusterRole")
        .map(|role| role["metadata"]["name"].clone())
        .collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["weir-system-weir-edit", "weir-system-weir-view"]);
    assert_eq!(of_kind(&objects, "ClusterRoleBinding").count(), 0);
    let objects = render_with(&[&confined[..], &["rbac.aggregateToDefaultRoles=false"]].concat()).await?;
    assert_eq!(of_kind(&objects, "ClusterRole").count(), 0);
    assert_eq!(of_kind(&objects, "ClusterRoleBinding").count(), 0);
    Ok(())
}

fn owned((resources, verbs): (&str, &str)) -> (String, String) {
    (resources.to_owned(), verbs.to_owned())
}

/// What the operator may do in the whole cluster.
fn cluster_rights(objects: &[Value]) -> Vec<(String, String)> {
    let Ok(role) = find(objects, "ClusterRole", "weir-system-weir-operator") else {
        return Vec::new();
    };
    let rules = role["rules"].as_array().into_iter().flatten();
    let right = |rule: &Value| {
        (
            strings(&rule["resources"], "").join(","),
            strings(&rule["verbs"], "").join(","),
        )
    };
    rules.map(right).collect()
}

#[tokio::test]
async fn a_token_of_ones_own_is_mounted_and_nobody_may_write_it() -> Result<()> {
    let own = render_with(&["adminToken.existingSecret=\"own-token\""]).await?;
    let secret = pod(&own, "router")?["volumes"][0]["secret"]["secretName"].clone();
    assert_eq!(secret, "own-token");
    let arguments = strings(&container(&own, "operator")?["args"], "");
    assert!(
        arguments.contains(&String::from("--admin-token-secret=own-token")),
        "{arguments:?}"
    );
    let rules = |objects: &[Value]| -> Result<String> {
        Ok(find(objects, "Role", "weir-operator")?["rules"].to_string())
    };
    assert!(rules(&render(&[]).await?)?.contains("weir-admin-token"));
    assert!(!rules(&own)?.contains("-token"), "{}", rules(&own)?);
    Ok(())
}

#[tokio::test]
async fn no_role_is_rendered_where_somebody_else_grants_rights() -> Result<()> {
    let objects = render_with(&["rbac.create=false"]).await?;
    for kind in ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"] {
        assert_eq!(of_kind(&objects, kind).count(), 0, "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn no_rule_has_a_wildcard() -> Result<()> {
    let objects = render(&[]).await?;
    for role in of_kind(&objects, "Role").chain(of_kind(&objects, "ClusterRole")) {
        assert!(!role["rules"].to_string().contains("\"*\""), "{role}");
    }
    Ok(())
}
