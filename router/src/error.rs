//! What goes wrong, as one value: its class decides, its text explains. It is written as its caller's dialect
//! writes errors, with Weir's own fields beside. Never holds a secret, a prompt or an answer.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use weir_dialect::messages;
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

    /// The body of the error answer to the request `id`.
    pub(crate) fn body(&self, voice: Voice, id: &str) -> Bytes {
        Bytes::from(match voice {
            Voice::OpenAi | Voice::Responses => json(&Envelope {
                error: self.written(),
            }),
            Voice::Anthropic => {
                messages::error_body(self.anthropic_kind(), &self.message, id, &self.beside())
            }
        })
    }

    /// The event that ends a stream which can't be completed, in answer to the request `id`.
    pub(crate) fn event(&self, voice: Voice, id: &str) -> Bytes {
        let mut event = Vec::new();
        match voice {
            Voice::OpenAi => data(
                &Envelope {
                    error: self.written(),
                },
                &mut event,
            ),
            Voice::Responses => {
                event.extend_from_slice(b"event: error\n");
                data(&Flat::of(self.written()), &mut event);
            }
            Voice::Anthropic => {
                let kind = self.anthropic_kind();
                messages::error_event(kind, &self.message, id, &self.beside(), &mut event);
            }
        }
        Bytes::from(event)
    }

    fn anthropic_kind(&self) -> &'static str {
        messages::error_kind(self.class.status())
    }

    /// What stands beside the fields that Anthropic's SDKs know.
    fn beside(&self) -> [(&'static str, &'static str); 2] {
        [
            ("origin", self.class.origin().as_str()),
            ("class", self.class.as_str()),
        ]
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

/// In whose shape an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// `{"error": {…}}`, in streams too.
    OpenAi,
    /// `{"type": "error", "error": {…}}`, and an event named `error`.
    /// <https://docs.anthropic.com/en/api/errors>
    Anthropic,
    /// As `OpenAI`'s, and in streams an event named `error` with the fields outside.
    /// <https://platform.openai.com/docs/api-reference/responses-streaming/error>
    Responses,
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Appends an event without a name.
fn data(value: &impl Serialize, into: &mut Vec<u8>) {
    into.extend_from_slice(b"data: ");
    into.extend_from_slice(&json(value));
    into.extend_from_slice(b"\n\n");
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Written<'a>,
}

/// The same error outside and inside: some SDKs look here and some there.
#[derive(Serialize)]
struct Flat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    error: Written<'a>,
}

impl<'a> Flat<'a> {
    fn of(error: Written<'a>) -> Self {
        Self {
            kind: "error",
            code: error.code,
            message: error.message,
            param: error.param,
            error,
        }
    }
}

/// `OpenAI`'s four, all of which are always written, and ours.
#[derive(Clone, Copy, Serialize)]
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
        FailureClass::Unauthenticated => Some("invalid_api_key"),
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

    use super::{Failure, Voice};

    #[test]
    fn an_error_has_all_four_fields_of_openai_and_ours() {
        let failure = Failure::new(FailureClass::PolicyNotFound, "no such policy");
        for voice in [Voice::OpenAi, Voice::Responses] {
            let body: serde_json::Value = serde_json::from_slice(&failure.body(voice, "req_1")).unwrap();
            assert_eq!(
                body,
                serde_json::json!({"error": {
                    "message": "no such policy", "type": "invalid_request_error", "param": null,
                    "code": "model_not_found", "origin": "caller", "class": "PolicyNotFound",
                }})
            );
        }
    }

    #[test]
    fn anthropics_errors_say_their_type_twice_and_whose_they_are() {
        let failure = Failure::new(FailureClass::RateLimited, "slower");
        let body: serde_json::Value =
            serde_json::from_slice(&failure.body(Voice::Anthropic, "req_1")).unwrap();
        assert_eq!(
            (&body["type"], &body["error"]["type"], &body["error"]["class"]),
            (&"error".into(), &"rate_limit_error".into(), &"RateLimited".into())
        );
        assert_eq!(body["request_id"], "req_1");
    }

    #[test]
    fn an_in_band_error_is_one_event() {
        let failure = Failure::new(FailureClass::StreamCut, "cut");
        for (voice, begins) in [
            (Voice::OpenAi, "data: {\"error\":{"),
            (
                Voice::Anthropic,
                "event: error\ndata: {\"type\":\"error\",\"error\":{",
            ),
            (
                Voice::Responses,
                "event: error\ndata: {\"type\":\"error\",\"code\":",
            ),
        ] {
            let event = failure.event(voice, "req_1");
            let text = std::str::from_utf8(&event).unwrap();
            assert!(text.starts_with(begins) && text.ends_with("}\n\n"), "{text}");
        }
    }
}
