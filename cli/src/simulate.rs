//! `weir simulate`: a provider that is none, as a server of its own. What it answers is the demo's too.

mod answer;
mod provider;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;
use weir_router::log;

use self::provider::routes;
use crate::args::Simulate;
use crate::error::{Error, Outcome};
use crate::process;

/// How long what runs may take when the process is told to end; the longest answer takes about a second.
const DRAIN: Duration = Duration::from_secs(10);

/// Answers like a provider until the process is told to end.
pub(crate) fn run(args: &Simulate) -> Result<Outcome, Error> {
    log::init(args.log_format);
    process::block_on(simulate(args.listen))?
}

/// Starts the simulated providers on a free port of loopback; they end with the process.
pub(crate) async fn on_loopback() -> Result<SocketAddr, Error> {
    let (listener, address) = bound((Ipv4Addr::LOCALHOST, 0).into()).await?;
    tokio::spawn(async move { axum::serve(listener, routes()).await });
    Ok(address)
}

async fn simulate(listen: SocketAddr) -> Result<Outcome, Error> {
    let (listener, address) = bound(listen).await?;
    tracing::info!(listen = %address, "listening");
    let (ending, ended) = oneshot::channel();
    let told = async move {
        process::told_to_end().await;
        tracing::info!("draining");
        drop(ending);
    };
    let serving = axum::serve(listener, routes()).with_graceful_shutdown(told);
    tokio::select! {
        served = serving => served?,
        () = drained(ended) => tracing::warn!("requests are cut: they did not end in time"),
    }
    Ok(Outcome::Good)
}

/// Ends when no more time is left to what ran when `ended` was closed.
async fn drained(ended: oneshot::Receiver<()>) {
    // Closed is what is waited for; nothing is sent.
    drop(ended.await);
    sleep(DRAIN).await;
}

async fn bound(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |error: std::io::Error| {
        Error::Failed(format!(
            "cannot listen on {address} for the simulated providers: {error}"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
