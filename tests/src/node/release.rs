//! Weir on a node, by its charts.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::process::Command;

use super::{Node, STATE};
use crate::{
    cluster::TEST_LABEL,
    command::{self, Output},
    fixtures,
    load::{Load, Pace},
    timing::timed,
    tools::{Helm, repository, target},
};

/// The names of Weir's images, without registry and tag.
pub const IMAGES: [&str; 3] = ["weir-operator", "weir-router", "weir"];

/// The release of the definitions, wherever Weir itself is.
const DEFINITIONS: &str = "weir-crds";

/// An installation by the chart `weir`.
#[derive(Clone, Debug)]
pub struct Release {
    /// Which Helm it is installed with.
    pub helm: Helm,
    /// The release's name, with which the names of its objects begin. It has to contain `weir`.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl Node {
    /// Runs Helm as an administrator. Nothing of it stays on the machine.
    pub async fn helm(&self, version: Helm, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(self.tools.helm(version)?);
        command.args(arguments).env("KUBECONFIG", self.kubeconfig());
        for (name, folder) in helm_folders() {
            command.env(name, folder);
        }
        command::run(command, "").await
    }

    /// Makes a namespace that enforces the pod security standard `restricted`.
    pub async fn restricted_namespace(&self, name: &str) -> Result<()> {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted", TEST_LABEL: "true"});
        let metadata = json!({"name": name, "labels": labels});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        self.cluster.apply(&namespace).await.map(drop)
    }

    /// Loads Weir's images, as `cargo xtask images` leaves them, or from the folder `WEIR_IMAGES`.
    pub async fn load_weir(&self) -> Result<()> {
        let folder = std::env::var_os("WEIR_IMAGES").map_or_else(built_images, PathBuf::from);
        self.load_images(IMAGES.map(|name| folder.join(format!("{name}.tar"))))
            .await
            .context("Weir's images: run `cargo xtask images`")
    }
}

/// Where Helm keeps what it remembers.
pub fn helm_folders() -> [(&'static str, String); 3] {
    [
        ("HELM_CACHE_HOME", format!("{STATE}/helm/cache")),
        ("HELM_CONFIG_HOME", format!("{STATE}/helm/config")),
        ("HELM_DATA_HOME", format!("{STATE}/helm/data")),
    ]
}

fn built_images() -> PathBuf {
    let arch = std::env::consts::ARCH
        .replace("x86_64", "amd64")
        .replace("aarch64", "arm64");
    target().join("images").join(arch)
}

fn chart(name: &str) -> String {
    repository().join("charts").join(name).display().to_string()
}

impl Release {
    /// The release `weir` in the namespace `weir-system`.
    pub fn usual(helm: Helm) -> Self {
        let (name, namespace) = (String::from("weir"), String::from("weir-system"));
        Self {
            helm,
            name,
            namespace,
        }
    }

    /// Installs both charts into a namespace that enforces the standard `restricted`, with a provider for every seed
    /// example, and waits until all of it is ready. What another case left is gone by then. `options` go to Helm for
    /// the chart `weir`, such as `--set=a=b`.
    pub async fn install(&self, node: &Node, options: &[&str]) -> Result<()> {
        self.uninstall(node).await?;
        node.restricted_namespace(&self.namespace).await?;
        timed("helm install weir-crds", self.install_definitions(node)).await?;
        let weir = self.install_weir(node, options);
        timed("helm install weir, until all is ready", weir).await?;
        fixtures::add_providers(&node.cluster, &self.namespace, &node.provider).await
    }

    /// Uninstalls both charts and nothing else, and installs them again.
    pub async fn reinstall(&self, node: &Node) -> Result<()> {
        for release in [&self.name, DEFINITIONS] {
            self.helm(node, &["uninstall", release, "--wait", "--timeout=3m"])
                .await?;
        }
        self.install_definitions(node).await?;
        self.install_weir(node, &[]).await
    }

    async fn install_weir(&self, node: &Node, options: &[&str]) -> Result<()> {
        let chart = chart("weir");
        self.call(node, &["install", &self.name, &chart], options).await
    }

    async fn install_definitions(&self, node: &Node) -> Result<()> {
        let chart = chart(DEFINITIONS);
        self.call(node, &["install", DEFINITIONS, &chart], &[]).await
    }

    /// `helm upgrade` to the chart `weir` as it is, and waits until all of it is ready.
    pub async fn upgrade(&self, node: &Node, options: &[&str]) -> Result<()> {
        let chart = chart("weir");
        self.call(node, &["upgrade", &self.name, &chart], options).await
    }

    /// `helm rollback` to the revision before, and waits until all of it is ready.
    pub async fn roll_back(&self, node: &Node) -> Result<()> {
        self.call(node, &["rollback", &self.name], &[]).await
    }

    /// Runs the chart's own tests.
    pub async fn test(&self, node: &Node) -> Result<()> {
        let arguments = ["test", &self.name, "--timeout=3m"];
        self.helm(node, &arguments).await
    }

    /// Uninstalls Weir and its definitions, with all that they define, as far as there is any of it.
    pub async fn uninstall(&self, node: &Node) -> Result<()> {
        for release in [&self.name, DEFINITIONS] {
            let uninstall = [
                "uninstall",
                release,
                "--ignore-not-found",
                "--wait",
                "--timeout=3m",
            ];
            let what = format!("helm uninstall {release}");
            timed(&what, self.helm(node, &uninstall)).await?;
        }
        // A namespace that has to go while pods still drain looks at them again after half of their grace period.
        let pods = ["pods", "--all", "--namespace", &self.namespace];
        let definitions = ["crd", "--selector=app.kubernetes.io/part-of=weir"];
        let namespace = ["namespace", &self.namespace];
        for gone in [&pods[..], &definitions, &namespace] {
            let delete = [&["delete", "--wait", "--ignore-not-found"], gone].concat();
            let what = format!("kubectl delete {}", gone.join(" "));
            let deleted = async { node.cluster.kubectl.run(&delete).await?.success() };
            timed(&what, deleted).await?;
        }
        Ok(())
    }

    /// The name of one of its parts' objects, such as `weir-router`.
    pub fn part(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// Where pods reach its routers, and so does the node: the Service's full name and port.
    pub async fn base_url(&self, node: &Node) -> Result<String> {
        let port = self.address(node).await?.port();
        Ok(format!(
            "http://{}.{}.svc.cluster.local:{port}/v1",
            self.part("router"),
            self.namespace
        ))
    }

    /// The address of the routers' Service, which this process reaches, too.
    pub async fn address(&self, node: &Node) -> Result<SocketAddr> {
        let name = self.part("router");
        let service = node.cluster.get("Service", Some(&self.namespace), &name).await?;
        let service = service.with_context(|| format!("no Service {name}"))?;
        let address = service["spec"]["clusterIP"]
            .as_str()
            .context("a Service without an address")?;
        let port = service["spec"]["ports"][0]["port"]
            .as_u64()
            .context("a Service without a port")?;
        Ok(SocketAddr::new(address.parse()?, u16::try_from(port)?))
    }

    /// Plain and streamed chats in turn through the routers' Service, by the holder of `key`.
    pub async fn load(&self, node: &Node, key: &str, model: &str, pace: Pace) -> Result<Load> {
        let load = Load::chats(vec![self.address(node).await?], model, pace);
        Ok(Load {
            bearer: Some(key.to_owned()),
            ..load
        })
    }

    /// Calls Helm, and waits; if that fails, the error says what the pods are about.
    async fn call(&self, node: &Node, arguments: &[&str], options: &[&str]) -> Result<()> {
        let wait = ["--wait", "--timeout=5m"];
        let Err(error) = self.helm(node, &[arguments, &wait, options].concat()).await else {
            return Ok(());
        };
        Err(error.context(self.what_pods_say(node).await?))
    }

    async fn what_pods_say(&self, node: &Node) -> Result<String> {
        let mut told = String::new();
        let logs = format!("--selector=app.kubernetes.io/instance={}", self.name);
        let questions = [
            &["get", "pods", "--output=wide"][..],
            &["get", "events", "--field-selector=type=Warning"],
            &["logs", &logs, "--prefix", "--tail=10", "--ignore-errors"],
        ];
        for question in questions {
            let arguments = [question, &["--namespace", &self.namespace]].concat();
            let output = node.cluster.kubectl.run(&arguments).await?;
            told.extend([output.stdout, output.stderr]);
        }
        Ok(told)
    }

    async fn helm(&self, node: &Node, arguments: &[&str]) -> Result<()> {
        let namespace = ["--namespace", &self.namespace];
        let output = node
            .helm(self.helm, &[arguments, &namespace[..]].concat())
            .await?;
        output.success().map(drop)
    }
}
