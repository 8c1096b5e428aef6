//! Values that are wrong, and by which path they are refused.

use anyhow::{Result, ensure};
use weir_tests::{
    helm::Charts,
    tools::{Helm, Tools},
};

/// A value, and the path that the error has to name.
const WRONG: [(&str, &str); 62] = [
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
        "operator.networkPolicy.egress.mode=\"DenyMetadata\"",
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
        for (value, path) in WRONG {
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
    ];
    for (value, remedy) in table {
        let output = charts.template(&["--set-json", value]).await?;
        ensure!(output.stderr.contains(remedy), "{value}: {}", output.stderr);
    }
    Ok(())
}
