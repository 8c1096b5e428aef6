//! What goes wrong, as one value: its class decides, its text explains. Its body has the shape of
//! `OpenAI`'s errors, with Weir's own fields beside theirs. Never holds a secret, a prompt or an answer.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use weir_table::{FailureClass, Origin};

/// One failure of a request or of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which of the closed vocabulary.
    pub(crate) class: FailureClass,
    /// What happened and what to do, for the caller to read.
    pub(crate) message: Cow<'static, str>,
    /// What the provider or the field at fault adds to it.
    pub(crate) detail: Detail,
    /// When it is worth asking again, counted from the failure, if anyone said so.
    pub(crate) retry_after: Option<Duration>,
}

/// The machine-readable rest of an `OpenAI` error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    /// `type`; by the class unless the provider said one.
    pub(crate) kind: Option<String>,
    /// The field at fault.
    pub(crate) param: Option<String>,
    /// `code`; by the class unless the provider said one.
    pub(crate) code: Option<String>,
}

impl Failure {
    /// A failure of `class` with its explanation.
    pub(crate) fn new(class: FailureClass, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            class,
            message: message.into(),
            detail: Detail::default(),
            retry_after: None,
        }
    }

    /// A request whose field `param` is at fault.
    pub(crate) fn invalid(param: &str, message: impl Into<Cow<'static, str>>) -> Self {
        let detail = Detail {
            param: Some(param.to_owned()),
            ..Detail::default()
        };
        Self {
            detail,
            ..Self::invalid_body(message)
        }
    }

    /// A request whose body as a whole is at fault.
    pub(crate) fn invalid_body(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FailureClass::InvalidRequest, message)
    }

    /// The body of an error answer.
    pub(crate) fn body(&self) -> Bytes {
        let error = self.written();
        Bytes::from(serde_json::to_vec(&Envelope { error }).unwrap_or_default())
    }

    /// The event that ends a stream which can't be completed.
    pub(crate) fn event(&self) -> Bytes {
        let mut event = b"data: ".to_vec();
        event.extend_from_slice(&self.body());
        event.extend_from_slice(b"\n\n");
        Bytes::from(event)
    }

    fn written(&self) -> Written<'_> {
        Written {
            message: &self.message,
            kind: self.detail.kind.as_deref().unwrap_or_else(|| kind(self.class)),
            param: self.detail.param.as_deref(),
            code: self.detail.code.as_deref().or_else(|| code(self.class)),
            origin: self.class.origin(),
            class: self.class,
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Written<'a>,
}

/// `OpenAI`'s four, all of which are always written, and ours.
#[derive(Serialize)]
struct Written<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
    origin: Origin,
    class: FailureClass,
}

/// The `type` that `OpenAI`'s SDKs know for such an error.
fn kind(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Unauthenticated => "authentication_error",
        FailureClass::LimitExceeded | FailureClass::RateLimited => "rate_limit_error",
        _ if class.origin() == Origin::Caller => "invalid_request_error",
        _ => "server_error",
    }
}

/// The `code` that `OpenAI`'s SDKs know for such an error.
fn code(class: FailureClass) -> Option<&'static str> {
    match class {
        FailureClass::PolicyNotFound | FailureClass::Forbidden => Some("model_not_found"),
        FailureClass::ContextLengthExceeded => Some("context_length_exceeded"),
        FailureClass::ContentFiltered => Some("content_filter"),
        FailureClass::RateLimited => Some("rate_limit_exceeded"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use weir_table::FailureClass;

    use super::Failure;

    #[test]
    fn an_error_has_all_four_fields_of_openai_and_ours() {
        let failure = Failure::new(FailureClass::PolicyNotFound, "no such policy");
        let body: serde_json::Value = serde_json::from_slice(&failure.body()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"error": {
                "message": "no such policy", "type": "invalid_request_error", "param": null,
                "code": "model_not_found", "origin": "caller", "class": "PolicyNotFound",
            }})
        );
    }

    #[test]
    fn an_in_band_error_is_one_event() {
        let event = Failure::new(FailureClass::StreamCut, "cut").event();
        let text = std::str::from_utf8(&event).unwrap();
        assert!(
            text.starts_with("data: {\"error\":") && text.ends_with("}\n\n"),
            "{text}"
        );
    }
}
