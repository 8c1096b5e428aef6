//! What the operator reports. Nothing in it ticks: a status that says the same is the same bytes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::common::PolicyKind;

/// What became of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// The generation of the spec that this status is about; -1 before the first look.
    #[serde(default = "before_the_first_look")]
    pub observed_generation: i64,
    /// `Accepted`, `ResolvedRefs`, `Programmed` and their summary `Ready`; `Reconciling` while something is under
    /// way, `Stalled` for what only an edit of this object can mend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// What the policy is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PolicyKind>,
    /// The targets in one line, with percentages, or in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<String>,
    /// The share of requests that each target gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub distribution: Vec<TargetShare>,
    /// The digest of the policy's tree as published; a neighbour's change does not touch it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// One target's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetShare {
    /// The target's name.
    pub target: String,
    /// Its share of the policy's requests, in percent.
    pub percent: f64,
}

/// What became of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// The generation of the spec that this status is about; -1 before the first look.
    #[serde(default = "before_the_first_look")]
    pub observed_generation: i64,
    /// `Accepted`, `ResolvedRefs` and their summary `Ready`; `Reconciling` while a Secret is missing, `Stalled` for
    /// what only an edit of this object can mend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// What became of an `AccessKey`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeyStatus {
    /// The generation of the spec that this status is about; -1 before the first look.
    #[serde(default = "before_the_first_look")]
    pub observed_generation: i64,
    /// `Accepted`, `ResolvedRefs` and their summary `Ready`; `Reconciling` while a Secret is missing, `Stalled` for
    /// what only an edit of this object can mend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A fresh object must not look as if it had been seen.
const fn before_the_first_look() -> i64 {
    -1
}
