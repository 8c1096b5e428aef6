//! The processes that make a control plane a cluster with a node: scheduler, kubelet, kube-proxy, DNS, and the server
//! of metrics.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{ADDRESS, DNS_ADDRESS, STATE, enclosure, runtime};
use crate::{
    control_plane::{ControlPlane, NODE},
    process::Process,
    tools::{Tools, search_path},
};

/// Where the server of metrics listens.
pub(super) const METRICS_PORT: u16 = 4443;

/// Starts all of them, with their logs in `logs`.
pub(super) fn start(tools: &Tools, control_plane: &ControlPlane, logs: &Path) -> Result<Vec<Process>> {
    let admin = control_plane.kubeconfig();
    let commands = [
        ("kube-scheduler", scheduler(tools, &admin)?),
        ("kubelet", kubelet(tools, &control_plane.node_kubeconfig())?),
        ("kube-proxy", proxy(tools, &admin)?),
        ("coredns", dns(tools, &admin)?),
        ("metrics-server", metrics_server(tools, &admin)?),
    ];
    commands
        .into_iter()
        .map(|(name, mut command)| {
            command.env("PATH", search_path());
            Process::spawn(name, command, logs)
        })
        .collect()
}

fn scheduler(tools: &Tools, kubeconfig: &Path) -> Result<Command> {
    let mut command = Command::new(tools.kubernetes("kube-scheduler")?);
    command.arg("--kubeconfig").arg(kubeconfig);
    command.args(["--leader-elect=false", "--secure-port=0"]);
    Ok(command)
}

fn kubelet(tools: &Tools, kubeconfig: &Path) -> Result<Command> {
    let configuration = format!("{STATE}/kubelet.json");
    std::fs::write(&configuration, kubelet_configuration().to_string())?;
    let mut command = Command::new(tools.kubernetes("kubelet")?);
    command.arg("--kubeconfig").arg(kubeconfig);
    command.args([
        format!("--config={configuration}"),
        format!("--hostname-override={NODE}"),
        format!("--node-ip={ADDRESS}"),
        format!("--root-dir={STATE}/kubelet"),
        format!("--cert-dir={STATE}/kubelet-certificates"),
    ]);
    Ok(command)
}

/// A disk that is nearly full is not the tests' to mend: nothing is evicted for it. Mounted Secrets are looked at more
/// often than by default, so that a test need not wait for a minute.
fn kubelet_configuration() -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS.to_string(),
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", enclosure::cgroup_name()),
        "clusterDNS": [DNS_ADDRESS.to_string()],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": format!("unix://{}", runtime::socket()),
        "enforceNodeAllocatable": [],
        "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "memory.available": "10Mi"},
        "failCgroupV1": false,
        "failSwapOn": false,
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": format!("{STATE}/pod-logs"),
        "resolvConf": enclosure::RESOLV_CONF,
        "syncFrequency": "5s",
        "volumePluginDir": format!("{STATE}/volume-plugins"),
    })
}

/// The limits of connection tracking are the whole machine's, so that it must not set any. Pods share a bridge: unless
/// answers are sent to the node, they go past what has to change their addresses back, on machines without
/// `br_netfilter`.
fn proxy(tools: &Tools, kubeconfig: &Path) -> Result<Command> {
    let mut command = Command::new(tools.kubernetes("kube-proxy")?);
    command.arg("--kubeconfig").arg(kubeconfig);
    command.args([
        &format!("--hostname-override={NODE}"),
        "--proxy-mode=nftables",
        "--masquerade-all",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]);
    Ok(command)
}

fn dns(tools: &Tools, kubeconfig: &Path) -> Result<Command> {
    let configuration = format!("{STATE}/Corefile");
    let kubeconfig = kubeconfig.display();
    let text =
        format!(".:53 {{\n  errors\n  kubernetes cluster.local {{\n    kubeconfig {kubeconfig}\n  }}\n}}\n");
    std::fs::write(&configuration, text)?;
    let mut command = Command::new(tools.coredns()?);
    command.args(["-conf", &configuration]);
    Ok(command)
}

fn metrics_server(tools: &Tools, kubeconfig: &Path) -> Result<Command> {
    let mut command = Command::new(tools.metrics_server()?);
    let kubeconfig = kubeconfig.display();
    command.args([
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        format!("--cert-dir={STATE}/metrics-certificates"),
        format!("--secure-port={METRICS_PORT}"),
    ]);
    command.args([
        "--kubelet-insecure-tls",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=10s",
        "--kubelet-request-timeout=5s",
    ]);
    Ok(command)
}
