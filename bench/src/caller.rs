//! One caller: a connection on which one request after another is asked, each answered whole or left alone. What it
//! asks and what an answer means is its user's business.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::{Message, Piece};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Small, so that a thousand callers take little of the machine's memory.
const READ_BYTES: usize = 4 * 1024;

/// A connection to what is measured.
#[derive(Debug)]
pub(crate) struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
    message: Message,
    /// Whether some of the present answer is there.
    has_begun: bool,
    answered_by: String,
}

impl Caller {
    /// Connects to `address`.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; READ_BYTES],
            message: Message::default(),
            has_begun: false,
            answered_by: String::new(),
        })
    }

    /// Sends a request, and reads nothing.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.has_begun = false;
        Ok(self.stream.write_all(request).await?)
    }

    /// Asks, and reads the answer to its end.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<()> {
        let asked = async {
            self.send(request).await?;
            self.rest().await
        };
        timeout(PATIENCE, asked)
            .await
            .map_err(|_| anyhow!("no answer within {PATIENCE:?}"))?
    }

    /// Reads the answer to its end, for as long as that takes.
    pub(crate) async fn rest(&mut self) -> Result<()> {
        while !self.read().await? {}
        Ok(())
    }

    /// Reads until the answer's head is there.
    pub(crate) async fn first(&mut self) -> Result<()> {
        let begun = async {
            while !self.has_begun {
                self.read().await?;
            }
            Ok(())
        };
        timeout(PATIENCE, begun)
            .await
            .map_err(|_| anyhow!("no answer within {PATIENCE:?}"))?
    }

    /// The model that gave the last answer, as Weir says.
    pub(crate) fn answered_by(&self) -> &str {
        &self.answered_by
    }

    /// Reads what is there, and says whether the answer has ended with it.
    async fn read(&mut self) -> Result<bool> {
        let count = self.stream.read(&mut self.buffer).await?;
        ensure!(count > 0, "the connection ended inside an answer");
        let mut read = &self.buffer[..count];
        let mut ended = false;
        while let Some(piece) = self.message.next(&mut read)? {
            match piece {
                Piece::Head => {
                    let status = self.message.status();
                    let words = String::from_utf8_lossy(read);
                    ensure!(status == Some(200), "status {status:?}: {words}");
                    let model = self.message.field("x-weir-model").unwrap_or_default();
                    self.answered_by = String::from_utf8_lossy(model).into_owned();
                    self.has_begun = true;
                }
                Piece::Body(_) => {}
                Piece::End => ended = true,
            }
        }
        Ok(ended)
    }
}
