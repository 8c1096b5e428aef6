//! Wiring: the client, the tasks, and the order in which they end.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::events::{Recorder, Reporter as Source};
use kube::{Api, Client};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::MANAGER;
use crate::admin::{self, Shown};
use crate::args::{Args, ClusterProviders, NamespacedProviders};
use crate::health::Health;
use crate::lease::{Elector, Gate};
use crate::metrics::Metrics;
use crate::reconcile::{Edges, Reconciler};
use crate::report::Reporter;
use crate::rollout::poll::Poll;
use crate::territory::Territory;
use crate::token::{Keeper, Source as TokenSource};
use crate::watch::{Sources, watch_all, watch_token};

/// How long the API server may say nothing on a connection that waits for it. It sends every watch a bookmark once
/// a minute, so that one which is silent for twice as long leads nowhere: it broke without anybody having been told.
const SILENCE: Duration = Duration::from_secs(130);

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
    let client = Client::try_from(patient(kube::Config::infer().await?))?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })?;
    let stop = stop_on_signal()?;
    let identity = args.identity.clone().unwrap_or_else(machine_name);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity, %address, "starting");

    let lease = Api::<Lease>::namespaced(client.clone(), &args.namespace);
    let metrics = Metrics::default();
    let health = Health::new(metrics.clone());
    let elector = Elector::new(lease, &args.lease_name, &identity, metrics.clone());
    let gate = elector.gate();
    let recorder = Recorder::new(client.clone(), source(identity));
    let reporter = Reporter::new(client.clone(), recorder, gate.clone(), metrics.clone());
    let (synced, synced_rx) = watch::channel(false);
    let last = CancellationToken::new();
    let electing = tokio::spawn(elect(elector, synced_rx.clone(), last.clone()));
    let shown = Shown {
        metrics: metrics.clone(),
        synced: synced_rx,
        health: health.clone(),
    };
    let serving = tokio::spawn(admin::serve(listener, shown, stop.clone()));
    work(
        Start {
            client,
            args,
            gate,
            reporter,
            metrics,
            health,
            synced,
        },
        &stop,
    )
    .await;
    // Only when nothing is written any more may another replica begin.
    last.cancel();
    let _ = electing.await;
    if let Ok(Err(error)) = serving.await {
        tracing::error!(%error, "the admin port has failed");
    }
    tracing::info!("stopped");
    Ok(())
}

/// A connection on which the API server is silent for too long leads nowhere. And what it refuses is asked again here
/// alone, where that is counted and told: the client's own tries would make a wait of every refusal.
fn patient(mut config: kube::Config) -> kube::Config {
    config.default_retry = false;
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    config
}

/// Takes part in the election once everything has been listed: a replica that can't see must not lead.
async fn elect(elector: Elector, mut synced: watch::Receiver<bool>, last: CancellationToken) {
    tokio::select! {
        _ = synced.wait_for(|synced| *synced) => {}
        () = last.cancelled() => {}
    }
    elector.run(last).await;
}

/// What the work starts from.
struct Start {
    client: Client,
    args: Args,
    gate: Gate,
    reporter: Reporter,
    metrics: Metrics,
    health: Health,
    synced: watch::Sender<bool>,
}

/// Watches, compiles, publishes and reports until `stop`.
async fn work(start: Start, stop: &CancellationToken) {
    let Start {
        client,
        args,
        gate,
        reporter,
        metrics,
        health,
        synced,
    } = start;
    let (expected, expected_rx) = watch::channel(None);
    let (fleet_tx, fleet) = watch::channel(None);
    let territory = territory(&args);
    let token = token_source(&client, &args, &gate, &health, stop);
    let sources = Sources {
        namespace: args.namespace.clone(),
        territory: territory.clone(),
        router_service: args.router_service,
    };
    let changes = watch_all(&client, &sources, &health, stop);
    let poll = Poll::new(token, metrics.clone());
    let polling = tokio::spawn(poll.run(expected_rx, fleet_tx, stop.clone()));
    let edges = Edges {
        client,
        namespace: args.namespace,
        territory,
        namespaced_providers: args.namespaced_providers.into(),
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
    let _ = polling.await;
}

/// What is watched.
fn territory(args: &Args) -> Territory {
    let modes = (args.cluster_providers, args.namespaced_providers);
    if modes == (ClusterProviders::Off, NamespacedProviders::Disabled) {
        tracing::warn!("neither ClusterProviders nor Providers count, so that no policy can name a model");
    }
    Territory::new(&args.namespace, &args.watch_namespaces, args.cluster_providers)
}

/// Where the admin token comes from; a Secret is followed, and made, from now on.
fn token_source(
    client: &Client,
    args: &Args,
    gate: &Gate,
    health: &Health,
    stop: &CancellationToken,
) -> TokenSource {
    let Some(name) = &args.admin_token_secret else {
        let file = args.admin_token_file.clone();
        return file.map_or(TokenSource::Nowhere, TokenSource::File);
    };
    let seen = watch_token(client, &args.namespace, name, health, stop);
    let (token, told) = watch::channel(None);
    let keeper = Keeper {
        api: Api::<Secret>::namespaced(client.clone(), &args.namespace),
        name: name.clone(),
        gate: gate.clone(),
        token,
    };
    tokio::spawn(keeper.run(seen, stop.clone()));
    TokenSource::Secret(told)
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
