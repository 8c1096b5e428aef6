//! containerd: what runs a node's containers, and where their images are.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::process::Command;

use super::{STATE, image};
use crate::{poll::eventually, process::Process, tools::search_path};

/// The namespace in which a kubelet looks for images.
const NAMESPACE: &str = "k8s.io";

const START_LIMIT: Duration = Duration::from_mins(1);

/// A running containerd.
#[derive(Debug)]
pub(super) struct Runtime {
    process: Process,
}

/// Where it listens.
pub(super) fn socket() -> String {
    format!("{STATE}/containerd.sock")
}

impl Runtime {
    /// Starts it, with its log in `logs`, and the one image that every pod begins with.
    pub(super) async fn start(logs: &Path) -> Result<Self> {
        std::fs::create_dir_all(format!("{STATE}/cni"))?;
        std::fs::write(format!("{STATE}/cni/10-bridge.conflist"), network())?;
        let file = format!("{STATE}/containerd.toml");
        std::fs::write(&file, configuration())?;
        let mut command = Command::new("containerd");
        command.args(["--config", &file]).env("PATH", search_path());
        let runtime = Self {
            process: Process::spawn("containerd", command, logs)?,
        };
        let answers = || async {
            runtime.process.check().await?;
            ctr(&["version"]).await.map(Some)
        };
        eventually("containerd to answer", START_LIMIT, answers).await?;
        image::write(Path::new(STATE))
            .await
            .context("building the tests' own image")?;
        runtime.import(&image::archive(Path::new(STATE))).await?;
        Ok(runtime)
    }

    /// Loads the images of an archive, as `docker save` writes it.
    pub(super) async fn import(&self, archive: &Path) -> Result<()> {
        ctr(&["images", "import", &archive.to_string_lossy()])
            .await
            .map(drop)
    }

    /// Gives an image a second name.
    pub(super) async fn tag(&self, image: &str, name: &str) -> Result<()> {
        ctr(&["images", "tag", "--force", image, name]).await.map(drop)
    }
}

async fn ctr(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("ctr");
    command
        .args(["--address", &socket(), "--namespace", NAMESPACE])
        .args(arguments);
    let output = command.kill_on_drop(true).output().await;
    let output = output.context("starting `ctr` (package containerd)")?;
    ensure!(
        output.status.success(),
        "ctr {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Network namespaces are kept with the other state, and no process may be asked to survive where the tests lack the
/// right to say so (`CAP_SYS_RESOURCE`).
fn configuration() -> String {
    format!(
        r#"version = 2
root = "{STATE}/containerd"
state = "{STATE}/containerd-state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{STATE}/cni"
"#,
        socket = socket(),
        sandbox = image::NAME,
    )
}

/// Every pod on the one bridge.
fn network() -> String {
    let addresses = json!({
        "type": "host-local",
        "ranges": [[{"subnet": "10.244.0.0/24"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    });
    let bridge = json!({
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": true,
        "hairpinMode": true,
        "ipam": addresses,
    });
    let ports = json!({"type": "portmap", "capabilities": {"portMappings": true}});
    json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]}).to_string()
}
