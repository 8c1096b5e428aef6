//! The pods: images, what users add, how many there are, how they are replaced, and how they end.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::rendered::{container, find, full_values, of_kind, pod, render, render_with, strings};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test]
async fn a_digest_wins_over_tags_and_the_global_registry_over_all() -> Result<()> {
    let digest = format!("router.image.digest=\"{DIGEST}\"");
    let objects = render_with(&[
        &digest,
        "router.image.tag=\"2\"",
        "router.image.registry=\"own.example\"",
        "image.tag=\"1\"",
    ])
    .await?;
    assert_eq!(
        container(&objects, "router")?["image"],
        format!("own.example/weir-router@{DIGEST}")
    );
    assert_eq!(
        container(&objects, "operator")?["image"],
        "localhost/weir-operator:1"
    );
    let objects = render_with(&[
        "router.image.registry=\"own.example\"",
        "global.imageRegistry=\"mirror.example\"",
    ])
    .await?;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        container(&objects, "router")?["image"],
        format!("mirror.example/weir-router:{version}")
    );
    Ok(())
}

#[tokio::test]
async fn what_is_given_twice_is_rendered_once_and_the_user_wins() -> Result<()> {
    let objects = render_with(&[
        r#"router.extraEnv=[{"name":"A","value":"1"},{"name":"WEIR_LOG","value":"debug"},{"name":"A","value":"2"}]"#,
        r#"router.extraVolumes=[{"name":"cache","emptyDir":{}}]"#,
        r#"router.extraVolumeMounts=[{"name":"other","mountPath":"/var/cache/weir"}]"#,
        r#"router.podLabels={"app.kubernetes.io/component":"mine"}"#,
        r#"commonLabels={"app.kubernetes.io/name":"mine"}"#,
    ])
    .await?;
    let router = container(&objects, "router")?;
    let environment = json!([{"name": "WEIR_LOG", "value": "debug"}, {"name": "A", "value": "2"}]);
    assert_eq!(router["env"], environment);
    let volumes = &pod(&objects, "router")?["volumes"];
    assert_eq!(strings(volumes, "name"), ["admin-token", "cache"]);
    assert_eq!(volumes[1]["emptyDir"], json!({}));
    assert_eq!(strings(&router["volumeMounts"], "name"), ["admin-token", "other"]);
    let deployment = find(&objects, "Deployment", "weir-router")?;
    let selected = &deployment["spec"]["selector"]["matchLabels"];
    for (label, value) in selected.as_object().into_iter().flatten() {
        assert_eq!(
            &deployment["spec"]["template"]["metadata"]["labels"][label],
            value
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_common_to_all_is_on_every_object_and_pod_of_the_chart() -> Result<()> {
    let objects = render(&["--values", &full_values()]).await?;
    let own: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] != "ConfigMap")
        .collect();
    let pods = own.iter().map(|object| &object["spec"]["template"]["metadata"]);
    let pods: Vec<&Value> = pods.filter(|metadata| !metadata.is_null()).collect();
    ensure!(pods.len() == 3, "{pods:#?}");
    for metadata in own.iter().map(|object| &object["metadata"]).chain(pods) {
        ensure!(metadata["labels"]["team"] == "ai", "{metadata:#}");
        ensure!(metadata["annotations"]["owner"] == "ai", "{metadata:#}");
    }
    let extra: Vec<&Value> = of_kind(&objects, "ConfigMap").collect();
    ensure!(extra.len() == 2, "{extra:?}");
    for object in extra {
        ensure!(object["metadata"].get("labels").is_none(), "{object}");
    }
    Ok(())
}

#[tokio::test]
async fn an_autoscaled_deployment_has_no_replicas_of_its_own() -> Result<()> {
    let replicas = async |value: &str| -> Result<(Value, usize)> {
        let objects = render_with(&[value]).await?;
        let deployment = find(&objects, "Deployment", "weir-router")?;
        let scalers = of_kind(&objects, "HorizontalPodAutoscaler").count();
        Ok((deployment["spec"]["replicas"].clone(), scalers))
    };
    assert_eq!(replicas("router.replicas=3").await?, (json!(3), 0));
    assert_eq!(
        replicas("router.autoscaling.enabled=true").await?,
        (Value::Null, 1)
    );
    Ok(())
}

#[tokio::test]
async fn a_budget_has_exactly_one_of_its_two_numbers() -> Result<()> {
    let budget = async |value: &str| -> Result<(Value, Value)> {
        let objects = render_with(&[value]).await?;
        let spec = &find(&objects, "PodDisruptionBudget", "weir-router")?["spec"];
        Ok((spec["minAvailable"].clone(), spec["maxUnavailable"].clone()))
    };
    assert_eq!(
        budget("router.podDisruptionBudget={}").await?,
        (Value::Null, json!(1))
    );
    for number in ["maxUnavailable", "minAvailable"] {
        let null = format!("router.podDisruptionBudget.{number}=null");
        assert_eq!(budget(&null).await?, (Value::Null, json!(1)));
    }
    assert_eq!(
        budget("router.podDisruptionBudget.maxUnavailable=0").await?,
        (Value::Null, json!(0))
    );
    assert_eq!(
        budget("router.podDisruptionBudget.minAvailable=\"50%\"").await?,
        (json!("50%"), Value::Null)
    );
    Ok(())
}

#[tokio::test]
async fn pods_that_are_recreated_are_not_updated_by_and_by() -> Result<()> {
    for part in ["operator", "router"] {
        let objects = render_with(&[&format!("{part}.strategy={{\"type\":\"Recreate\"}}")]).await?;
        let deployment = find(&objects, "Deployment", &format!("weir-{part}"))?;
        assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    }
    Ok(())
}

#[tokio::test]
async fn a_pod_has_time_for_all_of_its_drain() -> Result<()> {
    let objects =
        render_with(&["router.drain={\"preStopSeconds\":7,\"delaySeconds\":8,\"timeoutSeconds\":90}"])
            .await?;
    let router = container(&objects, "router")?;
    assert_eq!(pod(&objects, "router")?["terminationGracePeriodSeconds"], 115);
    assert_eq!(router["lifecycle"]["preStop"]["sleep"]["seconds"], 7);
    let arguments = strings(&router["args"], "");
    assert!(
        arguments.contains(&String::from("--drain-delay=8s")),
        "{arguments:?}"
    );
    assert!(
        arguments.contains(&String::from("--drain-timeout=90s")),
        "{arguments:?}"
    );
    let objects = render_with(&["router.drain.preStopSeconds=0"]).await?;
    assert_eq!(container(&objects, "router")?["lifecycle"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn no_credential_reaches_a_disk() -> Result<()> {
    let objects = render(&[]).await?;
    let volumes = &pod(&objects, "router")?["volumes"];
    let cache = volumes
        .as_array()
        .into_iter()
        .flatten()
        .find(|volume| volume["name"] == "cache");
    assert_eq!(
        cache.map(|volume| &volume["emptyDir"]["medium"]),
        Some(&json!("Memory"))
    );
    Ok(())
}

#[tokio::test]
async fn names_fit_whatever_the_release_is_called() -> Result<()> {
    let long = "a-release-with-a-name-as-long-as-helm-lets-it-be-3456";
    let charts = crate::rendered::helm()?;
    let chart = weir_tests::helm::chart("weir");
    let rendered = charts.run(&["template", long, &chart]).await?.success()?;
    for object in weir_tests::helm::objects(&rendered)? {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        assert!((1..=63).contains(&name.len()), "{}: {name}", object["kind"]);
    }
    Ok(())
}
