//! How the router's own sockets are set. They are found among all of this process, which the router runs in, by
//! their addresses.

use std::fs;
use std::net::{SocketAddr, TcpStream};

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tokio::io::AsyncReadExt as _;

use crate::rig::Rig;
use crate::tables::{model, provider, split, table};
use crate::upstream::{Upstream, chat};

/// Copies of this process's TCP connections between `local` and `peer`, where those are given.
fn connections(local: Option<SocketAddr>, peer: Option<SocketAddr>) -> Vec<TcpStream> {
    let process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let files = fs::read_dir("/proc/self/fd")
        .unwrap()
        .map(|file| file.unwrap().file_name());
    let numbers = files.map(|name| name.to_str().unwrap().parse().unwrap());
    // What is listed may be closed by now.
    let open = numbers.filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok());
    let is_wanted = |stream: &TcpStream| match (stream.local_addr(), stream.peer_addr()) {
        (Ok(from), Ok(to)) => local.is_none_or(|local| local == from) && peer.is_none_or(|peer| peer == to),
        _ => false,
    };
    open.map(TcpStream::from).filter(is_wanted).collect()
}

/// Nagle's algorithm holds a small piece back until the one before it was acknowledged, which a peer that only reads
/// puts off for 40 ms.
#[tokio::test]
async fn no_socket_waits_for_acknowledgements_before_it_sends() {
    let upstream = Upstream::start(vec![chat("a")]).await;
    let root = split("talk", vec![("openai/a", 1.0, model("openai", "a"))]);
    let rig = Rig::with(table(vec![("openai", provider(upstream.addr))], vec![root])).await;
    let mut caller = rig.open(r#"{"model":"policy/talk"}"#).await;
    let mut answer = [0; 1_024];
    let read = caller.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));

    let accepted = connections(Some(rig.addr), caller.local_addr().ok());
    let opened = connections(None, Some(upstream.addr));
    assert_eq!((accepted.len(), opened.len()), (1, 1));
    for socket in accepted.iter().chain(&opened) {
        assert!(socket.nodelay().unwrap(), "{socket:?}");
    }
}
