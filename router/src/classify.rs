//! Which failure an answer is: from its status, its error object and its headers, as its dialect means them.
//! Pure. What a provider writes is passed on only where it is about the request, never where it is about
//! the credential or the provider itself, and never more than a little of it.

mod anthropic;
mod bedrock;
mod gemini;
mod openai;
mod recovery;
mod said;

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use said::Said;
use weir_dialect::Fault;
use weir_table::{Dialect, FailureClass, Origin};

use crate::error::{Detail, Failure};

/// The most of a provider's own text that is passed on, in bytes.
const QUOTED: usize = 2_048;

/// What an error inside a 2xx did.
const INSIDE: &str = "sent an error inside its answer";

/// The failure that an answer other than 2xx is.
pub(crate) fn answer(
    dialect: Dialect,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Failure {
    if status.is_redirection() {
        return redirected(status);
    }
    let mut said = Said::read(body);
    said.status = Some(status.as_u16());
    if dialect == Dialect::Bedrock {
        bedrock::named(&mut said, headers);
    }
    let inside = said.retry_after.map(|wait| wait.min(recovery::LONGEST));
    let retry_after = gemini::next_day(&said, now)
        .or(recovery::told(headers, now))
        .or(inside);
    let did = format!("answered {}", status.as_u16());
    Failure {
        retry_after,
        ..explain(dialect, class(dialect, &said), &did, said)
    }
}

/// The failure that an error inside a 2xx is. `error` is the error object, or what is there instead of one.
pub(crate) fn in_band(dialect: Dialect, error: &[u8]) -> Failure {
    inside(dialect, Said::read(error))
}

/// The failure that an error inside a 2xx is, once the dialect's reader has taken it apart.
pub(crate) fn fault(dialect: Dialect, fault: Fault) -> Failure {
    inside(dialect, Said::found(fault))
}

fn inside(dialect: Dialect, mut said: Said) -> Failure {
    // A code of 200 or 0 is no status of an error.
    said.status = said.status.filter(|status| (400..=599).contains(status));
    let retry_after = said.retry_after.map(|wait| wait.min(recovery::LONGEST));
    Failure {
        retry_after,
        ..explain(dialect, class(dialect, &said), INSIDE, said)
    }
}

fn class(dialect: Dialect, said: &Said) -> FailureClass {
    match dialect {
        Dialect::OpenAI | Dialect::AzureOpenAI => openai::class(said),
        Dialect::Anthropic => anthropic::class(said),
        Dialect::Gemini => gemini::class(said),
        Dialect::Bedrock => bedrock::class(said),
    }
}

/// What a status means where nothing else is said.
fn of_status(status: u16) -> FailureClass {
    match status {
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
    said.mentions(&[
        "context_length_exceeded",
        "maximum context length",
        "maximum model length",
        "maximum prompt length",
        "context window",
        "context length",
        "context limit",
        "context size",
        "prompt is too long",
    ])
}

/// No redirect is followed, because the key would go along; and asking again would lead to the same one.
fn redirected(status: StatusCode) -> Failure {
    let text = format!(
        "the provider answered {}, a redirect, which is not followed; its baseURL must be the address that \
         answers",
        status.as_u16()
    );
    Failure::new(FailureClass::ModelNotFound, text)
}

fn explain(dialect: Dialect, class: FailureClass, did: &str, said: Said) -> Failure {
    match class.origin() {
        // Only where the caller is at fault do the provider's own words mean what the caller takes them for.
        Origin::Caller => quote(dialect, class, did, said),
        Origin::Credential => Failure::new(
            class,
            format!("the provider {did}: it does not accept the credential, or has nothing left for it"),
        ),
        Origin::Provider | Origin::Router => Failure::new(class, format!("the provider {did}")),
    }
}

fn quote(dialect: Dialect, class: FailureClass, did: &str, said: Said) -> Failure {
    let text = match said.message.trim() {
        "" => format!("the provider {did}"),
        message => format!("the provider {did}: {}", shortened(message)),
    };
    Failure {
        detail: detail(dialect, said),
        ..Failure::new(class, text)
    }
}

/// The words that `OpenAI`'s callers know; other dialects' are none of theirs.
fn detail(dialect: Dialect, said: Said) -> Detail {
    match dialect {
        Dialect::OpenAI | Dialect::AzureOpenAI => {
            let word = |word: String| Some(shortened(&word).to_owned()).filter(|word| !word.is_empty());
            Detail {
                kind: word(said.kind),
                param: said.param.and_then(word),
                code: word(said.code),
            }
        }
        Dialect::Anthropic | Dialect::Gemini | Dialect::Bedrock => Detail::default(),
    }
}

fn shortened(text: &str) -> &str {
    let end = (0..=QUOTED.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests;
