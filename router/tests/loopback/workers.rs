//! A router with several threads that serve connections. Each of a test's connections has one of them for itself,
//! because a new one goes where there are fewest.

use std::fs;
use std::num::NonZeroUsize;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use weir_table::Table;

use crate::rig::{Reply, Rig, parse, until};
use crate::tables::{model, provider, split, table};
use crate::upstream::{Upstream, chat};

const PLAIN: &str = r#"{"model":"policy/talk"}"#;

/// Everything goes to target `name`.
fn talk(upstream: &Upstream, name: &str) -> Table {
    let root = split("talk", vec![("p/a", 1.0, model("p", name))]);
    table(vec![("p", provider(upstream.addr))], vec![root])
}

async fn rig(upstream: &Upstream, workers: usize) -> Rig {
    let table = talk(upstream, "a");
    Rig::configured(table, |config| config.workers = NonZeroUsize::new(workers)).await
}

/// Asks on a connection that stays open.
async fn ask(connection: &mut TcpStream) -> Reply {
    Rig::write(connection, PLAIN).await;
    let mut read = Vec::new();
    while !read.ends_with(b"}") {
        assert!(connection.read_buf(&mut read).await.unwrap() > 0);
    }
    parse(&read)
}

#[tokio::test]
async fn each_worker_keeps_its_own_connections_to_a_provider_and_uses_them_again() {
    let upstream = Upstream::start(vec![chat("hello")]).await;
    let rig = rig(&upstream, 2).await;
    let mut first = TcpStream::connect(rig.addr).await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut first).await.content(), "hello");
    }
    assert_eq!(upstream.connections(), 1);
    let mut second = TcpStream::connect(rig.addr).await.unwrap();
    for _ in 0..3 {
        ask(&mut second).await;
        ask(&mut first).await;
    }
    assert_eq!(upstream.connections(), 2, "one for each worker");
    let mut third = TcpStream::connect(rig.addr).await.unwrap();
    ask(&mut third).await;
    assert_eq!(upstream.connections(), 2, "it has a worker that has one");
}

#[tokio::test]
async fn a_swap_is_seen_on_every_worker() {
    let upstream = Upstream::start(vec![chat("hello")]).await;
    let rig = rig(&upstream, 3).await;
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = TcpStream::connect(rig.addr).await.unwrap();
        ask(&mut connection).await;
        connections.push(connection);
    }
    let digest = |tables: &serde_json::Value| tables["tables"].to_string();
    for name in ["b", "a", "b"] {
        let before = digest(&rig.admin("/api/tables").await.json());
        rig.push(talk(&upstream, name)).await;
        until("the table is in force", || async {
            digest(&rig.admin("/api/tables").await.json()) != before
        })
        .await;
        for connection in &mut connections {
            assert_eq!(ask(connection).await.status, 200);
            let asked = upstream.seen().last().unwrap().json();
            assert_eq!(asked["model"], format!("real-{name}"));
        }
    }
}

/// Whether this process has a thread called `name`.
fn has_thread(name: &str) -> bool {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    // What is listed may have ended by now.
    let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.into_iter().any(|found| found.trim_end() == name)
}

#[tokio::test]
async fn threads_end_with_a_router_that_is_dropped_while_it_runs() {
    let upstream = Upstream::start(vec![chat("hello")]).await;
    // No other test has so many, so that the last of them is this one's.
    let rig = rig(&upstream, 12).await;
    let mut connection = TcpStream::connect(rig.addr).await.unwrap();
    ask(&mut connection).await;
    let (addr, last) = (rig.addr, "weir-worker-11");
    // A thread is called so once it runs.
    until("its threads have begun", || async { has_thread(last) }).await;
    rig.abandon().await;
    until("its threads have ended", || async { !has_thread(last) }).await;
    let _reset = connection.read(&mut [0; 16]).await;
    until("nobody listens", || async {
        TcpStream::connect(addr).await.is_err()
    })
    .await;
}
