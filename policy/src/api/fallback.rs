//! The `FallbackPolicy`.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::common::{CredentialSource, FailureClassName, PolicyKind};
use super::status::PolicyStatus;

/// Tries models, or other policies, in order, with retries and backoff, until one of them answers.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "FallbackPolicy",
    plural = "fallbackpolicies",
    shortname = "fbp",
    category = "weir",
    category = "llm",
    namespaced,
    status = "PolicyStatus",
    derive = "PartialEq",
    doc = "Tries models, or other policies, in order, until one of them answers. Callers name it as `policy/<name>`.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')").message("`metadata.name` must be a DNS label: 1 to 63 lower-case letters, digits and inner hyphens"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".status.targets", description = "The targets, in the order in which they are tried."),
    printcolumn(name = "Kind", type_ = "string", json_path = ".status.kind", description = "What the policy is for."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether the current spec is what every router serves."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is Ready, or not."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since it was created."),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", description = "What to do, if it is not Ready.", priority = "1"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.digest", description = "The digest of the policy's tree.", priority = "1")
)]
#[serde(rename_all = "camelCase")]
pub struct FallbackPolicySpec {
    /// The targets, 1 to 64, in the order in which they are tried.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub targets: Vec<FallbackTarget>,
    /// The failures after which another attempt or target is tried; any other failure is the answer. By default
    /// all but `ContentFiltered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub on: Option<Vec<FailureClassName>>,
    /// The waits between attempts at one target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<BackoffSpec>,
    /// How long the request may take until its answer begins, all attempts and waits together, in seconds; 600 by
    /// default. A caller can ask for less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub deadline_seconds: Option<i32>,
    /// What the policy is for. Found out from its models; needed only when none of them is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PolicyKind>,
    /// Other namespaces whose callers may name this policy, as `policy/<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub expose_to: Vec<String>,
}

/// One target of a `FallbackPolicy`: a model or another policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.model) != has(self.policy)").message("a target must have exactly one of `model` and `policy`"),
    validation = Rule::new("has(self.model) || !has(self.retries)").message("`retries` goes with `model`; a policy inside a chain runs once per visit"),
    validation = Rule::new("has(self.model) || !(has(self.credential) || has(self.firstTokenTimeoutSeconds) || has(self.timeoutSeconds))").message("`credential` and timeouts go with `model`; a policy's targets have their own")
)]
pub struct FallbackTarget {
    /// A model, as `<provider>/<model>` or `<provider>/<model>@<region>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 253))]
    #[x_kube(
        validation = Rule::new("!self.startsWith('policy/')").message("to try a policy write `policy: <name>` instead of `model: policy/<name>`"),
        validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/.+$')").message("`model` must be <provider>/<model>, such as openai/gpt-4o; the provider is the name of a Provider or ClusterProvider")
    )]
    pub model: Option<String>,
    /// Another policy of this namespace, by its bare name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = Rule::new("!self.startsWith('policy/')").message("write the policy's bare name: `policy: <name>`, without `policy/`; the prefix is for callers"),
        validation = Rule::new("self.startsWith('policy/') || self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')").message("`policy` must be the name of a policy in this namespace: a DNS label")
    )]
    pub policy: Option<String>,
    /// Further attempts at this model after the first, 0 to 10; 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10))]
    pub retries: Option<i32>,
    /// Your own key for this target. Without it the provider's key is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialSource>,
    /// How long a stream may take to its first content while another target remains, in seconds; by default the
    /// provider's, else 10, and 120 for a model that reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub first_token_timeout_seconds: Option<i32>,
    /// How long an answer that is not streamed may take while another target remains, in seconds; by default the
    /// provider's, else 90, and 600 for a model that reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: Option<i32>,
}

/// The waits between attempts at one target: `initial · 2ⁿ`, at most `max`, each ±10 % jitter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackoffSpec {
    /// The first wait, in milliseconds; 500 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60_000))]
    pub initial_milliseconds: Option<i32>,
    /// The longest wait, in milliseconds; 4000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300_000))]
    pub max_milliseconds: Option<i32>,
    /// The longest Retry-After that is waited for while another target remains, in seconds; 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 600))]
    pub max_retry_after_seconds: Option<i32>,
}
