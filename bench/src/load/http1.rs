//! A connection of the load generator's that speaks HTTP/1.1, with one request at a time.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::tally::{Answering, Tally};
use crate::http::{Message, Piece};
use crate::scenario::Scenario;

/// Room for a whole answer.
const READ_BYTES: usize = 32 * 1024;

/// A connection to what is measured.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    message: Message,
    answering: Answering,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr, scenario: Scenario) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; READ_BYTES],
            message: Message::default(),
            answering: Answering::new(scenario),
        })
    }

    /// Asks, and reads the answer to its end. Its time counts from `begun`.
    pub(super) async fn ask(&mut self, request: &[u8], begun: Instant, tally: &Tally) -> Result<()> {
        self.stream.write_all(request).await?;
        loop {
            let count = self.stream.read(&mut self.buffer).await?;
            ensure!(count > 0, "the connection ended inside an answer");
            if self.take_in(count, begun, tally)? {
                return self.answering.end(begun, tally);
            }
        }
    }

    /// Takes what was read in, and says whether the answer has ended.
    fn take_in(&mut self, count: usize, begun: Instant, tally: &Tally) -> Result<bool> {
        let mut read = &self.buffer[..count];
        while let Some(piece) = self.message.next(&mut read)? {
            match piece {
                Piece::Head => {
                    let status = self.message.status();
                    ensure!(
                        status == Some(200),
                        "status {status:?}: {}",
                        String::from_utf8_lossy(read)
                    );
                }
                Piece::Body(bytes) => self.answering.body(bytes, begun, tally),
                Piece::End => return Ok(true),
            }
        }
        Ok(false)
    }
}
