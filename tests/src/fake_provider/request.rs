//! Reading one HTTP/1.1 request from a socket. Bodies have a length here; clients that send chunks are refused.

use anyhow::{Context, Result, bail};
use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;
use tokio::{io::AsyncReadExt, net::TcpStream};

/// The largest head that is read.
const MAX_HEAD: usize = 64 * 1024;

/// A request, split into the parts that matter here.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// What an answer depends on in a request's body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) stream_options: StreamOptions,
}

/// The API's `stream_options`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamOptions {
    pub(super) include_usage: bool,
}

impl Request {
    /// Reads the next request; nothing when the client has closed the connection.
    pub(super) async fn read(socket: &mut TcpStream, buffer: &mut BytesMut) -> Result<Option<Self>> {
        let Some(end) = read_head(socket, buffer).await? else {
            return Ok(None);
        };
        let head = buffer.split_to(end);
        buffer.advance(4);
        let mut request = parse(std::str::from_utf8(&head).context("a head that is not UTF-8")?)?;
        let length = request
            .header("content-length")
            .map_or(Ok(0), str::parse)
            .context("content-length")?;
        while buffer.len() < length {
            if socket.read_buf(buffer).await? == 0 {
                bail!("the client ended in the middle of a body");
            }
        }
        request.body = buffer.split_to(length).freeze();
        Ok(Some(request))
    }

    /// The first header of this name (lower case).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as far as answers depend on it; what is no JSON asks for nothing.
    pub(super) fn asked(&self) -> Asked {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The provider to play, and the path as that provider sees it.
    pub(super) fn provider_and_path(&self) -> (&str, &str) {
        let path = self.target.trim_start_matches('/');
        path.find('/').map_or((path, ""), |slash| path.split_at(slash))
    }
}

/// Reads until the empty line, and says where the head ends.
async fn read_head(socket: &mut TcpStream, buffer: &mut BytesMut) -> Result<Option<usize>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(Some(end));
        }
        if buffer.len() > MAX_HEAD {
            bail!("a head of more than {MAX_HEAD} bytes");
        }
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(head: &str) -> Result<Request> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first
        .next()
        .context("a request line without a target")?
        .to_owned();
    let split = |line: &str| {
        line.split_once(':')
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
    };
    let headers = lines
        .map(|line| split(line).context("a header without a colon"))
        .collect::<Result<Vec<_>>>()?;
    let request = Request {
        method,
        target,
        headers,
        body: Bytes::new(),
    };
    if request.header("transfer-encoding").is_some() {
        bail!("a request body without a length");
    }
    Ok(request)
}
