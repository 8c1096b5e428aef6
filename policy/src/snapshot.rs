//! Everything that the compiler may look at, as values. The operator keeps one of these up to date from
//! its watches, and the command line fills one from files; neither compiles anything else.
//!
//! No value of a Secret is ever in here: the compiler knows which keys there are, and of each the SHA-256 by
//! which a caller would be known, not what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_table::{CredentialId, KeyHash, UnfitKey};

use crate::api::{
    AccessKeySpec, ClusterProviderSpec, FallbackPolicySpec, LoadBalancingPolicySpec, ProviderSpec,
};
use crate::problem::{Cause, Problem};

/// The annotation that binds a Secret to hosts.
pub const ALLOWED_HOSTS: &str = "weir.dev/allowed-hosts";

/// All objects of a cluster that Weir reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Weir's own namespace, where the Secrets of ClusterProviders lie.
    pub system_namespace: String,
    /// ClusterProviders by name.
    pub cluster_providers: BTreeMap<String, Arc<Object<ClusterProviderSpec>>>,
    /// What each namespace holds; one without an entry holds nothing.
    pub namespaces: BTreeMap<String, Namespace>,
    /// Which references are to be followed.
    pub checking: Checking,
    /// Whether Providers count.
    pub namespaced_providers: NamespacedProviders,
    /// The credentials that are there and for which the gathered Secrets have no room. Files know of none.
    pub withheld: BTreeSet<CredentialId>,
}

/// Whether namespaces may say for themselves where their models are. A Provider's address is its author's
/// choice, so whoever runs the cluster may want to name all of them, by ClusterProviders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NamespacedProviders {
    /// They may.
    #[default]
    Enabled,
    /// A Provider is refused, and counts as absent.
    Disabled,
}

impl Snapshot {
    /// What is known of Secret `namespace`/`name`.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&SecretFacts> {
        self.namespaces.get(namespace)?.secrets.get(name)
    }
}

/// The objects of one namespace, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Namespace {
    /// LoadBalancingPolicies.
    pub load_balancing: BTreeMap<String, Arc<Object<LoadBalancingPolicySpec>>>,
    /// FallbackPolicies.
    pub fallback: BTreeMap<String, Arc<Object<FallbackPolicySpec>>>,
    /// Providers.
    pub providers: BTreeMap<String, Arc<Object<ProviderSpec>>>,
    /// AccessKeys.
    pub access_keys: BTreeMap<String, Arc<Object<AccessKeySpec>>>,
    /// Secrets that may be used as credentials.
    pub secrets: BTreeMap<String, SecretFacts>,
}

impl Namespace {
    /// Whether nothing here needs a table.
    pub fn is_empty(&self) -> bool {
        let Self {
            load_balancing,
            fallback,
            providers,
            access_keys,
            secrets: _,
        } = self;
        load_balancing.is_empty() && fallback.is_empty() && providers.is_empty() && access_keys.is_empty()
    }
}

/// One custom resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<S> {
    /// `metadata.generation`; 0 where there is none, as in a file.
    pub generation: i64,
    /// `metadata.creationTimestamp` in seconds since 1970; 0 where there is none.
    pub created: i64,
    /// The spec, or why it could not be decoded.
    pub spec: Result<S, String>,
}

impl<S> Object<S> {
    /// The spec, or the problem that it could not be decoded.
    pub(crate) fn decoded(&self) -> Result<&S, Vec<Problem>> {
        let undecodable = |why: &String| vec![Problem::new("spec", Cause::Undecodable, why.clone())];
        self.spec.as_ref().map_err(undecodable)
    }
}

/// What the compiler may know of a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// The keys that are there and not empty, each with the hash of its value as a caller's key, or why it
    /// can't be one.
    pub keys: BTreeMap<String, Result<KeyHash, UnfitKey>>,
    /// The hosts to which its values may be sent (annotation `weir.dev/allowed-hosts`); `None` means any.
    pub allowed_hosts: Option<BTreeSet<String>>,
}

/// Which references are followed. In a cluster all of them are; files may leave whole kinds to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checking {
    /// Providers and ClusterProviders.
    pub providers: Follow,
    /// Secrets.
    pub secrets: Follow,
}

impl Default for Checking {
    fn default() -> Self {
        Self {
            providers: Follow::Always,
            secrets: Follow::Always,
        }
    }
}

/// Whether references to objects of a kind are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// What is not there is missing.
    Always,
    /// No object of the kind is known; references to it are taken on trust.
    OnTrust,
}

impl SecretFacts {
    /// Whether both offer the same keys to the same hosts, whatever stands under them.
    pub fn offers_the_same(&self, other: &Self) -> bool {
        let Self { keys, allowed_hosts } = self;
        keys.keys().eq(other.keys.keys()) && *allowed_hosts == other.allowed_hosts
    }

    /// The hosts in the text of the annotation [`ALLOWED_HOSTS`]: names with commas between, in lower case.
    pub fn parse_hosts(text: &str) -> BTreeSet<String> {
        text.split(',')
            .map(str::trim)
            .filter(|host| !host.is_empty())
            .map(str::to_ascii_lowercase)
            .collect()
    }
}
