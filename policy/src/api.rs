//! The custom resources: spec and status as people write and read them, and nothing else.
//!
//! What one object alone can show is refused by the API server, through the bounds and CEL rules here;
//! everything, these rules included, is checked again by [`crate::validate`]. So the types are lenient
//! where a good message is better than a failure to decode: `weight` may be absent, `model` and `policy`
//! may both be there.
//!
//! Types here must not hold logic beyond what a field means by itself.

#![allow(
    unreachable_pub,
    reason = "KubeSchema repeats each struct inside a function of its own"
)]

mod access_key;
mod common;
mod fallback;
mod load_balancing;
mod provider;
mod status;

pub use access_key::{AccessKey, AccessKeySpec, CallerKey};
pub use common::{CredentialSource, FailureClassName, PolicyKind, SecretKeyRef, SecretRef};
pub use fallback::{BackoffSpec, FallbackPolicy, FallbackPolicySpec, FallbackTarget};
pub use load_balancing::{KeyFrom, LoadBalancingPolicy, LoadBalancingPolicySpec, WeightedTarget};
pub use provider::{
    Ambient, AwsCredential, ClusterProvider, ClusterProviderSpec, ConnectionLimits, DialectName, LackName,
    ModelFeature, ModelPrices, Provider, ProviderCredential, ProviderModel, ProviderSpec, ProviderTimeouts,
};
pub use status::{AccessKeyStatus, PolicyStatus, ProviderStatus, TargetShare};

/// The API group of every kind.
pub const GROUP: &str = "weir.dev";

/// The version of every kind.
pub const VERSION: &str = "v1alpha1";
