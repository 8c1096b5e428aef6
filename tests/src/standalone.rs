//! Weir without a cluster: `weir serve` on documents that a case writes.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::process::Command;

use crate::{client::Client, poll::eventually, process::Process, tools::Tools};

const SOON: Duration = Duration::from_secs(30);

/// A running `weir serve`.
#[derive(Debug)]
pub struct Standalone {
    /// The process.
    pub process: Process,
    /// Where callers connect.
    pub http: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
}

impl Standalone {
    /// Serves `documents` on loopback, at `port` and the one after it, which nothing else must use; its files are in
    /// `folder`.
    pub async fn start(tools: &Tools, folder: &Path, port: u16, documents: &[Value]) -> Result<Self> {
        let (http, admin) = (([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], port + 1).into());
        std::fs::create_dir_all(folder)?;
        let file = folder.join("weir.yaml");
        let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
        std::fs::write(&file, texts.join("\n---\n"))?;
        let mut command = Command::new(tools.weir("weir")?);
        command.arg("serve").arg("-f").arg(file);
        command.args(["--listen", &format!("{http}"), "--admin", &format!("{admin}")]);
        let process = Process::spawn("weir", command, folder)?;
        let standalone = Self { process, http, admin };
        standalone.ready().await?;
        Ok(standalone)
    }

    async fn ready(&self) -> Result<()> {
        let client = Client::default();
        let is_ready = || async {
            let answer = client.get(self.admin, "/readyz", None).await?;
            Ok(answer.status.is_success().then_some(()))
        };
        eventually("weir to be ready", SOON, is_ready)
            .await
            .with_context(|| self.process.log_tail())
    }
}
