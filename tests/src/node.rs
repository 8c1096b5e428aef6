//! A cluster with a node that runs pods, on this machine and in namespaces of its own: control plane, scheduler,
//! containerd, kubelet, kube-proxy, DNS and the API of metrics, each a process.
//!
//! A program that has one calls [`enter`] first, before it starts a thread, and then [`Node::start`]. What it must not
//! do is to know what runs in the pods: that is told by who uses it.
//!
//! The provider that every pod may ask listens on the node itself, in this very process, so that a test can tell it
//! what to answer and see what it was asked. Load comes from the node too, and goes through addresses of Services.

mod caller;
mod cgroup;
mod components;
mod enclosure;
mod image;
mod release;
mod runtime;
mod services;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use tokio::try_join;

use self::runtime::Runtime;
pub use self::{
    caller::{Caller, PodLoad},
    enclosure::enter,
    image::{MACHINE, NAME as IMAGE, WAIT},
    release::{IMAGES, Release, helm_folders},
};
use crate::{
    cluster::Cluster,
    control_plane::{ControlPlane, NODE, Purpose},
    fake_provider::{FakeProvider, Recording},
    poll::eventually,
    process::Process,
    timing::timed,
    tools::Tools,
};

/// The node's address, which is also its API server's.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);

/// The address of the Service that resolves names.
const DNS_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// Where the provider listens that pods may ask.
const PROVIDER_PORT: u16 = 8000;

/// What the parts of a node keep while it runs; memory that goes with its namespaces.
const STATE: &str = "/run/weir-tests";

/// A name that resolves once names do.
const API_SERVER: &str = "kubernetes.default.svc.cluster.local:443";

const READY_LIMIT: Duration = Duration::from_mins(2);

/// A running node; all of it dies with this process.
#[derive(Debug)]
pub struct Node {
    /// The cluster that the node is all of.
    pub cluster: Cluster,
    /// A provider that pods reach at [`FakeProvider::base_url`].
    pub provider: FakeProvider,
    /// The tools it was started with.
    pub tools: Tools,
    runtime: Runtime,
    components: Vec<Process>,
}

impl Node {
    /// Starts all of it, with logs in `folder`, and waits until pods can run and find each other by name.
    pub async fn start(tools: &Tools, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        enclosure::set_up()?;
        let control_plane = ControlPlane::start(tools, folder, ADDRESS, Purpose::Pods);
        let (control_plane, runtime) = try_join!(
            timed("etcd, API server, controllers", control_plane),
            timed("containerd", Runtime::start(folder)),
        )?;
        let components = components::start(tools, &control_plane, folder)?;
        let node = Self {
            cluster: Cluster::of(tools, control_plane, folder).await?,
            provider: FakeProvider::start((ADDRESS, PROVIDER_PORT).into(), Recording::Counts).await?,
            tools: tools.clone(),
            runtime,
            components,
        };
        timed("scheduler, kubelet, kube-proxy, DNS, metrics", node.ready()).await?;
        Ok(node)
    }

    /// Waits until the node can run pods; not any longer once one of its parts has ended.
    async fn ready(&self) -> Result<()> {
        self.cluster.kubectl.apply(&services::list().to_string()).await?;
        let probe = || async {
            for component in &self.components {
                if let Err(ended) = component.check().await {
                    return Ok(Some(Err(ended)));
                }
            }
            let node = format!("node/{NODE}");
            let wait = ["wait", "--for=condition=Ready", "--timeout=1s", &node];
            self.cluster.kubectl.run(&wait).await?.success()?;
            let found = tokio::net::lookup_host(API_SERVER).await?.next();
            Ok(found.map(|_| Ok(())))
        };
        eventually("the node to be ready", READY_LIMIT, probe).await?
    }

    /// The file with which an administrator reaches the cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.cluster.folder.join("admin.kubeconfig")
    }

    /// Loads the images of archives, as `docker save` writes them.
    pub async fn load_images<P: AsRef<Path>>(&self, archives: impl IntoIterator<Item = P>) -> Result<()> {
        for archive in archives {
            self.runtime.import(archive.as_ref()).await?;
        }
        Ok(())
    }

    /// Gives an image that was loaded another name, such as that of the next release.
    pub async fn tag_image(&self, image: &str, name: &str) -> Result<()> {
        self.runtime.tag(image, name).await
    }
}
