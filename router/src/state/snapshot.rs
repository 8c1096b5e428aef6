//! What all requests of one moment are served from. Immutable: a change makes another one, which shares
//! every namespace that did not change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::HeaderValue;
use weir_table::{Digest, Scope};

use super::callers::Callers;
use super::direct::Direct;
use super::target::Tree;

/// Everything that can be served.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The cluster's table, once there was a good one.
    pub(crate) cluster: Option<Arc<Served>>,
    /// Every namespace that has a table; `None` where no good one was ever seen.
    pub(crate) namespaces: BTreeMap<String, Option<Arc<Served>>>,
    /// Who can call.
    pub(crate) callers: Callers,
    /// What became of each table.
    pub(crate) reports: Vec<Report>,
    /// Whether the source has reported everything that was there at the start, or what stands in for it.
    pub(crate) listed: bool,
    /// When what stands in for the source was kept, in seconds since 1970; `None` if nothing does.
    pub(crate) kept: Option<i64>,
}

impl Snapshot {
    /// What is served for a scope.
    pub(super) fn served(&self, scope: &Scope) -> Option<&Served> {
        match scope {
            Scope::Cluster => self.cluster.as_deref(),
            Scope::Namespace(name) => self.namespaces.get(name)?.as_deref(),
        }
    }

    /// Whether `target` is what stands for a direct call that the table of `namespace` allows.
    pub(crate) fn offers(&self, namespace: &str, target: &str) -> bool {
        let served = if namespace.is_empty() {
            self.cluster.as_ref()
        } else {
            self.namespaces.get(namespace).and_then(Option::as_ref)
        };
        let named = target.split_once('/');
        named.is_some_and(|(provider, rest)| {
            let direct = served.and_then(|served| served.providers.get(provider));
            direct.is_some_and(|direct| direct.label(rest) == target)
        })
    }

    /// Whether the router may take traffic.
    pub(crate) fn is_ready(&self) -> bool {
        self.listed && self.cluster.is_some()
    }

    /// Whether some provider has `path` for its own.
    pub(crate) fn passes(&self, path: &str) -> bool {
        let namespaces = self.namespaces.values().flatten();
        namespaces
            .chain(&self.cluster)
            .any(|served| served.passthrough.contains(path))
    }
}

/// One scope's table, ready for requests.
#[derive(Debug)]
pub(crate) struct Served {
    /// The table's digest.
    pub(crate) digest: Digest,
    /// The same for `x-weir-table`.
    pub(crate) stamp: HeaderValue,
    /// The policies by name.
    pub(crate) policies: BTreeMap<String, Arc<Tree>>,
    /// The providers that direct calls may name in this scope.
    pub(crate) providers: BTreeMap<String, Direct>,
    /// Providers that this scope names and that can't be called. Nobody else's stand in for them.
    pub(crate) gone: BTreeSet<String>,
    /// Every path of their own that providers of this table pass through.
    pub(crate) passthrough: BTreeSet<String>,
}

/// What became of one scope's newest table.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// Whose it is.
    pub(crate) scope: Scope,
    /// What became of it.
    pub(crate) state: TableState,
    /// What is served for the scope now, which may be an older one.
    pub(crate) served: Option<Arc<Served>>,
    /// Since when, in seconds since 1970.
    pub(crate) loaded: Option<i64>,
}

impl Report {
    /// The word for the kind of scope.
    pub(crate) fn scope_word(&self) -> &'static str {
        match self.scope {
            Scope::Cluster => "cluster",
            Scope::Namespace(_) => "namespace",
        }
    }

    /// The namespace; empty for the cluster's table.
    pub(crate) fn namespace(&self) -> &str {
        match &self.scope {
            Scope::Cluster => "",
            Scope::Namespace(name) => name,
        }
    }
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TableState {
    /// It is being served.
    Serving,
    /// It is no good; what was served before still is.
    Rejected(String),
    /// It names credentials that have not arrived.
    Waiting(String),
    /// It was deleted without having been emptied first; what was served before still is.
    Orphaned,
}

impl TableState {
    /// The word for it on the admin port.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Serving | Self::Orphaned => "serving",
            Self::Rejected(_) => "rejected",
            Self::Waiting(_) => "waiting",
        }
    }

    /// What is wrong with it.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Serving => None,
            Self::Rejected(why) | Self::Waiting(why) => Some(why),
            Self::Orphaned => Some("the table was deleted before it was emptied; the last one still serves"),
        }
    }
}
