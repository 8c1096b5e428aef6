//! What an error says, whichever provider wrote it: its words, its status, its message. Read leniently: the
//! same provider writes the same error in several shapes, and what can't be read says nothing.

use std::time::Duration;

use serde_json::Value;
use weir_dialect::Fault;

/// What an error says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The answer's status, or one that is written inside a 2xx.
    pub(super) status: Option<u16>,
    /// Its kind: `type`, `__type`, or the name of a google.rpc status.
    pub(super) kind: String,
    /// Its finer code.
    pub(super) code: String,
    /// Still finer ones: an inner error's, a reason's, a quota's.
    pub(super) inner: Vec<String>,
    /// The field at fault.
    pub(super) param: Option<String>,
    /// Its text, which may repeat what the caller wrote.
    pub(super) message: String,
    /// When to ask again.
    pub(super) retry_after: Option<Duration>,
}

impl Said {
    /// Reads an error's document: wrapped in `error`, bare, a text alone, or the first of a list.
    pub(super) fn read(body: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let first = document.get(0).unwrap_or(&document);
        match first.get("error") {
            Some(Value::String(text)) => Self {
                message: text.clone(),
                ..Self::default()
            },
            Some(error @ Value::Object(_)) => Self::of(error),
            _ => Self::of(first),
        }
    }

    /// What the dialect's own reader found.
    pub(super) fn found(fault: Fault) -> Self {
        let Fault {
            status,
            kind,
            code,
            message,
            retry_after,
        } = fault;
        let status = status.or_else(|| code.parse().ok());
        Self {
            status,
            kind,
            code,
            message,
            retry_after,
            ..Self::default()
        }
    }

    fn of(error: &Value) -> Self {
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        let kind = text("type").or_else(|| text("__type")).or_else(|| text("status"));
        let (code, details) = (error.get("code"), details(error));
        Self {
            // Some write it as a number, some as the text of one.
            status: code.and_then(|code| match code {
                Value::String(code) => code.parse().ok(),
                code => code.as_u64().and_then(|code| u16::try_from(code).ok()),
            }),
            kind: plain(kind.unwrap_or_default()).to_owned(),
            code: text("code").unwrap_or_default().to_owned(),
            inner: inner(error).chain(details.iter().flat_map(reasons)).collect(),
            param: text("param").map(str::to_owned),
            message: text("message")
                .or_else(|| text("Message"))
                .unwrap_or_default()
                .to_owned(),
            retry_after: details.iter().find_map(delay),
        }
    }

    /// Whether one of its words is one of `words`. Never its message, in which providers repeat what the
    /// caller wrote.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        let own = [&self.kind, &self.code];
        own.into_iter()
            .chain(&self.inner)
            .any(|own| words.iter().any(|word| own.eq_ignore_ascii_case(word)))
    }

    /// Whether its message holds one of `words`, which are in lower case.
    pub(super) fn mentions(&self, words: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    }
}

/// The name of an AWS error without the namespace before it and the address behind it:
/// `com.amazon.coral.service#ThrottlingException:http://…`.
pub(super) fn plain(kind: &str) -> &str {
    let name = kind.rsplit_once('#').map_or(kind, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// The `details` of a google.rpc status.
fn details(error: &Value) -> &[Value] {
    let details = error.get("details").and_then(Value::as_array);
    details.map(Vec::as_slice).unwrap_or_default()
}

/// The codes of errors inside an error, as Azure nests them.
fn inner(error: &Value) -> impl Iterator<Item = String> {
    let first = error.get("innererror").or_else(|| error.get("inner_error"));
    std::iter::successors(first, |inner| inner.get("innererror"))
        .filter_map(|inner| inner.get("code").and_then(Value::as_str))
        .map(str::to_owned)
}

/// The reason in an `ErrorInfo`, the quotas in a `QuotaFailure`:
/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>.
fn reasons(detail: &Value) -> impl Iterator<Item = String> {
    let violations = detail.get("violations").and_then(Value::as_array);
    let quotas = violations
        .into_iter()
        .flatten()
        .map(|violation| violation.get("quotaId"));
    let words = std::iter::once(detail.get("reason")).chain(quotas).flatten();
    let words: Vec<String> = words.filter_map(Value::as_str).map(str::to_owned).collect();
    words.into_iter()
}

/// The delay in a `RetryInfo`: a protobuf `Duration` in JSON, such as `39.5s`.
fn delay(detail: &Value) -> Option<Duration> {
    let text = detail.get("retryDelay")?.as_str()?;
    let seconds = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
