//! One thread for each processor, with a runtime of its own. A connection belongs to one of them from its first byte
//! to its last, and so do the connections to providers that its requests use: what a request waits for wakes the very
//! thread that it runs on, and no other. Accepting, the admin port, tables and their sources are other threads' work.
//!
//! All requests of one connection run on one processor, also the many that HTTP/2 has on one: whoever sends more than
//! a processor serves needs several connections, and gets them spread.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Hub;
use super::listener::accepted_connection;
use crate::engine::Engine;
use crate::worker;

/// How long the end waits for work that can't be cut off, such as looking up a name.
const LINGER: Duration = Duration::from_secs(1);

/// The threads that serve connections.
#[derive(Debug)]
pub(crate) struct Workers {
    doors: Vec<Door>,
    /// Closed when all have ended.
    alive: mpsc::Receiver<Infallible>,
    /// Cancelled when one has.
    died: CancellationToken,
}

/// Where connections are handed to one worker.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    inside: mpsc::UnboundedSender<Accepted>,
    /// Held once by each copy of this door, and once by each connection of the worker.
    load: Arc<()>,
}

/// A connection on its way to its worker. Whoever waits for connections waits for it from here on.
#[derive(Debug)]
struct Accepted {
    stream: net::TcpStream,
    tracked: TaskTrackerToken,
    load: Arc<()>,
}

impl Workers {
    /// Starts `count` of them, which serve what `engine` has. They end, and with them what still runs on them, when
    /// `over` is cancelled.
    pub(crate) fn start(count: usize, engine: &Engine, over: &CancellationToken) -> io::Result<Self> {
        let (lives, alive) = mpsc::channel(1);
        let mut workers = Self {
            doors: Vec::new(),
            alive,
            died: CancellationToken::new(),
        };
        for number in 0..count {
            let (inside, accepted) = mpsc::unbounded_channel();
            let (lives, died) = (lives.clone(), workers.died.clone().drop_guard());
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (over, sweep) = (over.clone(), engine.sweep());
            let serve = serve(accepted, engine.hub().clone());
            let run = move || {
                worker::be(number);
                run(runtime, async move {
                    tokio::select! {
                        () = serve => {}
                        () = sweep => {}
                        () = over.cancelled() => {}
                    }
                });
                drop((died, lives));
            };
            let thread = thread::Builder::new().name(format!("weir-worker-{number}"));
            thread.spawn(run)?;
            let load = Arc::default();
            workers.doors.push(Door { inside, load });
        }
        Ok(workers)
    }

    /// Where connections are to be handed in.
    pub(crate) fn doors(&self) -> Vec<Door> {
        self.doors.clone()
    }

    /// Ends when one of them has: before the router's end, because it panicked.
    pub(crate) async fn broken(&self) {
        self.died.cancelled().await;
    }

    /// Ends when all of them have, and nothing of what ran on them is left.
    pub(crate) async fn ended(mut self) {
        // Nothing is ever sent.
        let _closed = self.alive.recv().await;
    }
}

/// Runs `work` to its end, and then cuts off what it has begun: requests are counted and logged as they go.
fn run(runtime: Runtime, work: impl Future<Output = ()>) {
    runtime.block_on(work);
    runtime.shutdown_timeout(LINGER);
}

/// Hands `stream` to the worker that has the fewest connections.
pub(super) fn hand_over(doors: &[Door], stream: TcpStream, tracked: TaskTrackerToken) {
    let open = doors.iter().filter(|door| !door.inside.is_closed());
    let Some(door) = open.min_by_key(|door| Arc::strong_count(&door.load)) else {
        return;
    };
    match stream.into_std() {
        Ok(stream) => {
            let load = door.load.clone();
            // Fails where the worker has ended, and the router is about to.
            drop(door.inside.send(Accepted {
                stream,
                tracked,
                load,
            }));
        }
        Err(error) => not_taken(&error),
    }
}

/// It is closed, as its peer will see.
fn not_taken(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be handed to a thread that serves it");
}

/// Serves what is handed in, for ever.
async fn serve(mut accepted: mpsc::UnboundedReceiver<Accepted>, hub: Arc<Hub>) {
    while let Some(Accepted {
        stream,
        tracked,
        load,
    }) = accepted.recv().await
    {
        let hub = hub.clone();
        tokio::spawn(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => accepted_connection(stream, hub).await,
                Err(error) => not_taken(&error),
            }
            drop((tracked, load));
        });
    }
    // Nobody accepts any more; what was accepted goes on.
    pending::<()>().await;
}

#[cfg(test)]
mod tests;
