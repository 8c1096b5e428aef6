//! A Kubernetes control plane of three processes: etcd, the API server, and as many controllers as its purpose needs.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{client::Client, kubectl::Kubectl, process::Process, tools::Tools};

/// Where the API server listens.
const API_PORT: u16 = 6443;
const ETCD_PORT: u16 = 2379;
const ETCD_PEER_PORT: u16 = 2380;

/// How long a server may take to be ready, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(90);

/// Only writes are recorded, by user. Bodies are those of statuses and of the routers' places alone: the judge
/// judges by them.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  verbs: [get, list, watch]
- level: RequestResponse
  verbs: [create, patch, update]
  resources:
  - group: weir.dev
    resources: ['*/status']
  - group: discovery.k8s.io
    resources: [endpointslices]
- level: Metadata
";

/// The bearer token of `system:masters`, in a file that only this control plane reads.
const ADMIN_TOKEN: &str = "administrator-of-the-tests";

/// The bearer token of the one node there may be.
const NODE_TOKEN: &str = "node-of-the-tests";

/// The name of that node.
pub const NODE: &str = "node-1";

/// What a control plane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Keeping objects: of all controllers, only those without which a deleted namespace would never go.
    Objects,
    /// Running pods on a node: all controllers, and APIs that other servers serve, such as that of metrics.
    Pods,
}

/// All but those that serve clouds; autoscaling decides more often than it would, so that a test need not wait.
const ALL_CONTROLLERS: [&str; 4] = [
    "--controllers=*,-nodeipam,-cloud-node-lifecycle,-service-lb-controller",
    "--horizontal-pod-autoscaler-sync-period=5s",
    "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
    "--horizontal-pod-autoscaler-cpu-initialization-period=15s",
];

/// A running control plane; all of it dies when dropped.
#[derive(Debug)]
pub struct ControlPlane {
    tools: Tools,
    directory: PathBuf,
    address: Ipv4Addr,
    purpose: Purpose,
    api_server: Process,
    _etcd: Process,
    _controllers: Process,
}

impl ControlPlane {
    /// Starts all three at `address`, with their state, certificates and logs in `directory`.
    pub async fn start(tools: &Tools, directory: &Path, address: Ipv4Addr, purpose: Purpose) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        write_inputs(directory, address).await?;
        let etcd = start_etcd(tools, directory, address)?;
        let api_server = Process::spawn(
            "kube-apiserver",
            api_server(tools, directory, address, purpose)?,
            directory,
        )?;
        ready(tools, &admin_kubeconfig(directory), &api_server).await?;
        let controllers = start_controllers(tools, directory, purpose)?;
        let directory = directory.to_owned();
        Ok(Self {
            tools: tools.clone(),
            directory,
            address,
            purpose,
            api_server,
            _etcd: etcd,
            _controllers: controllers,
        })
    }

    /// The file with which an administrator reaches it.
    pub fn kubeconfig(&self) -> PathBuf {
        admin_kubeconfig(&self.directory)
    }

    /// The file with which the kubelet of [`NODE`] reaches it.
    pub fn node_kubeconfig(&self) -> PathBuf {
        node_kubeconfig(&self.directory)
    }

    /// The API server's record of every write.
    pub fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// Ends the API server (-9); etcd keeps what it stored.
    pub async fn stop_api_server(&self) -> Result<()> {
        self.api_server.kill().await
    }

    /// Where the API server listens.
    pub fn api_address(&self) -> SocketAddr {
        (self.address, API_PORT).into()
    }

    /// Forgets every version of an object but the present ones: a watch can't begin at an earlier one any more.
    pub async fn compact(&self) -> Result<()> {
        let (etcd, client) = ((self.address, ETCD_PORT).into(), Client::default());
        let status = client.post(etcd, "/v3/maintenance/status", "{}").await?.json()?;
        let revision = &status["header"]["revision"];
        let body = serde_json::json!({"revision": revision, "physical": true}).to_string();
        let answer = client.post(etcd, "/v3/kv/compaction", body).await?;
        ensure!(answer.status.is_success(), "compacting: {}", answer.text());
        Ok(())
    }

    /// Starts the API server again, and waits until it is ready.
    pub async fn start_api_server(&self) -> Result<()> {
        let command = api_server(&self.tools, &self.directory, self.address, self.purpose)?;
        self.api_server.restart(command).await?;
        ready(&self.tools, &self.kubeconfig(), &self.api_server).await
    }
}

fn admin_kubeconfig(directory: &Path) -> PathBuf {
    directory.join("admin.kubeconfig")
}

fn node_kubeconfig(directory: &Path) -> PathBuf {
    directory.join("node.kubeconfig")
}

async fn write_inputs(directory: &Path, address: Ipv4Addr) -> Result<()> {
    std::fs::write(directory.join("audit-policy.yaml"), AUDIT_POLICY)?;
    std::fs::write(
        directory.join("tokens.csv"),
        format!(
            "{ADMIN_TOKEN},admin,admin,system:masters\n{NODE_TOKEN},system:node:{NODE},{NODE},system:nodes\n"
        ),
    )?;
    write_keys(directory).await?;
    let server = format!("https://{address}:{API_PORT}");
    let authority = directory.join("certificates/apiserver.crt");
    write_kubeconfig(&admin_kubeconfig(directory), &server, &authority, ADMIN_TOKEN)?;
    write_kubeconfig(&node_kubeconfig(directory), &server, &authority, NODE_TOKEN)
}

/// The key that signs service accounts' tokens, and the certificate by which a server of another API knows the API
/// server that passes requests on to it.
async fn write_keys(directory: &Path) -> Result<()> {
    // In the older of the two formats, the only one from which the public key is read, too.
    let mut key = Command::new("openssl");
    key.args(["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out"])
        .arg(directory.join("service-accounts.key"));
    succeed(key).await?;
    let mut certificate = Command::new("openssl");
    certificate
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args([
            "-subj",
            "/CN=front-proxy",
            "-addext",
            "extendedKeyUsage=clientAuth",
        ])
        .arg("-keyout")
        .arg(directory.join("front-proxy.key"))
        .arg("-out")
        .arg(directory.join("front-proxy.crt"));
    succeed(certificate).await
}

async fn succeed(mut command: Command) -> Result<()> {
    let output = command.output().await.context("starting `openssl`")?;
    ensure!(
        output.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Writes a kubeconfig for one bearer token.
fn write_kubeconfig(path: &Path, server: &str, authority: &Path, token: &str) -> Result<()> {
    let document = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
        "clusters": [{"name": "tests", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "tests", "user": {"token": token}}],
    });
    std::fs::write(path, document.to_string()).with_context(|| format!("writing {}", path.display()))
}

fn start_etcd(tools: &Tools, directory: &Path, address: Ipv4Addr) -> Result<Process> {
    let client = format!("http://{address}:{ETCD_PORT}");
    let peer = format!("http://{address}:{ETCD_PEER_PORT}");
    let mut command = Command::new(tools.etcd()?);
    command.arg("--data-dir").arg(directory.join("etcd")).args([
        "--unsafe-no-fsync",
        "--quota-backend-bytes=4294967296",
        "--log-level=warn",
        &format!("--listen-client-urls={client}"),
        &format!("--advertise-client-urls={client}"),
        &format!("--listen-peer-urls={peer}"),
        &format!("--initial-advertise-peer-urls={peer}"),
        &format!("--initial-cluster=default={peer}"),
    ]);
    Process::spawn("etcd", command, directory)
}

fn api_server(tools: &Tools, directory: &Path, address: Ipv4Addr, purpose: Purpose) -> Result<Command> {
    let mut command = Command::new(tools.kubernetes("kube-apiserver")?);
    let at = |option: &str, file: &str| format!("{option}={}", directory.join(file).display());
    command.args([
        format!("--etcd-servers=http://{address}:{ETCD_PORT}"),
        format!("--bind-address={address}"),
        format!("--advertise-address={address}"),
        format!("--secure-port={API_PORT}"),
        at("--cert-dir", "certificates"),
        at("--token-auth-file", "tokens.csv"),
        at("--service-account-key-file", "service-accounts.key"),
        at("--service-account-signing-key-file", "service-accounts.key"),
        at("--audit-policy-file", "audit-policy.yaml"),
        at("--audit-log-path", "audit.log"),
    ]);
    command.args([
        "--audit-log-maxsize=10000",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=Node,RBAC",
    ]);
    if purpose == Purpose::Pods {
        command.args([
            "--allow-privileged",
            // Nobody resolves the node's name.
            "--kubelet-preferred-address-types=InternalIP",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            &at("--requestheader-client-ca-file", "front-proxy.crt"),
            &at("--proxy-client-cert-file", "front-proxy.crt"),
            &at("--proxy-client-key-file", "front-proxy.key"),
        ]);
    }
    Ok(command)
}

fn start_controllers(tools: &Tools, directory: &Path, purpose: Purpose) -> Result<Process> {
    let mut command = Command::new(tools.kubernetes("kube-controller-manager")?);
    command
        .arg("--kubeconfig")
        .arg(admin_kubeconfig(directory))
        .args(["--leader-elect=false", "--secure-port=0"]);
    match purpose {
        Purpose::Objects => {
            command.arg("--controllers=namespace-controller,garbage-collector-controller");
        }
        Purpose::Pods => {
            command.args(ALL_CONTROLLERS);
            let at = |option: &str, file: &str| format!("{option}={}", directory.join(file).display());
            command.args([
                at("--root-ca-file", "certificates/apiserver.crt"),
                at("--service-account-private-key-file", "service-accounts.key"),
            ]);
        }
    }
    Process::spawn("kube-controller-manager", command, directory)
}

async fn ready(tools: &Tools, kubeconfig: &Path, server: &Process) -> Result<()> {
    let kubectl = Kubectl::new(tools, kubeconfig)?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        server.check().await?;
        let answer = kubectl.run(&["get", "--raw", "/readyz"]).await?;
        if answer.code == 0 {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "the API server is not ready: {}",
            answer.stderr
        );
        sleep(Duration::from_millis(100)).await;
    }
}
