//! The router without its sockets: it takes tables in, and answers on every connection that it is handed.
//! Listeners, the admin port and the end of it all are its owner's.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::interval;

use crate::access::Rules;
use crate::config::Config;
use crate::forward::Pools;
use crate::health::Healths;
use crate::observe::Metrics;
use crate::places::Places;
use crate::serve::{Drain, Hub, Origins, Room, serve_connection};
use crate::source::Updates;
use crate::state::{Assembler, Registries, Tables};
use crate::surroundings::{Carrier, Surroundings};

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(10);

/// What serves requests.
#[derive(Debug)]
pub struct Engine {
    hub: Arc<Hub>,
    pools: Arc<Pools>,
    assembling: oneshot::Receiver<()>,
}

impl Engine {
    /// Begins to take in what `updates` report, on a thread of its own, which ends with their source. Of
    /// `config`, what is about addresses, threads and the end is for others.
    pub fn start(config: &Config, surroundings: Surroundings, updates: Updates) -> io::Result<Self> {
        Self::start_for(1, config, surroundings, updates)
    }

    /// The same for so many workers, each of which has for itself what requests write.
    pub(crate) fn start_for(
        workers: usize,
        config: &Config,
        surroundings: Surroundings,
        updates: Updates,
    ) -> io::Result<Self> {
        let tables = Arc::new(Tables::new(workers));
        let healths = Arc::new(Healths::new(workers));
        let places = Arc::new(Places::new(workers, config.max_in_flight));
        let metrics = Arc::new(Metrics::new(&tables, &healths, &places));
        let pools = Arc::new(Pools::new(surroundings.clone(), workers));
        let registries = Registries {
            pools: pools.clone(),
            healths,
        };
        let clock = surroundings.clone();
        let assembler = Assembler::new(tables.clone(), metrics.clone(), registries, clock);
        let assembling = watched("weir-tables", move || assembler.run(updates))?;
        let hub = Arc::new(Hub {
            tables,
            metrics,
            surroundings,
            drain: Drain::default(),
            rules: Rules {
                admission: config.admission,
                default_namespace: config.default_namespace.clone(),
            },
            max_body_bytes: config.max_body_bytes,
            places,
            room: Room::new(config.max_held_bytes),
            origins: Origins::new(config.cors_origins.clone()),
        });
        Ok(Self {
            hub,
            pools,
            assembling,
        })
    }

    /// Whether every table that there was at the start can be served.
    pub fn is_ready(&self) -> bool {
        self.hub.tables.load().is_ready()
    }

    /// All metrics, in the `OpenMetrics` text format.
    pub fn metrics(&self) -> String {
        self.hub.metrics.encode()
    }

    /// Answers the requests that come on `io`, until it ends.
    pub fn serve_connection(&self, io: impl Carrier) -> impl Future<Output = ()> + Send + 'static {
        serve_connection(io, self.hub.clone())
    }

    /// Closes idle connections to providers whose time is over, for ever: those of the worker that runs it. Nobody
    /// else does.
    pub fn sweep(&self) -> impl Future<Output = ()> + Send + 'static {
        sweep(self.pools.clone())
    }

    /// Ends when tables can't be taken in any more, because the thread that does it panicked.
    pub async fn broken(&mut self) {
        panicked(&mut self.assembling).await;
    }

    /// What requests are served with.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
}

async fn sweep(pools: Arc<Pools>) {
    let mut ticks = interval(SWEEP);
    loop {
        ticks.tick().await;
        pools.sweep().await;
    }
}

/// Runs `work` on a thread called `name`. What comes back is told when it has ended well, and loses its
/// sender when it has panicked.
fn watched(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<oneshot::Receiver<()>> {
    let (ended, watch) = oneshot::channel();
    let work = move || {
        work();
        // Nobody may be left to be told.
        let _gone = ended.send(());
    };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(watch)
}

/// Ends when the watched thread panics, else never.
async fn panicked(watch: &mut oneshot::Receiver<()>) {
    if watch.await.is_ok() {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{panicked, watched};

    #[tokio::test]
    async fn a_thread_that_panics_is_noticed() {
        panicked(&mut watched("t", || panic!("on purpose")).unwrap()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_thread_that_ends_well_is_no_reason_to_stop() {
        let mut watch = watched("t", || ()).unwrap();
        let noticed = timeout(Duration::from_secs(1), panicked(&mut watch)).await;
        assert!(noticed.is_err());
    }
}
