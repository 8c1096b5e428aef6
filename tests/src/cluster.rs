//! A Kubernetes cluster, ours or somebody's: reading and writing objects as an administrator.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use http::{Request, header::ACCEPT};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::{
    control_plane::{ControlPlane, Purpose},
    identity::{self, SYSTEM},
    kubectl::Kubectl,
    netns,
    poll::eventually,
    tools::{Tools, repository},
};

/// The label of every namespace that a test makes.
pub const TEST_LABEL: &str = "weir.dev/tests";

/// The field manager of the administrator.
const MANAGER: &str = "weir-tests";

/// A cluster and the means to reach it.
pub struct Cluster {
    /// `kubectl` as an administrator.
    pub kubectl: Kubectl,
    /// A client as an administrator.
    pub client: Client,
    /// Where the tests keep this cluster's files and logs.
    pub folder: PathBuf,
    /// The control plane, when it is the tests' own.
    pub control_plane: Option<ControlPlane>,
    namespaces: AtomicU32,
}

/// The resources of Weir's group.
const WEIR: [&str; 5] = [
    "loadbalancingpolicies",
    "fallbackpolicies",
    "providers",
    "clusterproviders",
    "accesskeys",
];

/// How long the server may take to list what it serves, on a busy machine.
const DISCOVERY_LIMIT: Duration = Duration::from_mins(1);

/// The resource of a kind that the tests use.
pub fn resource(kind: &str) -> Result<ApiResource> {
    let (group, version, plural) = match kind {
        "LoadBalancingPolicy" => ("weir.dev", "v1alpha1", "loadbalancingpolicies"),
        "FallbackPolicy" => ("weir.dev", "v1alpha1", "fallbackpolicies"),
        "Provider" => ("weir.dev", "v1alpha1", "providers"),
        "AccessKey" => ("weir.dev", "v1alpha1", "accesskeys"),
        "ClusterProvider" => ("weir.dev", "v1alpha1", "clusterproviders"),
        "Secret" => ("", "v1", "secrets"),
        "ConfigMap" => ("", "v1", "configmaps"),
        "Namespace" => ("", "v1", "namespaces"),
        "Pod" => ("", "v1", "pods"),
        "Service" => ("", "v1", "services"),
        "EndpointSlice" => ("discovery.k8s.io", "v1", "endpointslices"),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
        "Role" => ("rbac.authorization.k8s.io", "v1", "roles"),
        "RoleBinding" => ("rbac.authorization.k8s.io", "v1", "rolebindings"),
        "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "v1", "clusterrolebindings"),
        "Lease" => ("coordination.k8s.io", "v1", "leases"),
        "PriorityLevelConfiguration" => (
            "flowcontrol.apiserver.k8s.io",
            "v1",
            "prioritylevelconfigurations",
        ),
        "FlowSchema" => ("flowcontrol.apiserver.k8s.io", "v1", "flowschemas"),
        _ => return Err(anyhow!("the tests know no kind {kind}")),
    };
    let api_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let (group, version, plural) = (group.to_owned(), version.to_owned(), plural.to_owned());
    Ok(ApiResource {
        group,
        version,
        api_version,
        kind: kind.to_owned(),
        plural,
    })
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Starts a cluster of the tests' own; `number` tells those that run side by side apart.
    pub async fn start(tools: &Tools, number: u8, folder: &Path) -> Result<Self> {
        let control_plane =
            ControlPlane::start(tools, folder, netns::address(number, 1), Purpose::Objects).await?;
        Self::of(tools, control_plane, folder).await
    }

    /// The cluster of a control plane of the tests' own.
    pub async fn of(tools: &Tools, control_plane: ControlPlane, folder: &Path) -> Result<Self> {
        let kubeconfig = control_plane.kubeconfig();
        let mut cluster = Self::existing(tools, &kubeconfig, folder).await?;
        cluster.control_plane = Some(control_plane);
        Ok(cluster)
    }

    /// Uses the cluster of a kubeconfig.
    pub async fn existing(tools: &Tools, kubeconfig: &Path, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let parsed = Kubeconfig::read_from(kubeconfig)?;
        let config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await?;
        Ok(Self {
            kubectl: Kubectl::new(tools, kubeconfig)?,
            client: Client::try_from(config)?,
            folder: folder.to_owned(),
            control_plane: None,
            namespaces: AtomicU32::new(0),
        })
    }

    /// Installs the resource definitions, Weir's namespace and the chart's RBAC.
    pub async fn install(&self) -> Result<()> {
        self.kubectl.apply_path(&repository().join("crds")).await?;
        let wait = [
            "wait",
            "--for=condition=Established",
            "crd",
            "--all",
            "--timeout=60s",
        ];
        self.kubectl.run(&wait).await?.success()?;
        self.discovered().await?;
        // Without the tests' label: it may be there already, and is never deleted.
        self.create_namespace(SYSTEM, &json!({})).await?;
        identity::install(&self.kubectl).await
    }

    /// Waits until all of Weir's kinds are where clients look for them. The server lists a kind a moment after its
    /// definition is established, and a `kubectl` that looks earlier remembers for hours that there is none.
    pub async fn discovered(&self) -> Result<()> {
        let listed = || async {
            let groups = self.discovery().await?;
            let missing = WEIR.iter().find(|plural| !lists(&groups, plural));
            ensure!(missing.is_none(), "{missing:?} is not listed");
            Ok(Some(()))
        };
        eventually("the server to list Weir's kinds", DISCOVERY_LIMIT, listed).await
    }

    /// All groups, versions and resources in one document, as clients of today ask for them.
    async fn discovery(&self) -> Result<Value> {
        let accepted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let request = Request::get("/apis").header(ACCEPT, accepted).body(Vec::new())?;
        Ok(self.client.request(request).await?)
    }

    /// What the server answers at a path, as an administrator.
    pub async fn raw(&self, path: &str) -> Result<Value> {
        let request = Request::get(path).body(Vec::new())?;
        Ok(self.client.request(request).await?)
    }

    /// A new namespace with a name of its own, beginning with `prefix`.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{}-{number}", netns::run());
        self.create_namespace(&name, &json!({ TEST_LABEL: "true" }))
            .await?;
        Ok(name)
    }

    async fn create_namespace(&self, name: &str, labels: &Value) -> Result<()> {
        let metadata = json!({"name": name, "labels": labels});
        self.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
            .await
            .map(drop)
    }

    /// Applies one object, as server-side apply by an administrator, and gives what the server made of it.
    pub async fn apply(&self, object: &Value) -> Result<DynamicObject> {
        let kind = object["kind"].as_str().context("an object without a kind")?;
        let name = object["metadata"]["name"]
            .as_str()
            .context("an object without a name")?;
        let api = self.api(kind, object["metadata"]["namespace"].as_str())?;
        let parameters = PatchParams::apply(MANAGER).force();
        let applied = api.patch(name, &parameters, &Patch::Apply(object)).await;
        applied.with_context(|| format!("applying {kind} {name}"))
    }

    /// Applies the status of one object.
    pub async fn apply_status(&self, object: &Value) -> Result<DynamicObject> {
        let kind = object["kind"].as_str().context("an object without a kind")?;
        let name = object["metadata"]["name"]
            .as_str()
            .context("an object without a name")?;
        let api = self.api(kind, object["metadata"]["namespace"].as_str())?;
        let applied = api
            .patch_status(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object))
            .await;
        applied.with_context(|| format!("applying the status of {kind} {name}"))
    }

    /// Applies objects one after another.
    pub async fn apply_all(&self, objects: &[Value]) -> Result<()> {
        for object in objects {
            self.apply(object).await?;
        }
        Ok(())
    }

    /// Deletes one object, which may be gone already.
    pub async fn delete(&self, kind: &str, namespace: Option<&str>, name: &str) -> Result<()> {
        match self
            .api(kind, namespace)?
            .delete(name, &DeleteParams::default())
            .await
        {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(drop).with_context(|| format!("deleting {kind} {name}")),
        }
    }

    /// Reads one object.
    pub async fn get(&self, kind: &str, namespace: Option<&str>, name: &str) -> Result<Option<Value>> {
        let found = self.api(kind, namespace)?.get_opt(name).await?;
        found
            .map(|object| serde_json::to_value(object).map_err(Into::into))
            .transpose()
    }

    /// Reads all objects of a kind in a namespace.
    pub async fn list(&self, kind: &str, namespace: &str) -> Result<Vec<Value>> {
        let listed = self
            .api(kind, Some(namespace))?
            .list(&ListParams::default())
            .await?;
        listed
            .items
            .into_iter()
            .map(|object| Ok(serde_json::to_value(object)?))
            .collect()
    }

    /// Waits until a condition of an object has `status`, and gives that condition.
    pub async fn condition(
        &self,
        object: &Value,
        condition: &str,
        status: &str,
        within: Duration,
    ) -> Result<Value> {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = object["metadata"]["namespace"].as_str();
        let probe = || async move {
            let found = self.get(kind, namespace, name).await?.context("no such object")?;
            let seen =
                current_condition(&found, condition).context("no such condition for this generation")?;
            if seen["status"] == status {
                return Ok(Some(seen));
            }
            Err(anyhow!("{seen}"))
        };
        eventually(
            &format!("{kind} {name} to have {condition}={status}"),
            within,
            probe,
        )
        .await
    }

    fn api(&self, kind: &str, namespace: Option<&str>) -> Result<Api<DynamicObject>> {
        let resource = resource(kind)?;
        Ok(match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        })
    }
}

/// Whether a discovery document lists this resource of Weir's group.
fn lists(groups: &Value, plural: &str) -> bool {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let weir = items(&groups["items"])
        .into_iter()
        .filter(|group| group["metadata"]["name"] == "weir.dev");
    weir.flat_map(|group| items(&group["versions"]))
        .flat_map(|version| items(&version["resources"]))
        .any(|resource| resource["resource"] == plural)
}

/// The condition of this type, if it is about the object as it is now.
pub fn current_condition(object: &Value, condition: &str) -> Option<Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|known| known["type"] == condition)?;
    (found["observedGeneration"] == object["metadata"]["generation"]).then(|| found.clone())
}
