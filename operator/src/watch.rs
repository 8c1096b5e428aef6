//! The watches: one stream of events for each kind, turned into [`Change`]s.
//!
//! Raw watcher streams, because a reflector's readers never learn what vanished while a watch was down: here
//! every relist arrives as one full list, which the index compares with what it knows.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, pin_mut};
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
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use weir_policy::api::{AccessKey, ClusterProvider, FallbackPolicy, LoadBalancingPolicy, Provider};
use weir_policy::object::{ObjectKind, ObjectRef};

use crate::args::ClusterProviders;
use crate::config_map::{self, RemovedTable, TABLE_LABEL};
use crate::endpoints;
use crate::health::{Health, Tidings};
use crate::index::{Change, Delta};
use crate::observe::{self, Observed, Status};
use crate::patience::Patience;
use crate::publish::describe;
use crate::territory::{Part, Territory};
use crate::token::{self, Seen};
use crate::trouble::Trouble;

/// Selects the Secrets that may be used as credentials; no other is ever read.
const CREDENTIAL_SELECTOR: &str = "weir.dev/credential=true";

/// A watch that has not failed for so long works again, even where nothing happens that it could tell. Longer
/// than it takes to connect in vain.
const QUIET: Duration = Duration::from_mins(1);

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
    /// What is watched; the namespace where every namespace has a watch of its own.
    part: Part,
    patience: Patience,
    changes: mpsc::Sender<M>,
    health: Health,
    stop: CancellationToken,
}

/// Follows the Secret `name` of `namespace`, which holds the admin token.
pub fn watch_token(
    client: &Client,
    namespace: &str,
    name: &str,
    health: &Health,
    stop: &CancellationToken,
) -> mpsc::Receiver<Seen> {
    let (sink, receiver) = Sink::new(Patience::of(1), health, stop);
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
    health: &Health,
    stop: &CancellationToken,
) -> mpsc::Receiver<Change> {
    let (sink, receiver) = Sink::new(Patience::of(sources.territory.watches()), health, stop);
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
    fn new(patience: Patience, health: &Health, stop: &CancellationToken) -> (Self, mpsc::Receiver<M>) {
        let (changes, receiver) = mpsc::channel(256);
        let sink = Self {
            part: Part {
                kind: "",
                namespace: None,
            },
            patience,
            changes,
            health: health.clone(),
            stop: stop.clone(),
        };
        (sink, receiver)
    }

    /// The same, for one namespace or for all.
    fn within(&self, namespace: Option<String>) -> Self {
        let kind = self.part.kind;
        self.with(Part { kind, namespace })
    }

    fn of(&self, kind: &'static str) -> Self {
        let namespace = self.part.namespace.clone();
        self.with(Part { kind, namespace })
    }

    fn with(&self, part: Part) -> Self {
        Self {
            part,
            patience: self.patience,
            changes: self.changes.clone(),
            health: self.health.clone(),
            stop: self.stop.clone(),
        }
    }

    /// The objects of the sink's namespace, or of all.
    fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self, client: &Client) -> Api<K> {
        match &self.part.namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
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
        let trouble = LastTrouble(Arc::new(Mutex::new(Trouble::Other)));
        let backoff = Patient {
            backoff: DefaultBackoff::default(),
            patience: self.patience,
            last: trouble.clone(),
        };
        let events = watcher(api, config).inspect_err(move |error| trouble.note(error));
        let events = events.backoff(backoff);
        let events = events.take_until(self.stop.clone().cancelled_owned());
        pin_mut!(events);
        let mut list = Vec::new();
        loop {
            let Ok(event) = timeout(QUIET, events.next()).await else {
                self.is_well();
                continue;
            };
            let Some(event) = event else { return };
            let delta = match event {
                Ok(event) => self.take_in(event, &mut list, &value, &key),
                Err(error) => {
                    self.failed(&error);
                    None
                }
            };
            let Some(delta) = delta else { continue };
            self.is_well();
            if self.changes.send(wrap(delta)).await.is_err() {
                return;
            }
        }
    }

    fn take_in<K, T, D>(
        &self,
        event: Event<K>,
        list: &mut Vec<T>,
        value: &impl Fn(K) -> Option<T>,
        key: &impl Fn(K) -> Option<D>,
    ) -> Option<Delta<T, D>> {
        match event {
            Event::Init => {
                list.clear();
                None
            }
            Event::InitApply(object) => {
                list.extend(value(object));
                None
            }
            Event::InitDone => Some(self.reset(std::mem::take(list))),
            Event::Apply(object) => value(object).map(Delta::Applied),
            Event::Delete(object) => key(object).map(Delta::Deleted),
        }
    }

    fn reset<T, D>(&self, all: Vec<T>) -> Delta<T, D> {
        match &self.part.namespace {
            Some(namespace) => Delta::ResetIn(namespace.clone(), all),
            None => Delta::Reset(all),
        }
    }

    /// Nothing is lost by a failure: the watch is started again, with a full list if need be. It is told once, not
    /// for every attempt.
    fn failed(&self, error: &watcher::Error) {
        let Part { kind, namespace } = &self.part;
        let (trouble, told) = judge(error);
        match self.health.failed(&self.part, trouble) {
            Tidings::Old => tracing::debug!(kind, namespace, told, "the watch fails again"),
            Tidings::New if trouble == Trouble::Expired => {
                tracing::info!(kind, namespace, told, "the watch begins anew");
            }
            Tidings::New => {
                let (reason, meaning) = (trouble.word(), trouble.meaning());
                tracing::warn!(
                    kind,
                    namespace,
                    reason,
                    meaning,
                    told,
                    "the watch failed; trying again"
                );
            }
        }
    }

    fn is_well(&self) {
        let Part { kind, namespace } = &self.part;
        if self.health.is_well(&self.part) == Tidings::New {
            tracing::info!(kind, namespace, "the watch works again");
        }
    }
}

/// What a watch's failure amounts to, and the words for it.
fn judge(error: &watcher::Error) -> (Trouble, String) {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => match Trouble::of(error) {
            Trouble::NotFound => (Trouble::NotInstalled, describe(error)),
            trouble => (trouble, describe(error)),
        },
        watcher::Error::WatchError(status) => (Trouble::said(status), status.message.clone()),
        watcher::Error::NoResourceVersion => {
            (Trouble::Other, "the API server can't watch this kind".to_owned())
        }
    }
}

/// The client library's backoff, with waits that suit the trouble.
struct Patient {
    backoff: DefaultBackoff,
    patience: Patience,
    last: LastTrouble,
}

/// What the last failure of a watch amounts to.
#[derive(Debug, Clone)]
struct LastTrouble(Arc<Mutex<Trouble>>);

impl LastTrouble {
    fn note(&self, error: &watcher::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = judge(error).0;
    }

    fn get(&self) -> Trouble {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Iterator for Patient {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.backoff.next()?;
        Some(self.patience.wait(wait, self.last.get()))
    }
}

impl Backoff for Patient {
    fn reset(&mut self) {
        self.backoff.reset();
    }
}
