//! The `LoadBalancingPolicy`.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::common::{CredentialSource, PolicyKind};
use super::status::PolicyStatus;

/// Spreads requests over models, or over other policies, by weight. The same key (by default the
/// request's `requesty.trace_id` or `requesty.user_id`) always goes to the same target.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "LoadBalancingPolicy",
    plural = "loadbalancingpolicies",
    shortname = "lbp",
    category = "weir",
    category = "llm",
    namespaced,
    status = "PolicyStatus",
    derive = "PartialEq",
    doc = "Spreads requests over models, or over other policies, by weight. Callers name it as `policy/<name>`.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')").message("`metadata.name` must be a DNS label: 1 to 63 lower-case letters, digits and inner hyphens"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".status.targets", description = "The targets with the share of requests that each gets."),
    printcolumn(name = "Kind", type_ = "string", json_path = ".status.kind", description = "What the policy is for."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether the current spec is what every router serves."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is Ready, or not."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since it was created."),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", description = "What to do, if it is not Ready.", priority = "1"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.digest", description = "The digest of the policy's tree.", priority = "1")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.targets) || self.targets.exists(t, t.weight > 0.0)").message("at least one target must have a `weight` above 0: with all of them 0 no request could go anywhere"),
    validation = Rule::new("!has(self.targets) || self.targets.all(t, self.targets.exists_one(u, (has(u.name) ? u.name : has(u.model) ? u.model : 'policy/' + u.policy) == (has(t.name) ? t.name : has(t.model) ? t.model : 'policy/' + t.policy)))").message("every target must have a name of its own: a model that is meant to appear twice needs `name` on one of the two")
)]
pub struct LoadBalancingPolicySpec {
    /// The targets, 1 to 64. Their order has no meaning.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub targets: Vec<WeightedTarget>,
    /// What sets this policy's draw apart from every other policy's; by default `<namespace>/<name>`. Give two
    /// policies the same salt, and the same targets' names, to send the same users the same way in both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub salt: Option<String>,
    /// Where the key comes from, tried in order. By default: `requesty.trace_id`, `requesty.user_id`, then the
    /// headers `X-Requesty-Trace-Id` and `X-Requesty-User-Id`. A request with no key gets a random one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub key_from: Vec<KeyFrom>,
    /// What the policy is for. Found out from its models; needed only when none of them is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PolicyKind>,
    /// Other namespaces whose callers may name this policy, as `policy/<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub expose_to: Vec<String>,
}

/// One target of a `LoadBalancingPolicy`: a model or another policy, and its weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.model) != has(self.policy)").message("a target must have exactly one of `model` and `policy`"),
    validation = Rule::new("has(self.model) || !has(self.credential)").message("`credential` goes with `model`; a policy's targets have their own")
)]
pub struct WeightedTarget {
    /// What this target is called in the draw; by default the model, or `policy/<name>`. Renaming a target
    /// moves its users; giving a new model the old one's name keeps them together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// A model, as `<provider>/<model>` or `<provider>/<model>@<region>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 253))]
    #[x_kube(
        validation = Rule::new("!self.startsWith('policy/')").message("to send requests to a policy write `policy: <name>` instead of `model: policy/<name>`"),
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
    /// The target's part of the requests, relative to the other weights: 0, or 0.000001 to 1000000000. The
    /// weights need not add up to 100. 0 takes the target out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, range(min = 0.0, max = 1_000_000_000.0))]
    #[x_kube(validation = Rule::new("self == 0.0 || self >= 0.000001").message("`weight` must be 0, or from 0.000001 to 1000000000"))]
    pub weight: Option<f64>,
    /// Your own key for this target. Without it the provider's key is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialSource>,
}

/// One place where a request's key may be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.header) != has(self.field)").message("a key source must have exactly one of `header` and `field`"))]
pub struct KeyFrom {
    /// The name of a request header, such as `x-session-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')").message("`header` must be the name of an HTTP header"))]
    pub header: Option<String>,
    /// A field of the request's body: a top-level name such as `user`, or two names with a dot between, such as
    /// `metadata.user_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)?$')").message("`field` must be one name, or two with a dot between"))]
    pub field: Option<String>,
}
