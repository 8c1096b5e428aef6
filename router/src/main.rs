//! The `weir-router` binary: wiring, and nothing that could be tested without a process.

use std::error::Error;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use weir_router::args::Args;
use weir_router::{Router, log, process, source};

/// musl's own allocator is slow where threads share it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Beside the threads that serve connections, which the router starts: for the admin port, the API server's word and
/// accepting.
#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    log::init(args.log_format);
    process::forbid_core_dumps();
    let live = source::kubernetes::source(&args.namespace).await?;
    let updates = match args.cache() {
        Some(cache) => source::cached::cached(live, cache)?,
        None => live,
    };
    let router = Router::bind(args.config()?).await?;
    tracing::info!(listen = %router.listen_addr(), admin = %router.admin_addr(), "listening");
    if args.allow_unauthenticated {
        tracing::warn!(
            "--allow-unauthenticated: callers need no key; whoever reaches this address spends what the providers' keys pay for"
        );
    }
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    router.run(updates, shutdown).await?;
    Ok(())
}
