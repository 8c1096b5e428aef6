//! The watches: one stream of events for each kind, turned into [`Change`]s.
//!
//! Raw watcher streams, because a reflector's readers never learn what vanished while a watch was down: here
//! every relist arrives as one full list, which the index compares with what it knows.

use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::core::object::{HasSpec, HasStatus};
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use weir_policy::api::{AccessKey, ClusterProvider, FallbackPolicy, LoadBalancingPolicy, Provider};
use weir_policy::object::{ObjectKind, ObjectRef};

use crate::args::ClusterProviders;
use crate::config_map::{self, RemovedTable, TABLE_LABEL};
use crate::endpoints;
use crate::index::{Change, Delta};
use crate::metrics::Metrics;
use crate::observe::{self, Observed, Status};
use crate::publish::describe;
use crate::territory::Territory;
use crate::token::{self, Seen};

/// Selects the Secrets that may be used as credentials; no other is ever read.
const CREDENTIAL_SELECTOR: &str = "weir.dev/credential=true";

/// The answer for a kind that does not exist; it comes without a reason.
const NOT_FOUND: u16 = 404;

/// The longest wait before a failed watch is tried again. The client library's half a minute, once for the
/// failure and once more for the full list that follows an outage, would be a minute of stale tables.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Where the watches look.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Weir's own namespace.
    pub namespace: String,
    /// The kinds and namespaces.
    pub territory: Territory,
    /// The Service in front of the routers.
    pub router_service: String,
}

/// The common end of watches that tell of `M`.
#[derive(Debug)]
struct Sink<M> {
    /// What is watched.
    kind: &'static str,
    /// The namespace, where every namespace has a watch of its own.
    namespace: Option<String>,
    changes: mpsc::Sender<M>,
    metrics: Metrics,
    stop: CancellationToken,
}

/// Follows the Secret `name` of `namespace`, which holds the admin token.
pub fn watch_token(
    client: &Client,
    namespace: &str,
    name: &str,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> mpsc::Receiver<Seen> {
    let (sink, receiver) = Sink::new(metrics, stop);
    tokio::spawn(sink.of("AdminToken").follow(
        Api::<Secret>::namespaced(client.clone(), namespace),
        watcher::Config::default().fields(&format!("metadata.name={name}")),
        |secret| Some(token::read(secret)),
        |_| Some(()),
        Seen::from,
    ));
    receiver
}

/// Starts all watches. They end with `stop`, or when nobody takes their changes any more.
pub fn watch_all(
    client: &Client,
    sources: &Sources,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> mpsc::Receiver<Change> {
    let (sink, receiver) = Sink::new(metrics, stop);
    let all = watcher::Config::default;
    for place in sources.territory.places() {
        watch_namespaced(client, &sink.within(place));
    }
    if sources.territory.cluster_providers() != ClusterProviders::Off {
        let kind = ObjectKind::ClusterProvider;
        let api = Api::<DeserializeGuard<ClusterProvider>>::all(client.clone());
        custom_resources(api, &sink, kind, Change::ClusterProvider);
    }
    tokio::spawn(sink.of("ConfigMap").follow(
        Api::<ConfigMap>::namespaced(client.clone(), &sources.namespace),
        all().labels(TABLE_LABEL),
        |map| config_map::read(&map),
        |map| removed(&map),
        Change::Table,
    ));
    tokio::spawn(sink.of("EndpointSlice").follow(
        Api::<EndpointSlice>::namespaced(client.clone(), &sources.namespace),
        all().labels(&format!("kubernetes.io/service-name={}", sources.router_service)),
        |slice| Some(endpoints::observe(&slice)),
        |slice| slice.metadata.name,
        Change::Slice,
    ));
    receiver
}

/// Follows the kinds of which each namespace has its own, in the sink's namespace or in all.
fn watch_namespaced(client: &Client, sink: &Sink<Change>) {
    custom_resources(
        sink.api::<DeserializeGuard<LoadBalancingPolicy>>(client),
        sink,
        ObjectKind::LoadBalancingPolicy,
        Change::LoadBalancing,
    );
    custom_resources(
        sink.api::<DeserializeGuard<FallbackPolicy>>(client),
        sink,
        ObjectKind::FallbackPolicy,
        Change::Fallback,
    );
    custom_resources(
        sink.api::<DeserializeGuard<Provider>>(client),
        sink,
        ObjectKind::Provider,
        Change::Provider,
    );
    custom_resources(
        sink.api::<DeserializeGuard<AccessKey>>(client),
        sink,
        ObjectKind::AccessKey,
        Change::AccessKey,
    );
    tokio::spawn(sink.of("Secret").follow(
        sink.api::<Secret>(client),
        watcher::Config::default().labels(CREDENTIAL_SELECTOR),
        |secret| Some(observe::secret(secret)),
        |secret| Some(observe::secret_id(&secret.metadata)),
        Change::Secret,
    ));
}

fn removed(map: &ConfigMap) -> Option<RemovedTable> {
    let scope = config_map::scope_of(map.metadata.name.as_deref()?)?;
    Some(RemovedTable {
        scope,
        version: observe::version(&map.metadata),
    })
}

/// Follows one of Weir's own kinds. An object that can't be decoded comes through as one that says so.
fn custom_resources<K>(
    api: Api<DeserializeGuard<K>>,
    sink: &Sink<Change>,
    kind: ObjectKind,
    wrap: fn(Delta<Observed<K::Spec>, ObjectRef>) -> Change,
) where
    K: Resource<DynamicType = ()>
        + HasSpec
        + HasStatus
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
    K::Spec: Clone + Send,
    K::Status: Clone + Into<Status>,
{
    tokio::spawn(sink.of(kind.as_str()).follow(
        api,
        watcher::Config::default(),
        move |guard| Some(observe::custom_resource(kind, guard)),
        move |guard: DeserializeGuard<K>| Some(observe::object_ref(kind, guard.meta())),
        wrap,
    ));
}

impl<M> Sink<M> {
    fn new(metrics: &Metrics, stop: &CancellationToken) -> (Self, mpsc::Receiver<M>) {
        let (changes, receiver) = mpsc::channel(256);
        let sink = Self {
            kind: "",
            namespace: None,
            changes,
            metrics: metrics.clone(),
            stop: stop.clone(),
        };
        (sink, receiver)
    }

    /// The same, for one namespace or for all.
    fn within(&self, namespace: Option<String>) -> Self {
        Self {
            namespace,
            ..self.of(self.kind)
        }
    }

    /// The objects of the sink's namespace, or of all.
    fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self, client: &Client) -> Api<K> {
        match &self.namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        }
    }

    fn of(&self, kind: &'static str) -> Self {
        Self {
            kind,
            namespace: self.namespace.clone(),
            changes: self.changes.clone(),
            metrics: self.metrics.clone(),
            stop: self.stop.clone(),
        }
    }

    /// Follows one kind until the end: `value` reads an object, `key` one that is gone.
    async fn follow<K, T, D>(
        self,
        api: Api<K>,
        config: watcher::Config,
        value: impl Fn(K) -> Option<T>,
        key: impl Fn(K) -> Option<D>,
        wrap: fn(Delta<T, D>) -> M,
    ) where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let events = watcher(api, config).backoff(Capped(DefaultBackoff::default()));
        let events = events.take_until(self.stop.clone().cancelled_owned());
        pin_mut!(events);
        let mut list = Vec::new();
        while let Some(event) = events.next().await {
            let delta = match event {
                Ok(Event::Init) => {
                    list.clear();
                    None
                }
                Ok(Event::InitApply(object)) => {
                    list.extend(value(object));
                    None
                }
                Ok(Event::InitDone) => Some(self.reset(std::mem::take(&mut list))),
                Ok(Event::Apply(object)) => value(object).map(Delta::Applied),
                Ok(Event::Delete(object)) => key(object).map(Delta::Deleted),
                Err(error) => {
                    self.failed(&error);
                    None
                }
            };
            if let Some(delta) = delta
                && self.changes.send(wrap(delta)).await.is_err()
            {
                return;
            }
        }
    }

    fn reset<T, D>(&self, all: Vec<T>) -> Delta<T, D> {
        match &self.namespace {
            Some(namespace) => Delta::ResetIn(namespace.clone(), all),
            None => Delta::Reset(all),
        }
    }

    /// Nothing is lost by a failure: the watch is started again, with a full list if need be.
    fn failed(&self, error: &watcher::Error) {
        let (kind, namespace) = (self.kind, self.namespace.as_deref());
        self.metrics.watch_failed(kind);
        match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == NOT_FOUND => {
                tracing::warn!(
                    kind,
                    namespace,
                    "the API server does not know this kind: install Weir's CRDs; trying again"
                );
            }
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => {
                tracing::warn!(
                    kind,
                    namespace,
                    error = describe(error),
                    "the watch failed; trying again"
                );
            }
            watcher::Error::WatchError(status) => {
                tracing::info!(
                    kind,
                    namespace,
                    error = status.message,
                    "the watch ended; trying again"
                );
            }
            watcher::Error::NoResourceVersion => {
                tracing::warn!(kind, namespace, "the API server can't watch this kind");
            }
        }
    }
}

/// The client library's backoff, with a shorter longest wait.
struct Capped(DefaultBackoff);

impl Iterator for Capped {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|wait| wait.min(LONGEST_WAIT))
    }
}

impl Backoff for Capped {
    fn reset(&mut self) {
        self.0.reset();
    }
}
