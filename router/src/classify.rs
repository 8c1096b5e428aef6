//! Which failure an answer is: from its status, its error object and its headers, as its dialect means them.
//! Pure. What a provider writes is passed on only where it is about the request, never where it is about
//! the credential or the provider itself, and never more than a little of it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use weir_dialect::Fault;
use weir_table::{Dialect, FailureClass, Origin};

use crate::error::{Detail, Failure};

/// The most of a provider's own text that is passed on, in bytes.
const QUOTED: usize = 2_048;

/// The longest time after which a provider is believed to want to be asked again.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

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

    /// Whether its code or its type is one of `words`. Never its message, in which providers repeat what the
    /// caller wrote.
    fn is(&self, words: &[&str]) -> bool {
        words
            .iter()
            .any(|word| self.code() == *word || self.kind() == *word)
    }

    /// Whether its message holds one of `words`.
    fn mentions(&self, words: &[&str]) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    }
}

/// The failure that an answer other than 2xx is.
pub(crate) fn answer(
    _dialect: Dialect,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Failure {
    let said = Said::read(body);
    let class = of_status(status.as_u16(), &said);
    let mut failure = explain(class, &format!("answered {}", status.as_u16()), said);
    failure.retry_after = retry_after(headers, now);
    failure
}

/// The failure that an error inside a 2xx is. `error` is the error object, or what is there instead of one.
pub(crate) fn in_band(dialect: Dialect, error: &[u8]) -> Failure {
    inside(dialect, Said::read(error))
}

/// The failure that an error inside a 2xx is, once the dialect's reader has taken it apart.
#[expect(dead_code, reason = "called where answers are translated")]
pub(crate) fn fault(dialect: Dialect, fault: Fault) -> Failure {
    let Fault {
        status,
        kind,
        code,
        message,
        retry_after,
    } = fault;
    let said = Said {
        message: Some(message),
        kind: Some(Value::from(kind)),
        param: None,
        code: Some(status.map_or_else(|| Value::from(code), Value::from)),
    };
    Failure {
        retry_after: retry_after.map(|wait| wait.min(LONGEST_WAIT)),
        ..inside(dialect, said)
    }
}

fn inside(_dialect: Dialect, said: Said) -> Failure {
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
    if said.is(&[
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
    ]) {
        return FailureClass::QuotaExhausted;
    }
    match status {
        400 | 413 | 422 if about_context(said) => FailureClass::ContextLengthExceeded,
        400..=499 if said.is(&["content_filter", "content_policy_violation"]) => {
            FailureClass::ContentFiltered
        }
        400 | 404 if said.is(&["model_not_found"]) => FailureClass::ModelNotFound,
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
    said.is(&["context_length_exceeded"])
        || said.mentions(&[
            "context_length_exceeded",
            "maximum context length",
            "context window",
            "context length",
            "prompt is too long",
        ])
}

fn explain(class: FailureClass, did: &str, said: Said) -> Failure {
    match class.origin() {
        // Only where the caller is at fault do the provider's own words mean what the caller takes them for.
        Origin::Caller => quote(class, did, said),
        Origin::Credential => Failure::new(
            class,
            format!("the provider {did}: it does not accept the credential, or has nothing left for it"),
        ),
        Origin::Provider | Origin::Router => Failure::new(class, format!("the provider {did}")),
    }
}

fn quote(class: FailureClass, did: &str, said: Said) -> Failure {
    let text = match said.message.as_deref().map(str::trim) {
        Some(message) if !message.is_empty() => format!("the provider {did}: {}", shortened(message)),
        _ => format!("the provider {did}"),
    };
    let word = |value: Option<Value>| {
        value
            .as_ref()
            .and_then(Value::as_str)
            .map(|word| shortened(word).to_owned())
    };
    let detail = Detail {
        kind: word(said.kind),
        param: word(said.param),
        code: word(said.code),
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

/// When the provider wants to be asked again, at most [`LONGEST_WAIT`] from now.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    told_wait(headers, now).map(|wait| wait.min(LONGEST_WAIT))
}

/// What `retry-after-ms` says, else `retry-after`, in seconds or as a date.
fn told_wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
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
