//! Wiring: the client, the tasks, and the order in which they end.

use k8s_openapi::api::coordination::v1::Lease;
use kube::runtime::events::{Recorder, Reporter as Source};
use kube::{Api, Client};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::MANAGER;
use crate::admin::{self, Shown};
use crate::args::Args;
use crate::lease::{Elector, Gate};
use crate::metrics::Metrics;
use crate::reconcile::{Edges, Reconciler};
use crate::report::Reporter;
use crate::rollout::poll::Poll;
use crate::watch::{Sources, start};

/// Why the operator could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no cluster to be found.
    #[error("no API server is configured: run in a pod, or set KUBECONFIG ({0})")]
    Config(#[from] kube::config::InferConfigError),
    /// The client can't be made of what was found.
    #[error("the API server's configuration is not usable: {0}")]
    Client(#[from] kube::Error),
    /// The admin port is not to be had.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Signals can't be received.
    #[error("can't wait for signals: {0}")]
    Signal(std::io::Error),
}

/// Runs the operator until SIGTERM or SIGINT.
pub async fn run(args: Args) -> Result<(), Error> {
    // Secrets must not end in a core dump. Where the system does not let one say so, it has its own rules.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let address = args.admin_listen;
    let client = Client::try_from(kube::Config::infer().await?)?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })?;
    let stop = stop_on_signal()?;
    let identity = args.identity.clone().unwrap_or_else(machine_name);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity, %address, "starting");

    let last = CancellationToken::new();
    let lease = Api::<Lease>::namespaced(client.clone(), &args.namespace);
    let elector = Elector::new(lease, &args.lease_name, &identity);
    let gate = elector.gate();
    let electing = tokio::spawn(elector.run(last.clone()));
    work(client, args, identity, gate, listener, stop).await;
    // Only when nothing is written any more may another replica begin.
    last.cancel();
    let _ = electing.await;
    tracing::info!("stopped");
    Ok(())
}

/// Runs everything but the election until `stop`.
async fn work(
    client: Client,
    args: Args,
    identity: String,
    gate: Gate,
    listener: TcpListener,
    stop: CancellationToken,
) {
    let metrics = Metrics::default();
    let (expected, expected_rx) = watch::channel(None);
    let (fleet_tx, fleet) = watch::channel(None);
    let (synced, synced_rx) = watch::channel(false);
    let recorder = Recorder::new(client.clone(), source(identity));
    let reporter = Reporter::new(client.clone(), recorder, gate.clone());
    let sources = Sources {
        namespace: args.namespace.clone(),
        router_service: args.router_service,
    };
    let changes = start(&client, &sources, &metrics, &stop);

    let tasks = TaskTracker::new();
    let poll = Poll::new(args.admin_token_file, metrics.clone());
    tasks.spawn(poll.run(expected_rx, fleet_tx, stop.clone()));
    let shown = Shown {
        metrics: metrics.clone(),
        synced: synced_rx,
    };
    let admin_stop = stop.clone();
    tasks.spawn(async move {
        if let Err(error) = admin::serve(listener, shown, admin_stop).await {
            tracing::error!(%error, "the admin port has failed");
        }
    });
    let edges = Edges {
        client,
        namespace: args.namespace,
        router_admin_port: args.router_admin_port,
        gate,
        reporter,
        metrics,
        synced,
        expected,
        fleet,
    };
    Reconciler::new(edges).run(changes, stop.clone()).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

fn source(identity: String) -> Source {
    Source {
        controller: MANAGER.to_owned(),
        instance: Some(identity),
    }
}

fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A token that is cancelled by the first SIGTERM or SIGINT.
fn stop_on_signal() -> Result<CancellationToken, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signal)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        token.cancel();
    });
    Ok(stop)
}
