//! Writes what routers read: the gathered credentials and the tables' ConfigMaps.
//!
//! In this order within one [`Plan`]: credentials first, then the tables that may name them; a value that no
//! standing table names any more is removed by a later plan. Every write is a server-side apply, is made only
//! while the lease is held, and names the version that it replaces where there is one, so that a write from
//! another time is refused instead of undoing a newer one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use weir_table::codec::Encoded;
use weir_table::credential::secret_name;
use weir_table::{CredentialId, Digest, Scope};

use crate::MANAGER;
use crate::config_map::{self, ObservedTable, Standing, data_keys};
use crate::credentials::{self, Shard, ShardWrite, Vault};
use crate::index::PublishedTable;
use crate::lease::Gate;
use crate::trouble::Trouble;

/// How many writes are under way at once.
const CONCURRENCY: usize = 16;
/// How long a write may take.
const WRITE: Duration = Duration::from_secs(10);

/// Why something was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The lease is not held, or not any more.
    #[error("this replica is not leading")]
    NotLeading,
    /// The object is not what the write was made for.
    #[error("the object has changed meanwhile")]
    Conflict,
    /// The object is gone.
    #[error("the object is gone")]
    NotFound,
    /// A credential that the table names could not be written.
    #[error("a credential that the table names could not be written")]
    CredentialsFirst,
    /// What stands there after the write is not what was written.
    #[error("what was written has been altered on its way")]
    Altered,
    /// No ConfigMap can hold the table.
    #[error("the table does not fit into a ConfigMap")]
    TooLarge,
    /// The API server did not answer in time.
    #[error("the API server did not answer in time")]
    Timeout,
    /// The API server did not do it.
    #[error("{told}")]
    Refused {
        /// What kind of trouble that is.
        why: Trouble,
        /// The API server's own words.
        told: String,
    },
}

impl Failure {
    /// One word, as in metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotLeading => "NotLeading",
            Self::Conflict => Trouble::Conflict.word(),
            Self::NotFound => Trouble::NotFound.word(),
            Self::CredentialsFirst => "CredentialsFirst",
            Self::Altered => "Altered",
            Self::TooLarge => Trouble::TooLarge.word(),
            Self::Timeout => Trouble::Timeout.word(),
            Self::Refused { why, .. } => why.word(),
        }
    }

    /// What it means, for people: always the same words, so that a status that quotes them rests.
    pub const fn meaning(&self) -> &'static str {
        match self {
            Self::NotLeading => "this replica is not leading",
            Self::Conflict => Trouble::Conflict.meaning(),
            Self::NotFound => Trouble::NotFound.meaning(),
            Self::CredentialsFirst => "a credential that the table names could not be written",
            Self::Altered => "what is written is altered on its way, as by a mutating webhook",
            Self::TooLarge => Trouble::TooLarge.meaning(),
            Self::Timeout => Trouble::Timeout.meaning(),
            Self::Refused { why, .. } => why.meaning(),
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.is_conflict() => Self::Conflict,
            kube::Error::Api(status) if status.is_not_found() => Self::NotFound,
            _ => Self::Refused {
                why: Trouble::of(&error),
                told: describe(&error),
            },
        }
    }
}

/// An API error for the log. It never quotes what was sent or received: that may be a Secret.
pub fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        kube::Error::SerdeError(_) => "the API server's answer could not be read".to_owned(),
        other => other.to_string(),
    }
}

/// Whether a table has to be written. `published` is `None` for a scope that never had one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing to do.
    Keep,
    /// Write it.
    Write,
}

/// Decides about a scope that compiles to `digest`. A scope without objects gets a table only if it had one:
/// an empty table tells routers that its routes are gone.
pub fn decide(published: Option<&PublishedTable>, need: Need, digest: &Digest) -> Decision {
    match (published, need) {
        (None, Need::None) => Decision::Keep,
        (Some(published), _) if published.digest() == Some(digest) => Decision::Keep,
        _ => Decision::Write,
    }
}

/// Whether a scope holds objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It does.
    Objects,
    /// It does not.
    None,
}

/// A table to write.
#[derive(Debug, Clone)]
pub struct TableWrite {
    /// Whose it is.
    pub scope: Scope,
    /// The document.
    pub encoded: Encoded,
    /// What it replaces.
    pub replaces: Option<Standing>,
    /// The credentials that a router must hold to serve it.
    pub credentials: BTreeSet<CredentialId>,
}

/// A ConfigMap to remove, as it stands.
#[derive(Debug, Clone)]
pub struct Removal {
    /// Whose it is.
    pub scope: Scope,
    /// Nothing else is removed.
    pub standing: Standing,
}

/// Writes that belong together.
#[derive(Debug, Default)]
pub struct Plan {
    /// The gathered Secrets to write, in full.
    pub shards: BTreeMap<char, ShardWrite>,
    /// The data keys of credentials whose value is not there yet, and is not written this time.
    pub waiting: BTreeSet<String>,
    /// The tables to write after them.
    pub tables: Vec<TableWrite>,
    /// The ConfigMaps to remove.
    pub removals: Vec<Removal>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty() && self.tables.is_empty() && self.removals.is_empty()
    }
}

/// What became of a [`Plan`].
#[derive(Debug, Default)]
pub struct Outcome {
    /// The gathered Secrets as they stand now.
    pub shards: Vec<(char, Result<Option<Shard>, Failure>)>,
    /// The tables as they stand now.
    pub tables: Vec<(Scope, Result<ObservedTable, Failure>)>,
    /// The ConfigMaps removed.
    pub removals: Vec<(Scope, Result<(), Failure>)>,
}

/// What came of reading gathered Secrets.
#[derive(Debug)]
pub struct Reading {
    /// Those that could be read.
    pub read: Vault,
    /// Why the others could not, if there are any.
    pub result: Result<(), Failure>,
}

/// Writes for as long as one tenure of the lease lasts.
#[derive(Debug, Clone)]
pub struct Writer {
    maps: Api<ConfigMap>,
    secrets: Api<Secret>,
    gate: Gate,
    term: u64,
}

impl Writer {
    /// A writer into `namespace` for tenure `term`.
    pub fn new(client: &Client, namespace: &str, gate: Gate, term: u64) -> Self {
        Self {
            maps: Api::namespaced(client.clone(), namespace),
            secrets: Api::namespaced(client.clone(), namespace),
            gate,
            term,
        }
    }

    /// Carries a plan out. What fails does not keep the rest from being done.
    pub async fn carry_out(&self, plan: Plan) -> Outcome {
        let Plan {
            shards,
            mut waiting,
            tables,
            removals,
        } = plan;
        let shards = at_once(
            shards
                .into_iter()
                .map(|(shard, write)| self.write_shard(shard, write)),
        )
        .await;
        let shards = shards.into_iter().map(|(shard, news, result)| {
            waiting.extend(news.into_iter().filter(|_| result.is_err()));
            (shard, result)
        });
        let shards = shards.collect();
        let tables = at_once(tables.into_iter().map(|write| self.write_table(write, &waiting))).await;
        let removals = at_once(removals.into_iter().map(|removal| self.remove_table(removal))).await;
        Outcome {
            shards,
            tables,
            removals,
        }
    }

    /// Reads these of the gathered Secrets as they stand.
    pub async fn read_vault(&self, shards: BTreeSet<char>) -> Reading {
        let answers = at_once(shards.into_iter().map(|shard| self.read_shard(shard))).await;
        let (mut read, mut result) = (Vault::new(), Ok(()));
        for answer in answers {
            match answer {
                Ok((shard, content)) => {
                    read.insert(shard, content);
                }
                Err(failure) => result = Err(failure),
            }
        }
        Reading { read, result }
    }

    async fn read_shard(&self, shard: char) -> Result<(char, Option<Shard>), Failure> {
        let name = secret_name(shard);
        let found = self.send(self.secrets.get_opt(&name)).await?;
        Ok((shard, found.and_then(credentials::read)))
    }

    async fn write_shard(
        &self,
        shard: char,
        write: ShardWrite,
    ) -> (char, BTreeSet<String>, Result<Option<Shard>, Failure>) {
        let ShardWrite { content, news } = write;
        (shard, news, self.try_write_shard(shard, &content).await)
    }

    async fn try_write_shard(&self, shard: char, content: &Shard) -> Result<Option<Shard>, Failure> {
        let secret = credentials::render(shard, content);
        let answer = self.apply(&self.secrets, &secret_name(shard), &secret).await;
        credentials::wipe(secret);
        let answer = answer?;
        let data = answer.data.iter().flatten();
        let foreign: Vec<_> = data
            .map(|(key, _)| key)
            .filter(|key| !content.contains_key(*key))
            .collect();
        let answer = if foreign.is_empty() {
            answer
        } else {
            self.strip(
                &self.secrets,
                &secret_name(shard),
                &json!({ "data": nulls(&foreign) }),
            )
            .await?
        };
        Ok(credentials::read(answer))
    }

    async fn write_table(
        &self,
        write: TableWrite,
        waiting: &BTreeSet<String>,
    ) -> (Scope, Result<ObservedTable, Failure>) {
        if write.credentials.iter().any(|id| waiting.contains(id.as_str())) {
            return (write.scope, Err(Failure::CredentialsFirst));
        }
        let result = self.try_write_table(&write).await;
        (write.scope, result)
    }

    async fn try_write_table(&self, write: &TableWrite) -> Result<ObservedTable, Failure> {
        let mut map = config_map::render(&write.scope, &write.encoded).ok_or(Failure::TooLarge)?;
        let replaced = write.replaces.as_ref().map(|standing| standing.version);
        map.metadata.resource_version = replaced.map(|version| version.to_string());
        let name = config_map::name(&write.scope);
        let answer = self.apply(&self.maps, &name, &map).await?;
        let foreign: Vec<_> = data_keys(&answer).difference(&data_keys(&map)).copied().collect();
        let answer = if foreign.is_empty() {
            answer
        } else {
            let nulls = nulls(&foreign);
            self.strip(&self.maps, &name, &json!({ "data": nulls, "binaryData": nulls }))
                .await?
        };
        config_map::read(&answer).ok_or(Failure::NotFound)
    }

    async fn remove_table(&self, removal: Removal) -> (Scope, Result<(), Failure>) {
        let Removal { scope, standing } = removal;
        let preconditions = Preconditions {
            uid: Some(standing.uid),
            resource_version: Some(standing.version.to_string()),
        };
        let params = DeleteParams {
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let name = config_map::name(&scope);
        match self.send(self.maps.delete(&name, &params)).await {
            Ok(_) | Err(Failure::NotFound) => (scope, Ok(())),
            Err(failure) => (scope, Err(failure)),
        }
    }

    async fn apply<K>(&self, api: &Api<K>, name: &str, object: &K) -> Result<K, Failure>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + serde::Serialize,
    {
        let params = PatchParams::apply(MANAGER).force();
        self.send(api.patch(name, &params, &Patch::Apply(object))).await
    }

    /// Takes keys out that others have put in: an apply leaves those alone.
    async fn strip<K>(&self, api: &Api<K>, name: &str, nulls: &serde_json::Value) -> Result<K, Failure>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        self.send(api.patch(name, &params, &Patch::Merge(nulls))).await
    }

    async fn send<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
        send(&self.gate, self.term, request).await
    }
}

/// Makes one request if the lease is still held, and waits for its answer no longer than [`WRITE`], nor beyond
/// the time for which the lease is surely held.
pub(crate) async fn send<T>(
    gate: &Gate,
    term: u64,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Failure> {
    let until = gate.deadline(term).ok_or(Failure::NotLeading)?;
    let deadline = until.min(Instant::now() + WRITE);
    Ok(timeout_at(deadline, request)
        .await
        .map_err(|_| Failure::Timeout)??)
}

fn nulls(keys: &[impl AsRef<str>]) -> serde_json::Value {
    keys.iter()
        .map(|key| (key.as_ref().to_owned(), serde_json::Value::Null))
        .collect()
}

/// Runs all of `work`, a bounded number at once.
async fn at_once<F: Future>(work: impl Iterator<Item = F>) -> Vec<F::Output> {
    stream::iter(work).buffer_unordered(CONCURRENCY).collect().await
}

#[cfg(test)]
mod tests;
