//! Connections of the load generator's that speak HTTP/2 in clear text, with several requests on each.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::Request;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::tally::{Answering, Tally};
use crate::scenario::Scenario;

/// How many requests share a connection.
const TOGETHER: u32 = 8;

/// So much of an answer may be on its way: more than any has, so that windows hold nothing up.
const WINDOW: u32 = 1024 * 1024;

/// A place for one request at a time on a connection.
#[derive(Debug)]
pub(super) struct Lane {
    sender: SendRequest<Bytes>,
    answering: Answering,
}

/// Places for `count` requests.
pub(super) async fn open(address: SocketAddr, scenario: Scenario, count: u32) -> Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for _connection in 0..count.div_ceil(TOGETHER) {
        let sender = connect(address).await?;
        lanes.extend((0..TOGETHER).map(|_lane| Lane {
            sender: sender.clone(),
            answering: Answering::new(scenario),
        }));
    }
    Ok(lanes)
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * TOGETHER)
        .handshake(stream)
        .await?;
    // A connection that breaks is seen by whoever waits for an answer on it.
    spawn_local(async move { drop(connection.await) });
    Ok(sender)
}

impl Lane {
    /// Asks, and reads the answer to its end. Its time counts from `begun`.
    pub(super) async fn ask(
        &mut self,
        head: &Request<()>,
        body: &Bytes,
        begun: Instant,
        tally: &Tally,
    ) -> Result<()> {
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut out) = sender.send_request(head.clone(), false)?;
        out.send_data(body.clone(), true)?;
        let answer = answer.await?;
        ensure!(answer.status() == 200, "status {}", answer.status());
        let mut body = answer.into_body();
        while let Some(bytes) = body.data().await {
            let bytes = bytes?;
            body.flow_control().release_capacity(bytes.len())?;
            self.answering.body(&bytes, begun, tally);
        }
        self.answering.end(begun, tally)
    }
}
