//! What the cases share: the tools, one common installation, and whose turn it is.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use anyhow::{Context as _, Result};
use tokio::sync::{Mutex, MutexGuard, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use weir_tests::{
    cluster::{Cluster, TEST_LABEL},
    fake_provider::Recording,
    kubectl::Kubectl,
    netns,
    site::{Callers, Place, Plan, Site, logs},
    tools::Tools,
};

use crate::Turn;

/// Shared by all cases.
#[derive(Debug)]
pub(crate) struct Context {
    /// What is installed.
    pub(crate) tools: Tools,
    kubeconfig: Option<PathBuf>,
    common: OnceCell<Arc<Site>>,
    guarded: OnceCell<Arc<Site>>,
    lonely: OnceCell<Mutex<Site>>,
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

impl Context {
    /// Finds the tools; starts nothing yet.
    pub(crate) fn new(kubeconfig: Option<PathBuf>) -> Result<Self> {
        let tools = Tools::find()?;
        let (common, guarded, lonely) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let turns = RwLock::new(());
        Ok(Self {
            tools,
            kubeconfig,
            common,
            guarded,
            lonely,
            turns,
            next_number: AtomicU8::new(1),
        })
    }

    /// Whether the cases run in a cluster that is not theirs.
    pub(crate) fn is_in_somebodys_cluster(&self) -> bool {
        self.kubeconfig.is_some()
    }

    /// Waits for a case's turn.
    pub(crate) async fn turn(&self, turn: Turn) -> Held<'_> {
        match turn {
            Turn::Together | Turn::Enclosed => Held::Together(self.turns.read().await),
            Turn::Alone => Held::Alone(self.turns.write().await),
        }
    }

    /// The installation that cases share which only add objects in namespaces of their own.
    pub(crate) async fn common(&self) -> Result<Arc<Site>> {
        let start = || async {
            Ok(Arc::new(
                Site::start(&self.tools, &self.plan("common", Recording::Whole)?).await?,
            ))
        };
        self.common.get_or_try_init(start).await.cloned()
    }

    /// The installation that cases share whose routers take nobody without a key.
    pub(crate) async fn guarded(&self) -> Result<Arc<Site>> {
        let start = || async {
            let plan = Plan {
                callers: Callers::Keyed,
                ..self.plan("guarded", Recording::Counts)?
            };
            Ok(Arc::new(Site::start(&self.tools, &plan).await?))
        };
        self.guarded.get_or_try_init(start).await.cloned()
    }

    /// The installation whose operator one case after another stops and starts again.
    pub(crate) async fn lonely(&self) -> Result<MutexGuard<'_, Site>> {
        let start = || async {
            let plan = self.plan("lonely", Recording::Counts)?;
            Ok::<_, anyhow::Error>(Mutex::new(Site::start(&self.tools, &plan).await?))
        };
        Ok(self.lonely.get_or_try_init(start).await?.lock().await)
    }

    /// An installation for one case, which may break it. In somebody's cluster there is room for only one, and cases
    /// take turns with it.
    pub(crate) async fn own(&self, name: &str) -> Result<Arc<Site>> {
        match self.kubeconfig {
            None => Ok(Arc::new(
                Site::start(&self.tools, &self.plan(name, Recording::Counts)?).await?,
            )),
            Some(_) => self.common().await,
        }
    }

    /// A cluster for one case, without Weir's processes.
    pub(crate) async fn own_cluster(&self, name: &str) -> Result<Cluster> {
        let folder = logs().join(name);
        match &self.kubeconfig {
            None => Cluster::start(&self.tools, self.number(), &folder).await,
            Some(kubeconfig) => Cluster::existing(&self.tools, kubeconfig, &folder).await,
        }
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

    fn plan(&self, name: &str, recording: Recording) -> Result<Plan> {
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
            recording,
            callers: Callers::Anybody,
        })
    }

    fn number(&self) -> u8 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }
}

/// Prints a measured figure.
pub(crate) fn figure(text: &str) {
    eprintln!("    figure: {text}");
}

/// Fails with what was found, if something was.
pub(crate) fn found<T>(value: Option<T>, what: &str) -> Result<T> {
    value.with_context(|| format!("there is no {what}"))
}
