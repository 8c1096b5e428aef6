//! Which failure an answer of the `OpenAI` dialect is: from its status, its error object and its headers.
//! Pure. What a provider writes is passed on only where it is about the request, never where it is about
//! the credential, and never more than a little of it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use weir_table::{FailureClass, Origin};

use crate::error::{Detail, Failure};

/// The most of a provider's own text that is passed on, in bytes.
const QUOTED: usize = 2_048;

/// The fields of an `OpenAI` error that mean something to the router.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Value>,
    param: Option<Value>,
    code: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Document {
    Wrapped { error: Said },
    Text { error: String },
    Bare(Said),
}

impl Said {
    fn read(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Document::Wrapped { error } | Document::Bare(error)) => error,
            Ok(Document::Text { error }) => Self {
                message: Some(error),
                ..Self::default()
            },
            Err(_) => Self::default(),
        }
    }

    fn kind(&self) -> &str {
        self.kind.as_ref().and_then(Value::as_str).unwrap_or_default()
    }

    fn code(&self) -> &str {
        self.code.as_ref().and_then(Value::as_str).unwrap_or_default()
    }

    fn says(&self, words: &[&str]) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        words
            .iter()
            .any(|word| self.code() == *word || self.kind() == *word || message.contains(word))
    }
}

/// The failure that an answer other than 2xx is.
pub(crate) fn answer(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Failure {
    let said = Said::read(body);
    let class = of_status(status.as_u16(), &said);
    let mut failure = explain(class, &format!("answered {}", status.as_u16()), said);
    failure.retry_after = retry_after(headers, now);
    failure
}

/// The failure that an error inside a 2xx is.
pub(crate) fn in_band(error: &[u8]) -> Failure {
    let said = Said::read(error);
    let status = said
        .code
        .as_ref()
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok());
    let class = match status {
        Some(status) if status >= 400 => of_status(status, &said),
        _ => of_words(&said),
    };
    explain(class, "sent an error inside its answer", said)
}

fn of_words(said: &Said) -> FailureClass {
    match said.kind() {
        "rate_limit_error" | "rate_limit_exceeded" | "tokens" | "requests" => of_status(429, said),
        "overloaded_error" | "overloaded" => FailureClass::Overloaded,
        "authentication_error" | "permission_error" => FailureClass::Unauthorized,
        "insufficient_quota" | "billing_error" => FailureClass::QuotaExhausted,
        "invalid_request_error" => of_status(400, said),
        _ if said.code() == "rate_limit_exceeded" => FailureClass::RateLimited,
        _ => of_status(500, said),
    }
}

fn of_status(status: u16, said: &Said) -> FailureClass {
    if said.says(&[
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
    ]) {
        return FailureClass::QuotaExhausted;
    }
    match status {
        400 | 413 | 422 if about_context(said) => FailureClass::ContextLengthExceeded,
        400..=499 if said.says(&["content_filter", "content_policy_violation"]) => {
            FailureClass::ContentFiltered
        }
        400 | 404 if said.says(&["model_not_found"]) => FailureClass::ModelNotFound,
        401 | 403 | 407 => FailureClass::Unauthorized,
        402 => FailureClass::QuotaExhausted,
        404 => FailureClass::ModelNotFound,
        408 | 504 => FailureClass::Timeout,
        413 => FailureClass::RequestTooLarge,
        429 => FailureClass::RateLimited,
        409 | 424 => FailureClass::ServerError,
        400..=499 => FailureClass::InvalidRequest,
        503 | 529 => FailureClass::Overloaded,
        500..=599 => FailureClass::ServerError,
        _ => FailureClass::MalformedResponse,
    }
}

/// Providers agree on no code for this, but on a few words.
fn about_context(said: &Said) -> bool {
    said.says(&[
        "context_length_exceeded",
        "maximum context length",
        "context window",
        "context length",
        "prompt is too long",
    ])
}

fn explain(class: FailureClass, did: &str, said: Said) -> Failure {
    if class.origin() == Origin::Credential {
        let text =
            format!("the provider {did}: it does not accept the credential, or has nothing left for it");
        return Failure::new(class, text);
    }
    let Said {
        message,
        kind,
        param,
        code,
    } = said;
    let text = match message.as_deref().map(str::trim) {
        Some(message) if !message.is_empty() => format!("the provider {did}: {}", shortened(message)),
        _ => format!("the provider {did}"),
    };
    let word = |value: Option<Value>| {
        value
            .as_ref()
            .and_then(Value::as_str)
            .map(|word| shortened(word).to_owned())
    };
    // Only where the caller is at fault do the provider's own words mean what the caller's SDK takes them for.
    let detail = match class.origin() {
        Origin::Caller => Detail {
            kind: word(kind),
            param: word(param),
            code: word(code),
        },
        _ => Detail::default(),
    };
    Failure {
        detail,
        ..Failure::new(class, text)
    }
}

fn shortened(text: &str) -> &str {
    let end = (0..=QUOTED.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// When the provider wants to be asked again: `retry-after-ms`, else `retry-after` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let number = |text: &str, unit: f64| {
        let seconds = text.parse::<f64>().ok().map(|number| number * unit);
        seconds
            .filter(|seconds| *seconds >= 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    };
    let millis = ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .find_map(text);
    if let Some(wait) = millis.and_then(|text| number(text, 0.001)) {
        return Some(wait);
    }
    let after = text("retry-after")?;
    let date = || {
        httpdate::parse_http_date(after)
            .ok()
            .map(|at| at.duration_since(now).unwrap_or_default())
    };
    number(after, 1.0).or_else(date)
}

#[cfg(test)]
mod tests;
