//! `weir serve`: the router, fed from files. What is published for a cluster is here compiled in the same
//! process, whenever a file has changed.

mod admission;
mod build;
mod changes;
mod reload;
mod scan;
mod secrets;
mod shelf;
mod watch;

use std::time::Duration;

use tokio::time::sleep;
use weir_router::source::pushed::{Pusher, source};
use weir_router::{Admission, Config, Router, log};

pub(crate) use self::build::{Built, build};
use self::reload::Reloader;
pub(crate) use self::secrets::Secrets;
use crate::args::Serve;
use crate::error::{Error, Outcome};
use crate::process;

/// How often the files are looked at, at most.
const POLL: Duration = Duration::from_millis(50);

/// Looking at very many files may take a while; so much longer than that is waited in between, which bounds
/// the part of a processor that it takes.
const REST: u32 = 10;

/// Serves what `args` name until the process is told to end.
pub(crate) fn run(args: &Serve) -> Result<Outcome, Error> {
    let reloader = Reloader::new(args)?;
    let admission = admission::of(args)?;
    log::init(args.log_format);
    process::block_on(serve(args, admission, reloader))?
}

async fn serve(args: &Serve, admission: Admission, reloader: Reloader) -> Result<Outcome, Error> {
    let config = Config {
        admission,
        default_namespace: args.namespace.clone(),
        max_body_bytes: args.max_body_bytes,
        workers: args.workers,
        drain_timeout: args.drain_timeout,
        ..Config::new(args.addresses.listen, args.addresses.admin)
    };
    let router = Router::bind(config)
        .await
        .map_err(|error| process::not_bound(&error))?;
    let (listen, admin) = (router.listen_addr(), router.admin_addr());
    tracing::info!(%listen, %admin, "listening");
    if admission == Admission::KeysOrNone {
        tracing::warn!(%listen, "--allow-unauthenticated: callers need no key; whoever reaches this address spends what the providers' keys pay for");
    }
    let (pusher, updates) = source();
    let feeding = tokio::spawn(feed(reloader, pusher));
    let ended = router.run(updates, process::told_to_end()).await;
    feeding.abort();
    ended.map_err(|error| Error::Failed(error.to_string()))?;
    Ok(Outcome::Good)
}

/// Pushes what the files come to, again and again, until the router has ended.
async fn feed(mut reloader: Reloader, pusher: Pusher) {
    loop {
        let begun = std::time::Instant::now();
        // Files and the compiler both block.
        let stepped = tokio::task::spawn_blocking(move || {
            let built = reloader.step(begun);
            (reloader, built)
        });
        let Ok((back, built)) = stepped.await else {
            return tracing::error!("reading the files failed; what is served stays as it is");
        };
        reloader = back;
        if let Some(built) = built
            && pusher.push(built.tables, built.credentials).await.is_err()
        {
            return;
        }
        sleep(POLL.max(begun.elapsed() * REST)).await;
    }
}
