//! The closed vocabulary of failure. Decisions, metrics, logs, error bodies and status all use these
//! classes and no others; what each means for the next attempt is the router's business, not this module's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who has to act for the failure to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The request itself, or who sent it.
    Caller,
    /// The key that Weir used at the provider.
    Credential,
    /// The provider, or the way to it.
    Provider,
    /// Weir.
    Router,
}

impl Origin {
    /// The word used on the wire and as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Credential => "credential",
            Self::Provider => "provider",
            Self::Router => "router",
        }
    }
}

/// One way in which a request or an attempt can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureClass {
    /// The request is not one that the endpoint can serve.
    InvalidRequest,
    /// No key, or one that nobody holds.
    Unauthenticated,
    /// The caller may not name what it named; to the caller it does not exist.
    Forbidden,
    /// The policy, provider or model named does not exist.
    PolicyNotFound,
    /// The body is larger than the router or the provider takes.
    RequestTooLarge,
    /// The prompt does not fit the model's context window.
    ContextLengthExceeded,
    /// The provider refused the content.
    ContentFiltered,
    /// One of the caller's own limits is spent.
    LimitExceeded,
    /// The caller went away.
    Cancelled,
    /// The provider refused the credential, or it is not there.
    Unauthorized,
    /// The credential's account has nothing left.
    QuotaExhausted,
    /// No connection, or one that ended before a response head.
    ConnectFailed,
    /// The provider asks to slow down.
    RateLimited,
    /// The provider says that it is overloaded.
    Overloaded,
    /// The provider failed.
    ServerError,
    /// No content within the time allowed for the first.
    FirstTokenTimeout,
    /// No whole answer within the time allowed for an attempt.
    Timeout,
    /// The stream ended before it was complete.
    StreamCut,
    /// The stream went silent.
    StreamStalled,
    /// The answer is none: not of the dialect, or without content and reason.
    MalformedResponse,
    /// The provider does not know the model.
    ModelNotFound,
    /// The endpoint failed lately and is being left alone.
    CircuitOpen,
    /// The policy cannot be served: its table was rejected, or what it needs is gone.
    PolicyUnavailable,
    /// The request's own deadline passed.
    DeadlineExceeded,
    /// The router has as many requests in flight as it takes.
    Overload,
}

impl FailureClass {
    /// Every class, in the order of the vocabulary.
    pub const ALL: [Self; 25] = [
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::PolicyNotFound,
        Self::RequestTooLarge,
        Self::ContextLengthExceeded,
        Self::ContentFiltered,
        Self::LimitExceeded,
        Self::Cancelled,
        Self::Unauthorized,
        Self::QuotaExhausted,
        Self::ConnectFailed,
        Self::RateLimited,
        Self::Overloaded,
        Self::ServerError,
        Self::FirstTokenTimeout,
        Self::Timeout,
        Self::StreamCut,
        Self::StreamStalled,
        Self::MalformedResponse,
        Self::ModelNotFound,
        Self::CircuitOpen,
        Self::PolicyUnavailable,
        Self::DeadlineExceeded,
        Self::Overload,
    ];

    /// The class's name, as written in `spec.on`, error bodies and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequest",
            Self::Unauthenticated => "Unauthenticated",
            Self::Forbidden => "Forbidden",
            Self::PolicyNotFound => "PolicyNotFound",
            Self::RequestTooLarge => "RequestTooLarge",
            Self::ContextLengthExceeded => "ContextLengthExceeded",
            Self::ContentFiltered => "ContentFiltered",
            Self::LimitExceeded => "LimitExceeded",
            Self::Cancelled => "Cancelled",
            Self::Unauthorized => "Unauthorized",
            Self::QuotaExhausted => "QuotaExhausted",
            Self::ConnectFailed => "ConnectFailed",
            Self::RateLimited => "RateLimited",
            Self::Overloaded => "Overloaded",
            Self::ServerError => "ServerError",
            Self::FirstTokenTimeout => "FirstTokenTimeout",
            Self::Timeout => "Timeout",
            Self::StreamCut => "StreamCut",
            Self::StreamStalled => "StreamStalled",
            Self::MalformedResponse => "MalformedResponse",
            Self::ModelNotFound => "ModelNotFound",
            Self::CircuitOpen => "CircuitOpen",
            Self::PolicyUnavailable => "PolicyUnavailable",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::Overload => "Overload",
        }
    }

    /// Who has to act.
    pub const fn origin(self) -> Origin {
        match self {
            Self::InvalidRequest
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::PolicyNotFound
            | Self::RequestTooLarge
            | Self::ContextLengthExceeded
            | Self::ContentFiltered
            | Self::LimitExceeded
            | Self::Cancelled => Origin::Caller,
            Self::Unauthorized | Self::QuotaExhausted => Origin::Credential,
            Self::CircuitOpen | Self::PolicyUnavailable | Self::DeadlineExceeded | Self::Overload => {
                Origin::Router
            }
            Self::ConnectFailed
            | Self::RateLimited
            | Self::Overloaded
            | Self::ServerError
            | Self::FirstTokenTimeout
            | Self::Timeout
            | Self::StreamCut
            | Self::StreamStalled
            | Self::MalformedResponse
            | Self::ModelNotFound => Origin::Provider,
        }
    }

    /// The HTTP status that a caller sees. `Cancelled` has none that anybody reads; 499 is for logs.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::ContextLengthExceeded | Self::ContentFiltered => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::PolicyNotFound => 404,
            Self::RequestTooLarge => 413,
            Self::LimitExceeded | Self::RateLimited => 429,
            Self::Cancelled => 499,
            Self::Overloaded | Self::CircuitOpen | Self::PolicyUnavailable | Self::Overload => 503,
            Self::FirstTokenTimeout | Self::Timeout | Self::StreamStalled | Self::DeadlineExceeded => 504,
            Self::Unauthorized
            | Self::QuotaExhausted
            | Self::ConnectFailed
            | Self::ServerError
            | Self::StreamCut
            | Self::MalformedResponse
            | Self::ModelNotFound => 502,
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::FailureClass;

    #[test]
    fn every_class_is_written_as_its_name() {
        for class in FailureClass::ALL {
            let written = serde_json::to_string(&class).unwrap();
            assert_eq!(written, format!("\"{}\"", class.as_str()));
            assert_eq!(class.as_str(), format!("{class:?}"));
        }
    }

    #[test]
    fn classes_are_listed_once() {
        let mut sorted = FailureClass::ALL.to_vec();
        sorted.dedup();
        sorted.sort();
        assert_eq!(sorted, FailureClass::ALL);
    }
}
