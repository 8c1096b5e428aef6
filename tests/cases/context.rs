//! What the cases share: the tools, one common installation, and whose turn it is.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
};

use anyhow::{Context as _, Result, bail};
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use weir_tests::{
    cluster::{Cluster, TEST_LABEL},
    fake_provider::Recording,
    kubectl::Kubectl,
    netns,
    site::{Place, Plan, Site, logs},
    tools::Tools,
};

use crate::Turn;

/// Shared by all cases.
#[derive(Debug)]
pub(crate) struct Context {
    /// What is installed.
    pub(crate) tools: Tools,
    kubeconfig: Option<PathBuf>,
    common: OnceCell<Site>,
    turns: RwLock<()>,
    next_number: AtomicU8,
}

/// Held while a case runs.
#[derive(Debug)]
pub(crate) enum Held<'a> {
    /// With others.
    Together(#[allow(dead_code, reason = "It is held, not read.")] RwLockReadGuard<'a, ()>),
    /// With nobody.
    Alone(#[allow(dead_code, reason = "It is held, not read.")] RwLockWriteGuard<'a, ()>),
}

#[expect(dead_code, reason = "The cases of the operator and of the routers use it.")]
impl Context {
    /// Finds the tools; starts nothing yet.
    pub(crate) fn new(kubeconfig: Option<PathBuf>) -> Result<Self> {
        let tools = Tools::find()?;
        let (common, turns) = (OnceCell::new(), RwLock::new(()));
        Ok(Self {
            tools,
            kubeconfig,
            common,
            turns,
            next_number: AtomicU8::new(1),
        })
    }

    /// Waits for a case's turn.
    pub(crate) async fn turn(&self, turn: Turn) -> Held<'_> {
        match turn {
            Turn::Together => Held::Together(self.turns.read().await),
            Turn::Alone => Held::Alone(self.turns.write().await),
        }
    }

    /// The installation that cases share which only add objects in namespaces of their own.
    pub(crate) async fn common(&self) -> Result<&Site> {
        self.common
            .get_or_try_init(|| async { Site::start(&self.tools, &self.plan("common")?).await })
            .await
    }

    /// An installation for one case, which may break it.
    pub(crate) async fn own(&self, name: &str) -> Result<Site> {
        self.needs_own_control_plane()?;
        Site::start(&self.tools, &self.plan(name)?).await
    }

    /// A cluster for one case, without Weir's processes.
    pub(crate) async fn own_cluster(&self, name: &str) -> Result<Cluster> {
        self.needs_own_control_plane()?;
        Cluster::start(&self.tools, self.number(), &logs().join(name)).await
    }

    /// An address for one case's own server.
    pub(crate) fn address(&self) -> SocketAddr {
        match self.kubeconfig {
            None => (netns::address(self.number(), 20), 8000).into(),
            Some(_) => ([127, 0, 0, 1], 0).into(),
        }
    }

    /// Deletes what the cases made in somebody's cluster.
    pub(crate) async fn clean_up(&self) -> Result<()> {
        let Some(kubeconfig) = &self.kubeconfig else {
            return Ok(());
        };
        let kubectl = Kubectl::new(&self.tools, kubeconfig)?;
        let label = format!("{TEST_LABEL}=true");
        kubectl
            .run(&["delete", "namespace", "-l", &label, "--wait=false"])
            .await?
            .success()
            .map(drop)
    }

    fn plan(&self, name: &str) -> Result<Plan> {
        let place = match self.kubeconfig {
            None => Place::Own(self.number()),
            Some(_) => Place::host()?,
        };
        let (name, kubeconfig) = (name.to_owned(), self.kubeconfig.clone());
        Ok(Plan {
            name,
            place,
            routers: 2,
            kubeconfig,
            recording: Recording::Counts,
        })
    }

    fn number(&self) -> u8 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    fn needs_own_control_plane(&self) -> Result<()> {
        if let Some(kubeconfig) = &self.kubeconfig {
            bail!(
                "needs a control plane of the tests' own, not that of {}",
                kubeconfig.display()
            );
        }
        Ok(())
    }
}

/// Prints a measured figure.
#[expect(dead_code, reason = "The cases of the operator and of the routers use it.")]
pub(crate) fn figure(text: &str) {
    eprintln!("    figure: {text}");
}

/// Fails with what was found, if something was.
pub(crate) fn found<T>(value: Option<T>, what: &str) -> Result<T> {
    value.with_context(|| format!("there is no {what}"))
}
