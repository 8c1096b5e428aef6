//! Values that are wrong, and by which path they are refused.

use anyhow::{Result, ensure};
use weir_tests::{
    helm::Charts,
    tools::{Helm, Tools},
};

/// A value, and the path that the error has to name.
const WRONG: &[(&str, &str)] = &[
    // Typing mistakes, on every level.
    ("iamge={}", "iamge"),
    ("image.tga=\"x\"", "/image"),
    ("global.registry=\"x\"", "/global"),
    ("router.replica=2", "/router"),
    ("router.image.digset=\"x\"", "/router/image"),
    ("router.drain.preStop=5", "/router/drain"),
    ("router.service.ports=80", "/router/service"),
    (
        "router.networkPolicy.egress.ports=[443]",
        "/router/networkPolicy/egress",
    ),
    ("router.autoscaling.targetCPU=70", "/router/autoscaling"),
    ("router.resources.request={}", "/router/resources"),
    ("router.readinessProbe.path=\"/\"", "/router/readinessProbe"),
    ("router.affinity.nodeAfinity={}", "/router/affinity"),
    (
        "operator.serviceAccount.annotation={}",
        "/operator/serviceAccount",
    ),
    (
        "operator.podDisruptionBudget.minAvailible=1",
        "/operator/podDisruptionBudget",
    ),
    ("operator.allowUnauthenticated=true", "/operator"),
    ("providers.cluster.mode=\"Full\"", "/providers/cluster"),
    ("providers.namespaced.enable=true", "/providers/namespaced"),
    (
        "monitoring.serviceMonitor.enable=true",
        "/monitoring/serviceMonitor",
    ),
    ("rbac.enabled=true", "/rbac"),
    ("test.image.name=\"x\"", "/test/image"),
    ("adminToken.secretName=\"x\"", "/adminToken"),
    ("crds={\"enabled\":true}", "crds"),
    // Wrong types.
    ("image.tag=1.2", "/image/tag"),
    ("router.replicas=\"2\"", "/router/replicas"),
    ("router.hostUsers=\"false\"", "/router/hostUsers"),
    ("imagePullSecrets=[{\"name\":\"x\"}]", "/imagePullSecrets/0"),
    ("commonLabels={\"a\":1}", "/commonLabels/a"),
    ("router.podLabels={\"a\":true}", "/router/podLabels/a"),
    ("router.extraEnv=[{\"value\":\"x\"}]", "/router/extraEnv/0"),
    ("router.extraEnv={\"A\":\"x\"}", "/router/extraEnv"),
    ("router.extraArgs=[\"log=debug\"]", "/router/extraArgs/0"),
    (
        "router.extraVolumeMounts=[{\"name\":\"x\"}]",
        "/router/extraVolumeMounts/0",
    ),
    ("extraObjects=[1]", "/extraObjects/0"),
    // Wrong values.
    ("image.pullPolicy=\"Sometimes\"", "/image/pullPolicy"),
    ("image.tag=\"a b\"", "/image/tag"),
    ("router.image.digest=\"1234\"", "/router/image/digest"),
    ("operator.logFormat=\"yaml\"", "/operator/logFormat"),
    (
        "operator.networkPolicy.egress.mode=\"Off\"",
        "/operator/networkPolicy/egress/mode",
    ),
    (
        "router.networkPolicy.egress.mode=\"Off\"",
        "/router/networkPolicy/egress/mode",
    ),
    (
        "router.networkPolicy.egress.deniedCIDRs=[\"169.254.169.254\"]",
        "/router/networkPolicy/egress/deniedCIDRs/0",
    ),
    (
        "router.networkPolicy.egress.providerPorts=[0]",
        "/router/networkPolicy/egress/providerPorts/0",
    ),
    ("router.service.type=\"ExternalName\"", "/router/service/type"),
    ("router.service.port=0", "/router/service/port"),
    (
        "router.corsOrigins=[\"chat.example.com\"]",
        "/router/corsOrigins/0",
    ),
    ("router.maxBodyBytes=0", "/router/maxBodyBytes"),
    ("router.cache.sizeLimit=\"much\"", "/router/cache/sizeLimit"),
    ("router.strategy.type=\"Rolling\"", "/router/strategy/type"),
    ("providers.cluster.access=\"full\"", "/providers/cluster/access"),
    ("watchNamespaces=[\"Web\"]", "/watchNamespaces/0"),
    ("watchNamespaces=[\"web\",\"web\"]", "/watchNamespaces"),
    (
        "monitoring.podMonitor.interval=\"often\"",
        "/monitoring/podMonitor/interval",
    ),
    // What no API server takes.
    ("fullnameOverride=\"Weir_X\"", "/fullnameOverride"),
    ("fullnameOverride=\"1weir\"", "/fullnameOverride"),
    ("nameOverride=\"Weir\"", "/nameOverride"),
    ("commonLabels={\"bad label\":\"y\"}", "/commonLabels"),
    ("commonLabels={\"a\":\"not a value\"}", "/commonLabels/a"),
    ("commonAnnotations={\"bad key\":\"y\"}", "/commonAnnotations"),
    ("router.cache.sizeLimit=\"64K\"", "/router/cache/sizeLimit"),
    ("router.listenHost=\"::\"", "/router/listenHost"),
    ("router.listenHost=\"localhost\"", "/router/listenHost"),
    ("operator.listenHost=\"0.0.0.256\"", "/operator/listenHost"),
    (
        "router.networkPolicy.egress.apiServerCIDRs=[\"10.0.0.1/99\"]",
        "/router/networkPolicy/egress/apiServerCIDRs/0",
    ),
    (
        "operator.networkPolicy.egress.apiServerCIDRs=[\"10.0.0/8\"]",
        "/operator/networkPolicy/egress/apiServerCIDRs/0",
    ),
    (
        "router.networkPolicy.egress.deniedCIDRs=[\"::/0\"]",
        "/router/networkPolicy/egress/deniedCIDRs/0",
    ),
    (
        "router.networkPolicy.egress.dnsPorts=[]",
        "/router/networkPolicy/egress/dnsPorts",
    ),
    (
        "router.service.externalTrafficPolicy=\"Local\"",
        "/router/service/externalTrafficPolicy",
    ),
    ("router.service.nodePort=30080", "/router/service/nodePort"),
    (
        "router.service.loadBalancerSourceRanges=[\"10.0.0.0/8\"]",
        "/router/service/loadBalancerSourceRanges",
    ),
    (
        "router.service={\"type\":\"NodePort\",\"clusterIP\":\"None\"}",
        "/router/service/clusterIP",
    ),
    (
        "router.strategy.rollingUpdate.maxSurge=0",
        "router.strategy.rollingUpdate",
    ),
    (
        "operator.strategy.rollingUpdate={\"maxSurge\":\"0%\"}",
        "operator.strategy.rollingUpdate",
    ),
    // What does not go together.
    (
        "router.podDisruptionBudget={\"minAvailable\":1,\"maxUnavailable\":1}",
        "/router/podDisruptionBudget",
    ),
    ("router.ingress.enabled=true", "/router/ingress/hosts"),
    ("router.httpRoute.enabled=true", "/router/httpRoute/parentRefs"),
    (
        "monitoring={\"serviceMonitor\":{\"enabled\":true},\"podMonitor\":{\"enabled\":true}}",
        "/monitoring",
    ),
    (
        "router.terminationGracePeriodSeconds=30",
        "router.terminationGracePeriodSeconds",
    ),
    (
        "router.autoscaling={\"enabled\":true,\"maxReplicas\":1}",
        "router.autoscaling.maxReplicas",
    ),
    (
        "router.serviceAccount={\"create\":false}",
        "router.serviceAccount.name",
    ),
    (
        "router.extraContainers=[{\"name\":\"router\"}]",
        "router.extraContainers",
    ),
    (
        "router.extraArgs=[\"--cache-max-age=1m\",\"--drain-timeout=3600s\"]",
        "router.extraArgs[1]",
    ),
    ("operator.extraArgs=[\"--log=debug\"]", "operator.extraArgs[0]"),
    ("router.maxHeldBytes=1073741824", "router.resources.limits.memory"),
    (
        "router.resources.limits.memory=\"512Mi\"",
        "router.resources.limits.memory",
    ),
    (
        "router.resources.limits.memory=603979775",
        "router.resources.limits.memory",
    ),
    // What the definitions of ClusterProviders and AccessKeys refuse.
    (
        "clusterProviders.openai={\"dialect\":\"OpenAI\",\"baseUrl\":\"https://x.example\"}",
        "/clusterProviders/openai",
    ),
    (
        "clusterProviders.openai={\"dialect\":\"OpenAI\",\"baseURL\":\"https://x.example\",\"credential\":{\"apiKey\":\"sk\"}}",
        "/clusterProviders/openai/credential",
    ),
    (
        "accessKeys.web={\"spec\":{\"keys\":[{\"value\":\"sk\"}]}}",
        "/accessKeys/web/spec/keys/0",
    ),
];

#[tokio::test]
async fn every_wrong_value_is_refused_with_its_path() -> Result<()> {
    for version in [Helm::Four, Helm::Three] {
        let charts = Charts::offline(&Tools::find()?, version)?;
        for &(value, path) in WRONG {
            let output = charts.template(&["--set-json", value]).await?;
            ensure!(output.code != 0, "{version:?} took {value}");
            ensure!(
                output.stderr.contains(path),
                "{version:?}, {value}: {}",
                output.stderr
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_error_says_what_to_do() -> Result<()> {
    let charts = Charts::offline(&Tools::find()?, Helm::Four)?;
    let table = [
        (
            "router.terminationGracePeriodSeconds=30",
            "lower router.drain.timeoutSeconds",
        ),
        ("providers.cluster.access=\"None\"", "set test.enabled to false"),
        ("operator.serviceAccount={\"create\":false}", "it must be given"),
        (
            "router.extraArgs=[\"--drain-timeout=3600s\"]",
            "set router.drain.timeoutSeconds instead",
        ),
        ("router.maxHeldBytes=2147483648", "lower router.maxHeldBytes"),
        ("router.strategy.rollingUpdate.maxSurge=0", "set one of them to 1"),
    ];
    for (value, remedy) in table {
        let output = charts.template(&["--set-json", value]).await?;
        ensure!(output.stderr.contains(remedy), "{value}: {}", output.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn no_object_is_made_whose_status_nobody_writes() -> Result<()> {
    let charts = Charts::offline(&Tools::find()?, Helm::Four)?;
    let provider = r#"clusterProviders.mine={"dialect":"OpenAI","baseURL":"https://x.example"}"#;
    let key =
        r#"accessKeys.mine={"namespace":"other","spec":{"keys":[{"secretRef":{"name":"k","key":"key"}}]}}"#;
    let table = [
        (
            provider,
            "providers.cluster.access=\"ReadOnly\"",
            "clusterProviders.mine",
        ),
        (
            provider,
            r#"providers={"cluster":{"access":"None"},"namespaced":{"enabled":true}}"#,
            "clusterProviders.mine",
        ),
        (key, "watchNamespaces=[\"web\"]", "accessKeys.mine.namespace"),
    ];
    for (object, mode, path) in table {
        let output = charts
            .template(&["--set-json", object, "--set-json", mode])
            .await?;
        ensure!(
            output.code != 0 && output.stderr.contains(path),
            "{path}: {}",
            output.stderr
        );
    }
    let watched = ["--set-json", key, "--set-json", "watchNamespaces=[\"other\"]"];
    charts.template(&watched).await?.success().map(drop)
}

#[tokio::test]
async fn a_release_that_no_service_can_be_called_after_is_refused() -> Result<()> {
    let charts = Charts::offline(&Tools::find()?, Helm::Four)?;
    let chart = weir_tests::helm::chart("weir");
    for release in ["1a", "a.b"] {
        let output = charts.run(&["template", release, &chart]).await?;
        ensure!(
            output.code != 0 && output.stderr.contains("fullnameOverride"),
            "{release}: {}",
            output.stderr
        );
        let named = ["template", release, &chart, "--set=fullnameOverride=weir"];
        charts.run(&named).await?.success()?;
    }
    Ok(())
}

#[tokio::test]
async fn values_that_look_wrong_and_are_not_are_taken() -> Result<()> {
    let charts = Charts::offline(&Tools::find()?, Helm::Four)?;
    let table = [
        "router.listenHost=\"[::]\"",
        "router.listenHost=\"[fd00::1]\"",
        "router.cache.sizeLimit=\"64k\"",
        "router.service={\"type\":\"NodePort\",\"nodePort\":30080,\"externalTrafficPolicy\":\"Local\"}",
        "router.service.clusterIP=\"None\"",
        "router.networkPolicy.egress.apiServerCIDRs=[\"0.0.0.0/0\",\"::/0\",\"fd00::1/128\"]",
        "commonLabels={\"example.com/team\":\"a_b.c-d\",\"empty\":\"\"}",
        "router.resources.limits.memory=\"1e10\"",
        "router.resources.limits.memory=603979776",
        "router.resources={\"limits\":null}",
    ];
    for value in table {
        let output = charts.template(&["--set-json", value]).await?;
        ensure!(output.code == 0, "{value}: {}", output.stderr);
    }
    Ok(())
}
