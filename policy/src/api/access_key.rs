//! The `AccessKey`: a caller.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::common::SecretKeyRef;
use super::status::AccessKeyStatus;

/// Lets whoever holds one of its keys call Weir as a member of its namespace, and says which policies and
/// models may be named.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "AccessKey",
    plural = "accesskeys",
    shortname = "ak",
    category = "weir",
    category = "llm",
    namespaced,
    status = "AccessKeyStatus",
    derive = "PartialEq",
    doc = "Lets whoever holds one of its keys call Weir as a member of its namespace. The keys lie in Secrets.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')").message("`metadata.name` must be a DNS label: 1 to 63 lower-case letters, digits and inner hyphens"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether every key of it is in order."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is Ready, or not."),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expiresAt", description = "From when on all of its keys are refused."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since it was created."),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", description = "What to do, if it is not Ready.", priority = "1")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.keys) || self.keys.all(k, self.keys.exists_one(u, u.secretRef.name == k.secretRef.name && u.secretRef.key == k.secretRef.key))").message("every entry of `keys` must name another key of a Secret"))]
pub struct AccessKeySpec {
    /// The keys, 1 to 8, each of which is enough. More than one while a key is being replaced by another.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub keys: Vec<CallerKey>,
    /// From when on all keys are refused, such as `2027-01-31T00:00:00Z`. By default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 20, max = 35), extend("format" = "date-time"))]
    pub expires_at: Option<String>,
    /// The policies that may be named: `<name>` in this namespace, `<namespace>/<name>` or `<namespace>/*` where
    /// other namespaces expose theirs to this one, `*` for all of these. By default all of them; an empty list
    /// means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 127)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("!self.exists(p, p.startsWith('policy/'))").message("write the policy's bare name: `<name>`, without `policy/`; the prefix is for callers"),
        validation = Rule::new("self.all(p, p.startsWith('policy/') || p.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?([*]|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$'))").message("`policies` must be a list of <name>, <namespace>/<name>, <namespace>/* or *")
    )]
    pub policies: Option<Vec<String>>,
    /// The models that may be named without a policy: `<provider>/<model>`, `<provider>/*`, or `*` for all that
    /// this namespace can reach. By default none. What a policy reaches needs no entry here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("!self.exists(m, m.startsWith('policy/'))").message("a policy belongs into `policies`, by its bare name"),
        validation = Rule::new("self.all(m, m == '*' || m.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/.+$'))").message("`models` must be a list of <provider>/<model>, <provider>/* or *")
    )]
    pub models: Vec<String>,
    /// Refuses all keys until it is taken away again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// One key that callers may present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallerKey {
    /// The key, in a Secret of this namespace: at least 32 visible ASCII characters.
    pub secret_ref: SecretKeyRef,
    /// From when on this key is refused, if earlier than all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 20, max = 35), extend("format" = "date-time"))]
    pub expires_at: Option<String>,
}
