//! What the routers serve, by their own word. Pure; [`poll`] asks them.

pub mod poll;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use weir_policy::verdict::Rollout;
use weir_table::{Digest, Format, Scope};

/// The digests of a table's policies, by name.
pub type Policies = BTreeMap<String, String>;

/// What the ready routers serve.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    routers: BTreeMap<SocketAddr, Answer>,
    /// The newest format that each of them reads, and each that is about to be one of them, as far as it has said so.
    formats: BTreeMap<SocketAddr, Format>,
}

/// In which format tables are to be written for those who read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Everybody has said what he reads, and this is the newest that all of them do.
    Exactly(Format),
    /// Somebody reads nothing newer, and others have not said: a table may become older for that, and not newer.
    AtMost(Format),
    /// Nobody has said anything: each table stays as it stands.
    #[default]
    Any,
}

impl Wanted {
    /// The format for a table that stands in `standing`. Of a first one nobody knows who will read it.
    pub fn for_table(self, standing: Option<Format>) -> Format {
        let as_it_stands = standing.unwrap_or(Format::OLDEST);
        match self {
            Self::Exactly(format) => format,
            Self::AtMost(format) => as_it_stands.min(format),
            Self::Any => as_it_stands,
        }
    }
}

/// What one router says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It serves these.
    Tables(BTreeMap<Scope, Served>),
    /// Nothing: it can't be asked.
    Silent,
}

/// What one router serves of one scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The digest of the table, if the newest that the router has seen is the one that it serves.
    pub digest: Option<String>,
    /// The policies that it serves.
    pub policies: Arc<Policies>,
}

impl Fleet {
    /// A fleet of these routers.
    pub fn new(routers: BTreeMap<SocketAddr, Answer>) -> Self {
        let formats = BTreeMap::new();
        Self { routers, formats }
    }

    /// The same, which read these formats.
    #[must_use]
    pub fn reading(self, formats: BTreeMap<SocketAddr, Format>) -> Self {
        Self { formats, ..self }
    }

    /// In which format they need tables.
    pub fn wanted(&self) -> Wanted {
        let are_known = self
            .routers
            .keys()
            .all(|router| self.formats.contains_key(router));
        match self.formats.values().copied().min() {
            None => Wanted::Any,
            Some(oldest) if are_known && !self.routers.is_empty() => Wanted::Exactly(oldest),
            Some(oldest) => Wanted::AtMost(oldest),
        }
    }

    fn tables(&self) -> impl Iterator<Item = &BTreeMap<Scope, Served>> {
        self.routers.values().filter_map(|answer| match answer {
            Answer::Tables(tables) => Some(tables),
            Answer::Silent => None,
        })
    }

    /// How far the routers are with the policy `name` of `scope`, published with `digest`.
    pub fn rollout(&self, scope: &Scope, name: &str, digest: &Digest) -> Rollout {
        let ready = self.routers.len();
        let silent = ready - self.tables().count();
        let serves = |tables: &&BTreeMap<Scope, Served>| {
            let served = tables.get(scope).and_then(|served| served.policies.get(name));
            served.is_some_and(|served| served == digest.as_str())
        };
        let done = self.tables().filter(serves).count();
        match (ready, silent) {
            (0, _) => Rollout::NoRouters,
            (_, 1..) => Rollout::Unreachable(silent),
            _ if done == ready => Rollout::Done,
            _ => Rollout::Pending { done, ready },
        }
    }

    /// Whether there are ready routers, and all of them serve exactly this table.
    pub fn all_serve(&self, scope: &Scope, digest: &Digest) -> bool {
        !self.routers.is_empty()
            && self
                .routers
                .values()
                .all(|answer| answer.serves(scope, digest.as_str()))
    }

    /// How many of `tables` some ready router does not serve yet.
    pub fn lagging<'a>(&self, tables: impl Iterator<Item = (&'a Scope, &'a str)>) -> usize {
        let lags = |(scope, digest): &(&Scope, &str)| {
            !self.routers.values().all(|answer| answer.serves(scope, digest))
        };
        tables.filter(lags).count()
    }

    /// The scopes about which this fleet says something else than `before`.
    pub fn changed_scopes(&self, before: &Self, all: &BTreeSet<Scope>) -> BTreeSet<Scope> {
        let shape = |fleet: &Self| -> Vec<(SocketAddr, bool)> {
            let entry = |(address, answer): (&SocketAddr, &Answer)| (*address, *answer == Answer::Silent);
            fleet.routers.iter().map(entry).collect()
        };
        if shape(self) != shape(before) {
            return all.clone();
        }
        let of = |fleet: &Self, scope: &Scope| -> Vec<Option<Served>> {
            fleet.tables().map(|tables| tables.get(scope).cloned()).collect()
        };
        all.iter()
            .filter(|scope| of(self, scope) != of(before, scope))
            .cloned()
            .collect()
    }
}

impl Answer {
    fn serves(&self, scope: &Scope, digest: &str) -> bool {
        match self {
            Self::Tables(tables) => tables
                .get(scope)
                .is_some_and(|served| served.digest.as_deref() == Some(digest)),
            Self::Silent => false,
        }
    }
}

/// What a router answers to `/api/tables`.
#[derive(Debug, Deserialize)]
pub(crate) struct Listing {
    /// The formats of tables that it reads.
    #[serde(default)]
    formats: Vec<u32>,
    tables: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    scope: EntryScope,
    namespace: Option<String>,
    digest: Option<String>,
    state: State,
    policies: Option<Policies>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum EntryScope {
    Cluster,
    Namespace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum State {
    Serving,
    #[serde(other)]
    Other,
}

impl Entry {
    fn scope(&self) -> Scope {
        match self.scope {
            EntryScope::Cluster => Scope::Cluster,
            EntryScope::Namespace => Scope::Namespace(self.namespace.clone().unwrap_or_default()),
        }
    }

    /// The digest that it serves, as long as nothing newer waits or was rejected.
    fn serving(&self) -> Option<&String> {
        self.digest.as_ref().filter(|_| self.state == State::Serving)
    }
}

/// Which policies are behind each table's digest, so that routers need not be asked for all of them again and
/// again. A router may be a few tables behind, so that a digest is kept for a while after its last mention.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<(Scope, String), (Arc<Policies>, Instant)>);

/// How long a digest is kept after its last mention.
const KEPT: Duration = Duration::from_mins(1);

impl Known {
    /// Learns what is behind a digest.
    pub(crate) fn learn(&mut self, scope: &Scope, digest: &str, policies: Arc<Policies>, now: Instant) {
        self.0.insert((scope.clone(), digest.to_owned()), (policies, now));
    }

    /// Forgets what has not been mentioned lately.
    pub(crate) fn tidy(&mut self, now: Instant) {
        self.0.retain(|_, (_, mentioned)| now < *mentioned + KEPT);
    }

    /// What is behind a digest.
    fn policies(&mut self, scope: &Scope, digest: &str, now: Instant) -> Option<Arc<Policies>> {
        let (policies, mentioned) = self.0.get_mut(&(scope.clone(), digest.to_owned()))?;
        *mentioned = now;
        Some(Arc::clone(policies))
    }
}

/// How much a router was asked to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Digests of tables.
    Digests,
    /// Those of policies, too.
    Full,
}

impl Listing {
    /// The newest format that the router reads and this code writes. One that says nothing that is known here gets
    /// the oldest: it is more likely to be behind than ahead by more than one format.
    pub(crate) fn format(&self) -> Format {
        let read = self.formats.iter().copied().filter_map(Format::of_number);
        read.max().unwrap_or(Format::OLDEST)
    }

    /// What the router serves, if this and `known` suffice to say which policies its digests stand for.
    pub(crate) fn resolve(
        &self,
        view: View,
        known: &mut Known,
        now: Instant,
    ) -> Option<BTreeMap<Scope, Served>> {
        let served = self
            .tables
            .iter()
            .map(|entry| Some((entry.scope(), entry.resolve(view, known, now)?)));
        served.collect()
    }

    /// Remembers the policies behind each digest of a full listing.
    pub(crate) fn teach(&self, known: &mut Known, now: Instant) {
        for entry in &self.tables {
            if let (Some(digest), Some(policies)) = (entry.serving(), &entry.policies) {
                known.learn(&entry.scope(), digest, Arc::new(policies.clone()), now);
            }
        }
    }
}

impl Entry {
    fn resolve(&self, view: View, known: &mut Known, now: Instant) -> Option<Served> {
        let scope = self.scope();
        let digest = self.serving().cloned();
        let by_digest = digest
            .as_deref()
            .and_then(|digest| known.policies(&scope, digest, now));
        let policies = match (&scope, view) {
            (Scope::Cluster, _) => Some(Arc::default()),
            (Scope::Namespace(_), View::Digests) => by_digest,
            (Scope::Namespace(_), View::Full) => {
                by_digest.or_else(|| Some(Arc::new(self.policies.clone().unwrap_or_default())))
            }
        };
        policies.map(|policies| Served { digest, policies })
    }
}

#[cfg(test)]
mod tests;
