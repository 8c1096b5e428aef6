use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_table::check::check;
use weir_table::{Scope, Table};

use super::{Workers, hand_over};
use crate::config::Config;
use crate::engine::Engine;
use crate::source::pushed::{self, Pusher};
use crate::surroundings::Surroundings;

/// Workers, and a socket through which connections come to them.
struct Rig {
    engine: Engine,
    workers: Workers,
    over: CancellationToken,
    tracker: TaskTracker,
    listener: TcpListener,
    addr: SocketAddr,
    _pusher: Pusher,
}

impl Rig {
    async fn with(count: usize) -> Self {
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let (pusher, updates) = pushed::source();
        let config = Config::new(anywhere, anywhere);
        let engine = Engine::start_for(count, &config, Surroundings::System, updates).unwrap();
        let cluster = check(Table::empty(Scope::Cluster)).unwrap();
        pusher.push(vec![cluster], BTreeMap::new()).await.unwrap();
        until(|| engine.is_ready()).await;
        let over = CancellationToken::new();
        let listener = TcpListener::bind(anywhere).await.unwrap();
        Self {
            workers: Workers::start(count, &engine, &over).unwrap(),
            engine,
            over,
            tracker: TaskTracker::new(),
            addr: listener.local_addr().unwrap(),
            listener,
            _pusher: pusher,
        }
    }

    async fn connect(&self) -> TcpStream {
        let (caller, accepted) = tokio::join!(TcpStream::connect(self.addr), self.listener.accept());
        hand_over(&self.workers.doors, accepted.unwrap().0, self.tracker.token());
        caller.unwrap()
    }

    /// How many connections each worker has.
    fn loads(&self) -> Vec<usize> {
        let doors = self.workers.doors.iter();
        doors.map(|door| Arc::strong_count(&door.load) - 1).collect()
    }
}

async fn until(mut holds: impl FnMut() -> bool) {
    let polled = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), polled)
        .await
        .expect("in time");
}

#[tokio::test]
async fn connections_are_spread_over_workers_and_a_worker_that_lost_some_gets_the_next() {
    let rig = Rig::with(2).await;
    let mut callers = Vec::new();
    for _ in 0..6 {
        callers.push(rig.connect().await);
    }
    assert_eq!(rig.loads(), [3, 3]);
    // The first, third and fifth have the same worker.
    drop((callers.remove(4), callers.remove(2)));
    until(|| rig.loads() == [1, 3]).await;
    callers.push(rig.connect().await);
    assert_eq!(rig.loads(), [2, 3]);
}

#[tokio::test]
async fn what_is_cut_off_at_the_end_is_counted_before_it() {
    let rig = Rig::with(2).await;
    let mut callers = Vec::new();
    for _ in 0..4 {
        let mut caller = rig.connect().await;
        // Its body never comes.
        let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
        caller.write_all(head).await.unwrap();
        callers.push(caller);
    }
    let told = |what: &str| rig.engine.metrics().lines().any(|line| line == what);
    until(|| told("weir_router_in_flight_requests 4")).await;
    rig.over.cancel();
    let Rig {
        workers,
        engine,
        tracker,
        ..
    } = rig;
    workers.ended().await;
    let metrics = engine.metrics();
    let ended = metrics
        .lines()
        .find(|line| line.starts_with("weir_router_requests_total") && line.contains("Cancelled"));
    assert!(ended.is_some_and(|line| line.ends_with(" 4")), "{metrics}");
    assert!(tracker.is_empty(), "nothing of them is left");
}
