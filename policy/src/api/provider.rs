//! The `Provider` and the `ClusterProvider`: what the prefix of a model's name means.
#![allow(
    clippy::struct_field_names,
    reason = "the API's conventions put a duration's unit into its field's name"
)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{PolicyKind, SecretKeyRef, SecretRef};
use super::status::ProviderStatus;

/// Where models are, how they are spoken to, and who pays, for one namespace.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "Provider",
    shortname = "llmp",
    category = "weir",
    category = "llm",
    namespaced,
    status = "ProviderStatus",
    derive = "PartialEq",
    doc = "What the prefix of a model's name means in one namespace. It shadows a ClusterProvider of the same name.",
    validation = Rule::new("self.metadata.name != 'policy'").message("a provider must not be called `policy`: that prefix names policies"),
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')").message("`metadata.name` must be a DNS label: 1 to 63 lower-case letters, digits and inner hyphens"),
    validation = Rule::new("!has(self.spec.apiVersion) || self.spec.dialect == 'AzureOpenAI'").message("`apiVersion` is only for the dialect AzureOpenAI"),
    validation = Rule::new("!has(self.spec.credential) || !has(self.spec.credential.ambient)").message("`credential.ambient` is only for a ClusterProvider: it is the identity of the router's own pod"),
    printcolumn(name = "Dialect", type_ = "string", json_path = ".spec.dialect", description = "How it is spoken to."),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.baseURL", description = "Where it is."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether its targets can be called."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is Ready, or not."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since it was created."),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", description = "What to do, if it is not Ready.", priority = "1")
)]
#[serde(rename_all = "camelCase")]
pub struct ProviderSpec {
    /// How it is spoken to.
    pub dialect: DialectName,
    /// Where it is: what stands before `/chat/completions`, such as `https://api.openai.com/v1`. `{region}` in it is
    /// replaced by the region.
    #[serde(rename = "baseURL")]
    #[schemars(length(min = 8, max = 1024))]
    #[x_kube(
        validation = Rule::new("self.startsWith('https://') || self.startsWith('http://')").message("`baseURL` must begin with https:// or http://"),
        validation = Rule::new("!self.contains('@') && !self.contains('?') && !self.contains('#') && !self.contains(' ')").message("`baseURL` must not have user information, query or fragment; put the key into a Secret and name it in `credential`")
    )]
    pub base_url: String,
    /// The `api-version` of Azure's classic API, such as `2024-10-21`; its addresses are then
    /// `<baseURL>/openai/deployments/<model>/…`. Without it, `baseURL` ends in `/openai/v1`. Only for AzureOpenAI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9A-Za-z.-]+$')").message("`apiVersion` must be letters, digits, dots and hyphens, such as 2024-10-21"))]
    pub api_version: Option<String>,
    /// What the provider does not have of its dialect, so that it is not asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub lacks: Vec<LackName>,
    /// Who pays. Without it nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<ProviderCredential>,
    /// The region of models that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')").message("`region` must be lower-case letters, digits and inner hyphens"))]
    pub region: Option<String>,
    /// The provider in the built-in catalogue whose models these are; by default the object's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub catalogue: Option<String>,
    /// PEM certificates of authorities to trust besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub ca_bundle: Option<String>,
    /// How long things may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<ProviderTimeouts>,
    /// Bounds on the connections that each router keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<ConnectionLimits>,
    /// Further paths that callers may use here, such as `/v1/realtime/sessions`, besides the endpoints that Weir knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 2, max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub passthrough_paths: Vec<String>,
    /// Facts about models that override the built-in catalogue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub models: Vec<ProviderModel>,
}

/// Where models are, how they are spoken to, and who pays, for every namespace.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "ClusterProvider",
    shortname = "cllmp",
    category = "weir",
    category = "llm",
    status = "ProviderStatus",
    derive = "PartialEq",
    doc = "What the prefix of a model's name means in every namespace that has no Provider of that name.",
    validation = Rule::new("self.metadata.name != 'policy'").message("a provider must not be called `policy`: that prefix names policies"),
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')").message("`metadata.name` must be a DNS label: 1 to 63 lower-case letters, digits and inner hyphens"),
    validation = Rule::new("!has(self.spec.apiVersion) || self.spec.dialect == 'AzureOpenAI'").message("`apiVersion` is only for the dialect AzureOpenAI"),
    printcolumn(name = "Dialect", type_ = "string", json_path = ".spec.dialect", description = "How it is spoken to."),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.baseURL", description = "Where it is."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether its targets can be called."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is Ready, or not."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since it was created."),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", description = "What to do, if it is not Ready.", priority = "1")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterProviderSpec {
    /// All that a Provider has. Its Secrets lie in Weir's own namespace.
    #[serde(flatten)]
    pub provider: ProviderSpec,
    /// The namespaces whose policies and callers may use it; all of them, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_namespaces: Option<Vec<String>>,
}

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DialectName {
    /// `/chat/completions`, `/embeddings` and their family: `OpenAI` and all that speak like it.
    OpenAI,
    /// `/v1/messages`.
    Anthropic,
    /// `:generateContent`.
    Gemini,
    /// `/model/{id}/converse`.
    Bedrock,
    /// Azure's deployments of `OpenAI` models.
    AzureOpenAI,
}

/// Something of its dialect that a provider may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LackName {
    /// `stream_options.include_usage`: streams are not asked for their usage.
    StreamUsage,
    /// `/responses`: what comes there goes to `/chat/completions`, translated.
    Responses,
}

/// Where the provider's key is: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.secretRef), has(self.aws), has(self.ambient)].exists_one(x, x)").message("`credential` must have exactly one of `secretRef`, `aws` and `ambient`"))]
pub struct ProviderCredential {
    /// A key in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// An AWS key pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsCredential>,
    /// The cloud identity of the router's own pod. Only for a ClusterProvider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambient: Option<Ambient>,
}

/// An AWS key pair in a Secret with the keys `accessKeyId`, `secretAccessKey` and, if need be, `sessionToken`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsCredential {
    /// The Secret.
    pub secret_ref: SecretRef,
}

/// The identity of the router's own pod: nothing to say about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Ambient {}

/// How long things may take, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderTimeouts {
    /// To an open connection; 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60))]
    pub connect_seconds: Option<i32>,
    /// To a stream's first content, while another target remains; 10 by default, 120 for a model that reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub first_token_seconds: Option<i32>,
    /// Between two pieces of a stream after its first content; 30 by default, 120 for a model that reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub stall_seconds: Option<i32>,
    /// For an answer that is not streamed, while another target remains; 90 by default, 600 for a model that reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub attempt_seconds: Option<i32>,
}

/// Bounds on the connections that each router keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionLimits {
    /// The most idle connections kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_idle: Option<i32>,
    /// How long an idle connection is kept, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub idle_seconds: Option<i32>,
}

/// Facts about one model that override the built-in catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderModel {
    /// The model's name after the provider's prefix.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PolicyKind>,
    /// What the provider calls it, if something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub upstream_name: Option<String>,
    /// Tokens that fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub context_window: Option<i64>,
    /// Tokens that an answer can have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub output_limit: Option<i64>,
    /// What requests may ask of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub features: Option<Vec<ModelFeature>>,
    /// The length of an embedding model's vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub embedding_dimensions: Option<i32>,
    /// What it costs. A price that is not given here is the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<ModelPrices>,
}

/// Something that requests may ask of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ModelFeature {
    /// Calls functions.
    Tools,
    /// Reads images.
    Images,
    /// Answers by a JSON schema.
    StructuredOutput,
    /// Thinks before it answers.
    Reasoning,
}

/// Prices in US dollars per million tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelPrices {
    /// A million tokens of prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub input: Option<f64>,
    /// A million tokens of answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub output: Option<f64>,
    /// A million tokens of prompt that the provider had cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub cache_read: Option<f64>,
    /// A million tokens of prompt that the provider puts into its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub cache_write: Option<f64>,
}
