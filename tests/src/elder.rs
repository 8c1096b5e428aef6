//! The admin port of a router of the release before: it says what a router of today says, but that it reads no format
//! of tables but the oldest. Only that the operator looks at it can be seen with it, not what such a router would do.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::client::Client;

/// It ends when dropped.
#[derive(Debug)]
pub struct Elder {
    serving: JoinHandle<()>,
}

impl Elder {
    /// Listens at `address`, and says what the router at the admin port `today` says to `token`.
    pub async fn start(address: SocketAddr, today: SocketAddr, token: &str) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening at {address}"))?;
        let (client, token) = (Client::default(), token.to_owned());
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // Who asked notices a connection that ends early.
                answer(socket, &client, today, &token).await.ok();
            }
        });
        Ok(Self { serving })
    }
}

impl Drop for Elder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers one request, and closes the connection.
async fn answer(mut socket: TcpStream, client: &Client, today: SocketAddr, token: &str) -> Result<()> {
    let path = path(&mut socket).await?;
    let mut document = client.get(today, &path, Some(token)).await?.json()?;
    document["formats"] = Value::from(vec![1]);
    let body = document.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    Ok(socket.shutdown().await?)
}

/// The path of a request without a body.
async fn path(socket: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).context("a request without a path")?;
    Ok(path.to_owned())
}
