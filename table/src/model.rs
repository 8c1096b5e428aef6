//! What a routing table is made of. Plain values: [`crate::check`] says which of them may be served,
//! [`crate::codec`] how they are written. A policy is a self-contained tree; it refers to nothing but
//! the provider entries of its own table.
//!
//! Every map is a `BTreeMap` and every field is written in the order given here, so that equal tables
//! are equal bytes. A field that is empty or absent is not written: adding one later changes no digest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::AccessKey;
use crate::base_url::BaseUrl;
use crate::credential::{Credential, CredentialId};
use crate::failure::FailureClass;
use crate::price::Prices;
use crate::select::seed;

/// Everything that routers need to serve one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Whose table this is.
    pub scope: Scope,
    /// Policies by name. Empty in the cluster's table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, Policy>,
    /// Providers by name: those which the policies use, and those which this scope offers to direct calls.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, ProviderEntry>,
    /// Credentials that are named here and whose Secret or key is gone: targets that need one fail, and no
    /// router waits for its value.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub missing: BTreeSet<CredentialId>,
    /// The callers of this namespace, by the names of their AccessKeys. Empty in the cluster's table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access_keys: BTreeMap<String, AccessKey>,
}

impl Table {
    /// A table with nothing in it.
    pub const fn empty(scope: Scope) -> Self {
        Self {
            scope,
            policies: BTreeMap::new(),
            providers: BTreeMap::new(),
            missing: BTreeSet::new(),
            access_keys: BTreeMap::new(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        let Self {
            scope: _,
            policies,
            providers,
            missing: _,
            access_keys,
        } = self;
        policies.is_empty() && providers.is_empty() && access_keys.is_empty()
    }

    /// Every credential that a router must hold to serve this table.
    pub fn credentials(&self) -> BTreeSet<&CredentialId> {
        let of_models = self.policies.values().flat_map(|policy| policy.root.models());
        let own = of_models.filter_map(|model| model.credential.as_ref());
        let managed = self
            .providers
            .values()
            .filter_map(ProviderEntry::live)
            .map(|provider| &provider.credential);
        own.chain(managed)
            .filter_map(Credential::id)
            .filter(|id| !self.missing.contains(*id))
            .collect()
    }
}

/// Whose requests a table serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Direct `<provider>/<model>` calls of every namespace.
    Cluster,
    /// The policies and providers of one namespace.
    Namespace(String),
}

/// What a model or policy is for. The two never mix below one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelKind {
    /// Text generation.
    Chat,
    /// Vectors for texts.
    Embedding,
    /// Nobody has said; served on every endpoint.
    Unknown,
}

/// One policy: the tree behind `policy/<name>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// What the policy is for.
    pub kind: ModelKind,
    /// Namespaces, besides its own, whose callers may name it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expose_to: BTreeSet<String>,
    /// A [`Node::Split`] or [`Node::Chain`] that bears the policy's name.
    pub root: Node,
}

/// A place in a policy's tree. What stands there may stand elsewhere, too: copying a tree copies no more than a
/// pointer, and [`crate::Checked::shared`] makes one of equal models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Node {
    /// A load-balancing policy: one target by weight.
    Split(Arc<Split>),
    /// A fallback policy: targets in order.
    Chain(Arc<Chain>),
    /// A model: where requests leave.
    Model(Arc<Model>),
}

impl From<Split> for Node {
    fn from(split: Split) -> Self {
        Self::Split(Arc::new(split))
    }
}

impl From<Chain> for Node {
    fn from(chain: Chain) -> Self {
        Self::Chain(Arc::new(chain))
    }
}

impl From<Model> for Node {
    fn from(model: Model) -> Self {
        Self::Model(Arc::new(model))
    }
}

impl Node {
    /// The nodes directly below this one.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (split, chain) = match self {
            Self::Split(split) => (split.targets.as_slice(), [].as_slice()),
            Self::Chain(chain) => ([].as_slice(), chain.rungs.as_slice()),
            Self::Model(_) => ([].as_slice(), [].as_slice()),
        };
        split
            .iter()
            .map(|target| &target.node)
            .chain(chain.iter().map(|rung| &rung.node))
    }

    /// The models below this node, from left to right.
    pub fn models(&self) -> Vec<&Model> {
        match self {
            Self::Model(model) => vec![model],
            _ => self.children().flat_map(Self::models).collect(),
        }
    }

    /// The name of the policy or model that this node stands for.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Split(split) => &split.policy,
            Self::Chain(chain) => &chain.policy,
            Self::Model(model) => &model.model,
        }
    }

    /// The name of the policy that this node stands for, if it is one.
    pub fn policy_name(&self) -> Option<&str> {
        match self {
            Self::Split(split) => Some(&split.policy),
            Self::Chain(chain) => Some(&chain.policy),
            Self::Model(_) => None,
        }
    }
}

/// A load-balancing policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "WrittenSplit")]
pub struct Split {
    /// The policy's name, a step of `x-weir-path`.
    pub policy: String,
    /// What sets this level's draw apart from every other level's.
    pub salt: String,
    /// Where the key comes from, in order; empty means the product's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_from: Vec<KeySource>,
    /// The targets, in the order written; the order has no meaning.
    pub targets: Vec<SplitTarget>,
}

/// A [`Split`] as it stands in a document: seeds are not written, they follow from salt and names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenSplit {
    policy: String,
    salt: String,
    #[serde(default)]
    key_from: Vec<KeySource>,
    targets: Vec<SplitTarget>,
}

impl From<WrittenSplit> for Split {
    fn from(
        WrittenSplit {
            policy,
            salt,
            key_from,
            targets,
        }: WrittenSplit,
    ) -> Self {
        Self::new(policy, salt, key_from, targets)
    }
}

impl Split {
    /// A split whose targets hold their seeds.
    pub fn new(
        policy: String,
        salt: String,
        key_from: Vec<KeySource>,
        mut targets: Vec<SplitTarget>,
    ) -> Self {
        for target in &mut targets {
            target.seed = seed(&salt, &target.name);
        }
        Self {
            policy,
            salt,
            key_from,
            targets,
        }
    }
}

/// One target of a [`Split`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitTarget {
    /// The target's identity for hashing.
    pub name: String,
    /// Its weight, as parsed: 0, or 1e-6 to 1e9.
    pub weight: f64,
    /// What stands behind it.
    pub node: Node,
    /// `XXH3_64(salt ‖ 0x00 ‖ name)`; set by [`Split::new`], never written.
    #[serde(skip)]
    seed: u64,
}

impl SplitTarget {
    /// A target that takes its seed from the split that it is put into.
    pub const fn new(name: String, weight: f64, node: Node) -> Self {
        Self {
            name,
            weight,
            node,
            seed: 0,
        }
    }

    /// The seed of this target's hash.
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}

/// One place where a request's key may be found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeySource {
    /// A request header, in lower case.
    Header(String),
    /// A body field: a top-level name, or two names with a dot between.
    Field(String),
}

/// A fallback policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// The policy's name, a step of `x-weir-path`.
    pub policy: String,
    /// The failures after which another target is tried; `None` means the product's table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<BTreeSet<FailureClass>>,
    /// The waits between attempts at one target.
    #[serde(default, skip_serializing_if = "Backoff::is_default")]
    pub backoff: Backoff,
    /// How long the request may take until its answer begins, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The targets, in order.
    pub rungs: Vec<Rung>,
}

/// The waits between attempts at one target, in milliseconds: `initial · 2ⁿ`, at most `max`, ±10 % jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backoff {
    /// The first wait.
    pub initial_ms: u64,
    /// The longest wait.
    pub max_ms: u64,
    /// The longest Retry-After that is waited for while another target remains.
    pub max_retry_after_ms: u64,
}

impl Backoff {
    /// 500 ms doubling to 4 s, and 5 s of Retry-After: the documented defaults of the product.
    pub const DEFAULT: Self = Self {
        initial_ms: 500,
        max_ms: 4_000,
        max_retry_after_ms: 5_000,
    };

    fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One target of a [`Chain`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rung {
    /// Further attempts after the first; always 0 beside a policy.
    pub retries: u8,
    /// What this rung allows instead of its provider's times.
    #[serde(default, skip_serializing_if = "Timeouts::is_unset")]
    pub timeouts: Timeouts,
    /// What stands behind it.
    pub node: Node,
}

/// Times that an object sets, in milliseconds; what is `None` comes from the next wider object, and at
/// last from the router's defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// To an open connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<u64>,
    /// From the attempt's begin to a stream's first content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// Between two pieces of a stream after the first content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_ms: Option<u64>,
    /// For a whole answer that is not streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_ms: Option<u64>,
}

impl Timeouts {
    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// A model at a provider, with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// The target as written in the policy: `<provider>/<model>[@region]`.
    pub model: String,
    /// The key of its entry in [`Table::providers`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// What the provider calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub upstream: String,
    /// The region after the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The target's own credential; `None` means the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// Tokens that fit, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// Whether it thinks before it answers, and so may be silent for longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// What its tokens cost, as far as known.
    #[serde(default, skip_serializing_if = "Prices::is_unknown")]
    pub prices: Prices,
}

/// What a provider's name stands for just now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProviderEntry {
    /// It can be called.
    Live(Box<Provider>),
    /// A last good policy names it, and it is gone or not accepted: its targets fail.
    Gone,
}

impl ProviderEntry {
    /// The provider, if it can be called.
    pub fn live(&self) -> Option<&Provider> {
        match self {
            Self::Live(provider) => Some(provider),
            Self::Gone => None,
        }
    }
}

/// A provider: an address, a way of speaking, and who pays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// Where it is defined.
    pub owner: Owner,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Where it is; `{region}` stands for the region.
    pub base_url: BaseUrl,
    /// The version of Azure's classic API, if it is that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// What it does not have of its dialect.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lacks: BTreeSet<Lack>,
    /// The region of models that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What is sent unless a target has its own.
    pub credential: Credential,
    /// PEM certificates of further authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
    /// Its times.
    #[serde(default, skip_serializing_if = "Timeouts::is_unset")]
    pub timeouts: Timeouts,
    /// Its connections.
    #[serde(default, skip_serializing_if = "Connections::is_unset")]
    pub connections: Connections,
    /// Further paths that may be passed through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passthrough_paths: Vec<String>,
    /// Namespaces that may use it; `None` means all. Only ever set on the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<BTreeSet<String>>,
    /// Models that direct calls may name and that need facts; filled only in the owner's own table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, DirectModel>,
}

/// Who defines a provider, and so in which table direct calls find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// A `ClusterProvider`.
    Cluster,
    /// A `Provider` of the table's namespace.
    Namespace,
}

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dialect {
    /// `/chat/completions` and its family.
    OpenAI,
    /// `/v1/messages`.
    Anthropic,
    /// `:generateContent`.
    Gemini,
    /// `/converse`.
    Bedrock,
    /// Azure's deployments of `OpenAI` models.
    AzureOpenAI,
}

/// Something of its dialect that a provider may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lack {
    /// `stream_options.include_usage`.
    StreamUsage,
    /// `/responses`.
    Responses,
}

/// Bounds on the connections to one endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// The most idle connections kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_idle: Option<u32>,
    /// How long an idle connection is kept, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
}

impl Connections {
    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of a model that is called directly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectModel {
    /// What it is for.
    pub kind: ModelKind,
    /// What the provider calls it, where that differs, by region; the key `""` is for any other region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upstream: BTreeMap<String, String>,
    /// Whether it thinks before it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// What its tokens cost, as far as known.
    #[serde(default, skip_serializing_if = "Prices::is_unknown")]
    pub prices: Prices,
}
