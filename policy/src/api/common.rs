//! Field types that several kinds share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use kube::KubeSchema;
use weir_table::FailureClass;

/// What a policy or model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyKind {
    /// Text generation.
    Chat,
    /// Vectors for texts.
    Embedding,
}

/// One key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The Secret's name. It must be labelled `weir.dev/credential: "true"`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key inside the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A whole Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The Secret's name. It must be labelled `weir.dev/credential: "true"`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The caller's own key for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialSource {
    /// The key, in a Secret of the policy's namespace.
    pub secret_ref: SecretKeyRef,
}

/// A failure after which a fallback policy may try another target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum FailureClassName {
    /// The provider could not be reached, or closed before it answered.
    ConnectFailed,
    /// The provider asks to slow down.
    RateLimited,
    /// The provider says that it is overloaded.
    Overloaded,
    /// The provider failed.
    ServerError,
    /// No content within the time allowed for the first.
    FirstTokenTimeout,
    /// No whole answer within the time allowed.
    Timeout,
    /// The stream ended before it was complete.
    StreamCut,
    /// The stream went silent.
    StreamStalled,
    /// The answer was none.
    MalformedResponse,
    /// The provider does not know the model.
    ModelNotFound,
    /// The provider refused the credential.
    Unauthorized,
    /// The credential's account has nothing left.
    QuotaExhausted,
    /// The provider did not take the request.
    InvalidRequest,
    /// The request is larger than the provider takes.
    RequestTooLarge,
    /// The prompt does not fit the model's context window.
    ContextLengthExceeded,
    /// The provider refused the content.
    ContentFiltered,
    /// The endpoint failed lately and is being left alone.
    CircuitOpen,
    /// The target can't be served.
    PolicyUnavailable,
}

impl From<FailureClassName> for FailureClass {
    fn from(name: FailureClassName) -> Self {
        match name {
            FailureClassName::ConnectFailed => Self::ConnectFailed,
            FailureClassName::RateLimited => Self::RateLimited,
            FailureClassName::Overloaded => Self::Overloaded,
            FailureClassName::ServerError => Self::ServerError,
            FailureClassName::FirstTokenTimeout => Self::FirstTokenTimeout,
            FailureClassName::Timeout => Self::Timeout,
            FailureClassName::StreamCut => Self::StreamCut,
            FailureClassName::StreamStalled => Self::StreamStalled,
            FailureClassName::MalformedResponse => Self::MalformedResponse,
            FailureClassName::ModelNotFound => Self::ModelNotFound,
            FailureClassName::Unauthorized => Self::Unauthorized,
            FailureClassName::QuotaExhausted => Self::QuotaExhausted,
            FailureClassName::InvalidRequest => Self::InvalidRequest,
            FailureClassName::RequestTooLarge => Self::RequestTooLarge,
            FailureClassName::ContextLengthExceeded => Self::ContextLengthExceeded,
            FailureClassName::ContentFiltered => Self::ContentFiltered,
            FailureClassName::CircuitOpen => Self::CircuitOpen,
            FailureClassName::PolicyUnavailable => Self::PolicyUnavailable,
        }
    }
}
