//! Tables and credentials from the API server: the only module that has a client. It watches the tables'
//! `ConfigMap`s by their label and each gathered Secret by its name, because that is all that the router is
//! allowed to read. What it had before is kept while the API server is away.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret as SecretObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Client, Config, ResourceExt as _};
use tokio::time::timeout;
use weir_table::codec::{GZIP_KEY, PLAIN_KEY, Stored};
use weir_table::credential::{secret_name, shards};
use weir_table::{CredentialId, Scope};

use super::{Part, Reporter, Update, Updates, channel};
use crate::secret::Secret;

/// The label by which the operator marks tables: `cluster` or `namespace`.
const TABLE_LABEL: &str = "weir.dev/table";

/// The label, or annotation, with the namespace that a table is of.
const NAMESPACE_LABEL: &str = "weir.dev/namespace";

/// The longest wait before a failed watch is tried again. The client library's half a minute, once for the
/// failure and once more for the full list that follows an outage, would be a minute of stale tables.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A watch that has not failed for so long works again, even where nothing happens that it could tell. Longer
/// than it takes to connect in vain.
const QUIET: Duration = Duration::from_mins(1);

/// How long the API server may say nothing on a connection that waits for it. It sends every watch a bookmark once
/// a minute, so that one which is silent for twice as long leads nowhere: it broke without anybody having been told.
const SILENCE: Duration = Duration::from_secs(130);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("no way to the API server: {0}; run in a pod with a service account, or set KUBECONFIG")]
pub struct NoClient(#[from] kube::Error);

/// Watches what the operator publishes in `namespace`, with the client that the environment gives.
pub async fn source(namespace: &str) -> Result<Updates, NoClient> {
    let mut config = Config::infer().await.map_err(kube::Error::InferConfig)?;
    // Watches try again by themselves, and tell of it; a client that does so, too, would hide why they wait.
    config.default_retry = false;
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    let of = format!("{} {namespace}", config.cluster_url);
    let updates = source_with(&Client::try_from(config)?, namespace);
    Ok(Updates { of, ..updates })
}

/// Watches what the operator publishes in `namespace`. Ends when the updates are no longer read.
pub fn source_with(client: &Client, namespace: &str) -> Updates {
    let (reporter, updates) = channel();
    let tables = Tables {
        known: BTreeSet::new(),
        listed: BTreeMap::new(),
    };
    let config = watcher::Config::default().labels(TABLE_LABEL);
    let events = watcher(Api::<ConfigMap>::namespaced(client.clone(), namespace), config);
    tokio::spawn(follow(events, tables, Part::Tables, reporter.clone()));
    for shard in shards() {
        let config = watcher::Config::default().fields(&format!("metadata.name={}", secret_name(shard)));
        let events = watcher(Api::<SecretObject>::namespaced(client.clone(), namespace), config);
        tokio::spawn(follow(
            events,
            Shard { shard, listed: None },
            Part::Credentials(shard),
            reporter.clone(),
        ));
    }
    updates
}

/// Turns the events of one watch into updates.
trait Reader<K> {
    /// What `event` means, in order.
    fn read(&mut self, event: Event<K>) -> Vec<Update>;
}

/// Follows the watch of one part for as long as somebody reads the updates.
async fn follow<K>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    mut reader: impl Reader<K>,
    part: Part,
    reporter: Reporter,
) {
    let mut events = pin!(events.backoff(Capped(DefaultBackoff::default())));
    let mut started = false;
    let mut told = Told { part, failure: None };
    loop {
        let Ok(event) = timeout(QUIET, events.try_next()).await else {
            told.works();
            continue;
        };
        let event = match event {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                told.failed(&error);
                continue;
            }
        };
        // A list begins before the API server has answered.
        if !matches!(event, Event::Init) {
            told.works();
        }
        let listed = matches!(event, Event::InitDone);
        let mut updates = reader.read(event);
        if listed && !started {
            started = true;
            updates.push(Update::Listed(part));
        }
        for update in updates {
            if reporter.send(update).await.is_err() {
                return;
            }
        }
    }
}

/// What was last told of a watch. Neither an attempt that fails like the one before nor one that succeeds like the one
/// before is worth a line.
struct Told {
    part: Part,
    failure: Option<String>,
}

/// Whether something was told before.
#[derive(Debug, PartialEq, Eq)]
enum Tidings {
    New,
    Old,
}

impl Told {
    fn failed(&mut self, error: &watcher::Error) -> Tidings {
        let (part, error) = (self.part, error.to_string());
        if self.failure.as_ref() == Some(&error) {
            tracing::debug!(?part, error, "the watch fails again");
            return Tidings::Old;
        }
        tracing::warn!(
            ?part,
            error,
            "a watch failed and is tried again; what was read before still serves"
        );
        self.failure = Some(error);
        Tidings::New
    }

    fn works(&mut self) -> Tidings {
        if self.failure.take().is_none() {
            return Tidings::Old;
        }
        tracing::info!(part = ?self.part, "the watch works again");
        Tidings::New
    }
}

/// The wait after a failed attempt where the client library, which spreads its waits at random, proposes `wait`. One
/// that is cut short is spread anew, over the second half, by the fraction of a second in it: routers that were cut
/// off together must not come back in step.
fn capped(wait: Duration) -> Duration {
    if wait <= LONGEST_WAIT {
        return wait;
    }
    let fraction = f64::from(wait.subsec_nanos()) / 1e9;
    LONGEST_WAIT.mul_f64(0.5 + fraction / 2.0)
}

/// The client library's backoff, with a shorter longest wait.
struct Capped(DefaultBackoff);

impl Iterator for Capped {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(capped)
    }
}

impl Backoff for Capped {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// The watch of the tables. A list is reported once it is whole, with what is no longer in it.
#[derive(Debug)]
struct Tables {
    known: BTreeSet<Scope>,
    listed: BTreeMap<Scope, Result<Stored, String>>,
}

impl Reader<ConfigMap> for Tables {
    fn read(&mut self, event: Event<ConfigMap>) -> Vec<Update> {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => self
                .listed
                .extend(scope(&object).map(|scope| (scope, stored(object)))),
            Event::InitDone => return self.whole_list(),
            Event::Apply(object) => {
                let Some(scope) = scope(&object) else {
                    return Vec::new();
                };
                self.known.insert(scope.clone());
                return vec![Update::Table {
                    scope,
                    stored: stored(object),
                }];
            }
            Event::Delete(object) => {
                let Some(scope) = scope(&object) else {
                    return Vec::new();
                };
                self.known.remove(&scope);
                return vec![Update::Gone(scope)];
            }
        }
        Vec::new()
    }
}

impl Tables {
    fn whole_list(&mut self) -> Vec<Update> {
        let listed = std::mem::take(&mut self.listed);
        let now: BTreeSet<Scope> = listed.keys().cloned().collect();
        let gone: Vec<Scope> = self.known.difference(&now).cloned().collect();
        self.known = now;
        let tables = listed
            .into_iter()
            .map(|(scope, stored)| Update::Table { scope, stored });
        tables.chain(gone.into_iter().map(Update::Gone)).collect()
    }
}

/// Whose table `object` is, by its labels; `None` if they do not say.
fn scope(object: &ConfigMap) -> Option<Scope> {
    match object.labels().get(TABLE_LABEL).map(String::as_str) {
        Some("cluster") => Some(Scope::Cluster),
        Some("namespace") => {
            let name = object
                .labels()
                .get(NAMESPACE_LABEL)
                .or_else(|| object.annotations().get(NAMESPACE_LABEL))?;
            Some(Scope::Namespace(name.clone()))
        }
        _ => None,
    }
}

fn stored(object: ConfigMap) -> Result<Stored, String> {
    let plain = object.data.and_then(|mut data| data.remove(PLAIN_KEY));
    let packed = object.binary_data.and_then(|mut data| data.remove(GZIP_KEY));
    match (plain, packed) {
        (Some(plain), _) => Ok(Stored::Plain(plain)),
        (None, Some(packed)) => Ok(Stored::Gzip(packed.0)),
        (None, None) => Err(format!(
            "the ConfigMap has neither data[{PLAIN_KEY}] nor binaryData[{GZIP_KEY}]"
        )),
    }
}

/// The watch of one gathered Secret.
#[derive(Debug)]
struct Shard {
    shard: char,
    listed: Option<BTreeMap<CredentialId, Secret>>,
}

impl Reader<SecretObject> for Shard {
    fn read(&mut self, event: Event<SecretObject>) -> Vec<Update> {
        let values = match event {
            Event::Init => {
                self.listed = None;
                None
            }
            Event::InitApply(object) => {
                self.listed = Some(values(object));
                None
            }
            Event::InitDone => self.listed.take(),
            Event::Apply(object) => Some(values(object)),
            // The operator empties a Secret and never deletes one. What was held is kept.
            Event::Delete(_) => {
                tracing::warn!(
                    secret = secret_name(self.shard),
                    "was deleted; its values are kept"
                );
                None
            }
        };
        values
            .into_iter()
            .map(|values| Update::Credentials {
                shard: self.shard,
                values,
            })
            .collect()
    }
}

fn values(object: SecretObject) -> BTreeMap<CredentialId, Secret> {
    let data = object.data.unwrap_or_default().into_iter();
    data.filter_map(|(id, value)| Some((CredentialId::try_from(id).ok()?, Secret::new(value.0))))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use k8s_openapi::ByteString;
    use k8s_openapi::api::core::v1::{ConfigMap, Secret as SecretObject};
    use kube::core::Status;
    use kube::runtime::watcher::{self, DefaultBackoff, Event};
    use weir_table::codec::PLAIN_KEY;
    use weir_table::{CredentialId, Scope};

    use super::{
        Capped, LONGEST_WAIT, NAMESPACE_LABEL, Reader as _, Shard, TABLE_LABEL, Tables, Tidings, Told, capped,
    };
    use crate::source::{Part, Update};

    fn table(namespace: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        let labels = [(TABLE_LABEL, "namespace"), (NAMESPACE_LABEL, namespace)];
        object.metadata.labels = Some(labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        object.data = Some(BTreeMap::from([(PLAIN_KEY.to_owned(), "{}".to_owned())]));
        object
    }

    fn said(updates: Vec<Update>) -> Vec<String> {
        let word = |update| match update {
            Update::Table {
                scope: Scope::Namespace(name),
                ..
            } => format!("table {name}"),
            Update::Gone(Scope::Namespace(name)) => format!("gone {name}"),
            other => format!("{other:?}"),
        };
        updates.into_iter().map(word).collect()
    }

    #[test]
    fn a_list_is_reported_when_it_is_whole_with_what_left_it() {
        let mut tables = Tables {
            known: [Scope::Namespace("old".to_owned())].into(),
            listed: BTreeMap::new(),
        };
        assert!(tables.read(Event::Init).is_empty());
        assert!(tables.read(Event::InitApply(table("a"))).is_empty());
        assert_eq!(said(tables.read(Event::InitDone)), ["table a", "gone old"]);
        assert_eq!(said(tables.read(Event::Delete(table("a")))), ["gone a"]);
    }

    #[test]
    fn waits_that_are_cut_short_are_spread() {
        let wait = |millis| capped(Duration::from_millis(millis));
        assert_eq!(wait(1_900), Duration::from_millis(1_900));
        assert!(wait(30_100) < wait(30_500) && wait(30_500) < wait(30_900));
        assert!(wait(30_000) >= LONGEST_WAIT / 2);
        let waits: Vec<Duration> = Capped(DefaultBackoff::default()).take(20).collect();
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WAIT), "{waits:?}");
        assert!(waits.iter().collect::<BTreeSet<_>>().len() > 10, "{waits:?}");
    }

    #[test]
    fn a_watch_that_fails_tells_of_the_first_time_of_another_reason_and_of_the_end() {
        let said = |message: &str| watcher::Error::WatchError(Box::new(Status::failure(message, "Test")));
        let mut told = Told {
            part: Part::Tables,
            failure: None,
        };
        assert_eq!(told.works(), Tidings::Old);
        let news = ["busy", "busy", "forbidden", "forbidden", "busy"].map(|word| told.failed(&said(word)));
        let expected = [
            Tidings::New,
            Tidings::Old,
            Tidings::New,
            Tidings::Old,
            Tidings::New,
        ];
        assert_eq!(news, expected);
        assert_eq!([told.works(), told.works()], [Tidings::New, Tidings::Old]);
    }

    #[test]
    fn a_deleted_secret_takes_no_credential_away() {
        let id = CredentialId::of_secret_key("ns", "name", "key");
        let value = BTreeMap::from([
            (id.as_str().to_owned(), ByteString(b"sk".to_vec())),
            ("x".to_owned(), ByteString(vec![])),
        ]);
        let object = SecretObject {
            data: Some(value),
            ..SecretObject::default()
        };
        let mut shard = Shard {
            shard: 'a',
            listed: None,
        };
        assert!(shard.read(Event::Delete(object.clone())).is_empty());
        let updates = shard.read(Event::Apply(object));
        let [Update::Credentials { shard: 'a', values }] = &updates[..] else {
            panic!("{updates:?}")
        };
        assert_eq!(values.keys().collect::<Vec<_>>(), [&id]);
    }
}
