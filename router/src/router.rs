//! A router from its sockets to its end: bound first, so that a process knows its ports before anything
//! runs; then run until it is told to stop.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::config::Config;
use crate::engine::Engine;
use crate::log;
use crate::serve::{Hub, Workers, serve};
use crate::source::Updates;
use crate::surroundings::Surroundings;
use crate::worker;

/// How long the admin port's connections may take to end after the last request.
const ADMIN_LINGER: Duration = Duration::from_secs(1);

/// How long threads may take to drop what they have, once they are told to end.
const LAST_WORK: Duration = Duration::from_secs(3);

/// A router that has its sockets and serves nothing yet.
#[derive(Debug)]
pub struct Router {
    config: Config,
    data: TcpListener,
    admin: TcpListener,
}

/// Why a router could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address is taken, or is not this machine's.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// Tables would never change again.
    #[error("the thread that takes tables in panicked; restart the router, and report the panic in its log")]
    Tables,
    /// Some connections would never be answered.
    #[error("a thread that serves connections panicked; restart the router, and report the panic in its log")]
    Worker,
    /// The admin port's server failed.
    #[error("the admin port failed: {0}")]
    Admin(io::Error),
}

impl Router {
    /// Opens the sockets of `config`.
    pub async fn bind(config: Config) -> Result<Self, RunError> {
        let data = listen(config.listen).await?;
        let admin = listen(config.admin_listen).await?;
        Ok(Self { config, data, admin })
    }

    /// Where callers connect; the port is a real one even if 0 was asked for.
    pub fn listen_addr(&self) -> SocketAddr {
        self.data.local_addr().unwrap_or(self.config.listen)
    }

    /// Where operators look.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.local_addr().unwrap_or(self.config.admin_listen)
    }

    /// Serves what `updates` report until `shutdown` ends, or tables can't be taken in any more; then drains, and
    /// returns when the last request has been answered or the drain timeout has passed. Dropped before, it cuts off
    /// what runs, and its threads end.
    pub async fn run(self, updates: Updates, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let Self { config, data, admin } = self;
        let count = config.workers.map_or_else(worker::count, NonZeroUsize::get);
        let engine = Engine::start_for(count, &config, Surroundings::System, updates);
        let mut engine = engine.map_err(RunError::Thread)?;
        let hub = engine.hub().clone();
        let (connections, ended) = (TaskTracker::new(), CancellationToken::new());
        let _when_dropped = ended.clone().drop_guard();
        let workers = Workers::start(count, &engine, &ended).map_err(RunError::Thread)?;
        let mut admin = tokio::spawn(admin::serve(
            admin,
            hub.clone(),
            config.admin_token.clone(),
            ended.clone(),
        ));
        let accepting = serve(data, hub.clone(), workers.doors(), connections.clone());
        let accepting = tokio::spawn(ended.clone().run_until_cancelled_owned(accepting));
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            () = engine.broken() => Err(RunError::Tables),
            () = workers.broken() => Err(RunError::Worker),
        };
        drain(&config, &hub, accepting, &connections).await;
        ended.cancel();
        if timeout(LAST_WORK, workers.ended()).await.is_err() {
            tracing::warn!("a thread that serves connections does not end, and is left alone");
        }
        let served = timeout(ADMIN_LINGER, &mut admin).await;
        admin.abort();
        log::flush();
        outcome.and(match served {
            Ok(Ok(served)) => served.map_err(RunError::Admin),
            Ok(Err(error)) => Err(RunError::Admin(io::Error::other(error))),
            Err(_elapsed) => Ok(()),
        })
    }
}

/// Stops being ready, then stops accepting, then waits for what runs.
async fn drain(config: &Config, hub: &Hub, accepting: JoinHandle<Option<()>>, connections: &TaskTracker) {
    tracing::info!(delay = ?config.drain_delay, timeout = ?config.drain_timeout, "draining");
    hub.drain.announce();
    sleep(config.drain_delay).await;
    hub.drain.close();
    connections.close();
    let answered = async {
        // First the one task that begins others: what it has just accepted is waited for, too.
        let _ended = accepting.await;
        connections.wait().await;
    };
    if timeout(config.drain_timeout, answered).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "the drain timeout passed; what still runs is cut off"
        );
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| RunError::Bind { address, error })
}
