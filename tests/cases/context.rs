//! What the cases share: the tools, one common installation, and whose turn it is.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard as SyncGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use weir_tests::{
    cluster::{Cluster, TEST_LABEL},
    fake_provider::Recording,
    judge::Judge,
    kubectl::Kubectl,
    netns,
    site::{Callers, Place, Plan, Reach, Site, logs},
    tools::Tools,
};

use crate::Turn;

/// What one case knows.
#[derive(Debug)]
pub(crate) struct Context {
    /// What is installed.
    pub(crate) tools: Tools,
    shared: Arc<Shared>,
    /// Those who judge the installations that the case has used, when it ends.
    judges: Mutex<Vec<Judge>>,
}

/// Shared by all cases.
#[derive(Debug)]
struct Shared {
    kubeconfig: Option<PathBuf>,
    common: OnceCell<Arc<Site>>,
    guarded: OnceCell<Arc<Site>>,
    lonely: OnceCell<AsyncMutex<Site>>,
    /// The installation that faults share, one after another; none while one of them has it, or has left it broken.
    troubled: AsyncMutex<Option<Arc<Site>>>,
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
        let shared = Shared {
            kubeconfig,
            common: OnceCell::new(),
            guarded: OnceCell::new(),
            lonely: OnceCell::new(),
            troubled: AsyncMutex::default(),
            turns: RwLock::new(()),
            next_number: AtomicU8::new(1),
        };
        Ok(Self {
            tools: Tools::find()?,
            shared: Arc::new(shared),
            judges: Mutex::default(),
        })
    }

    /// The same for one case.
    pub(crate) fn of_one_case(&self) -> Self {
        Self {
            tools: self.tools.clone(),
            shared: Arc::clone(&self.shared),
            judges: Mutex::default(),
        }
    }

    /// Fails if an operator has ever written a status that breaks a rule, in any installation that the case used. Each
    /// has providers, and so statuses: one without any has not been judged.
    pub(crate) async fn judge(&self) -> Result<()> {
        let judges = std::mem::take(&mut *self.judges());
        for judge in judges {
            let log = judge.audit_log.clone();
            let statuses = tokio::task::spawn_blocking(move || judge.judge()).await??;
            ensure!(statuses > 0, "{} has no status of the operator's", log.display());
        }
        Ok(())
    }

    /// Notes that the case uses an installation.
    pub(crate) fn uses(&self, site: &Site) {
        self.judges().extend(site.judge());
    }

    fn judges(&self) -> SyncGuard<'_, Vec<Judge>> {
        self.judges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the cases run in a cluster that is not theirs.
    pub(crate) fn is_in_somebodys_cluster(&self) -> bool {
        self.shared.kubeconfig.is_some()
    }

    /// Waits for a case's turn.
    pub(crate) async fn turn(&self, turn: Turn) -> Held<'_> {
        match turn {
            Turn::Together | Turn::Enclosed => Held::Together(self.shared.turns.read().await),
            Turn::Alone => Held::Alone(self.shared.turns.write().await),
        }
    }

    /// The installation that cases share which only add objects in namespaces of their own.
    pub(crate) async fn common(&self) -> Result<Arc<Site>> {
        let start = || async {
            Ok(Arc::new(
                Site::start(&self.tools, &self.plan("common", Recording::Whole)?).await?,
            ))
        };
        let site: Result<_> = self.shared.common.get_or_try_init(start).await.cloned();
        site.inspect(|site| self.uses(site))
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
        let site: Result<_> = self.shared.guarded.get_or_try_init(start).await.cloned();
        site.inspect(|site| self.uses(site))
    }

    /// The installation whose operator one case after another stops and starts again.
    pub(crate) async fn lonely(&self) -> Result<MutexGuard<'_, Site>> {
        let start = || async {
            let plan = self.plan("lonely", Recording::Counts)?;
            Ok::<_, anyhow::Error>(AsyncMutex::new(Site::start(&self.tools, &plan).await?))
        };
        let site = self.shared.lonely.get_or_try_init(start).await?.lock().await;
        self.uses(&site);
        Ok(site)
    }

    /// An installation for one case, which may break it. In somebody's cluster there is room for only one, and cases
    /// take turns with it.
    pub(crate) async fn own(&self, name: &str) -> Result<Arc<Site>> {
        match self.shared.kubeconfig {
            None => self.start(&self.plan(name, Recording::Counts)?).await,
            Some(_) => self.common().await,
        }
    }

    async fn start(&self, plan: &Plan) -> Result<Arc<Site>> {
        let site = Arc::new(Site::start(&self.tools, plan).await?);
        self.uses(&site);
        Ok(site)
    }

    /// The installation that faults share, for as long as one of them has it. It is to be taken out, and put back
    /// once it is whole again: whoever finds none starts another.
    pub(crate) async fn troubled(&self) -> MutexGuard<'_, Option<Arc<Site>>> {
        self.shared.troubled.lock().await
    }

    /// An installation whose processes reach the API server by ways that break on command.
    pub(crate) async fn start_troubled(&self) -> Result<Arc<Site>> {
        let plan = self.plan("troubled", Recording::Counts)?;
        let name = format!("{}-{}", plan.name, self.number());
        self.start(&Plan {
            name,
            reach: Reach::Detours,
            ..plan
        })
        .await
    }

    /// A cluster for one case, without Weir's processes.
    pub(crate) async fn own_cluster(&self, name: &str) -> Result<Cluster> {
        let folder = logs().join(name);
        match &self.shared.kubeconfig {
            None => Cluster::start(&self.tools, self.number(), &folder).await,
            Some(kubeconfig) => Cluster::existing(&self.tools, kubeconfig, &folder).await,
        }
    }

    /// An address for one case's own server.
    pub(crate) fn address(&self) -> SocketAddr {
        match self.shared.kubeconfig {
            None => (netns::address(self.number(), 20), 8000).into(),
            Some(_) => ([127, 0, 0, 1], 0).into(),
        }
    }

    /// Deletes what the cases made in somebody's cluster.
    pub(crate) async fn clean_up(&self) -> Result<()> {
        let Some(kubeconfig) = &self.shared.kubeconfig else {
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
        let place = match self.shared.kubeconfig {
            None => Place::Own(self.number()),
            Some(_) => Place::host()?,
        };
        let (name, kubeconfig) = (name.to_owned(), self.shared.kubeconfig.clone());
        Ok(Plan {
            name,
            place,
            routers: 2,
            kubeconfig,
            recording,
            callers: Callers::Anybody,
            reach: Reach::Direct,
        })
    }

    fn number(&self) -> u8 {
        self.shared.next_number.fetch_add(1, Ordering::Relaxed)
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
