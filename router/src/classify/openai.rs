//! `OpenAI`'s errors, and those of everything that speaks its dialect: Azure, vLLM, Ollama, `DeepSeek` and the
//! compatible endpoint of Gemini, whose errors are Google's all the same.
//!
//! Codes: <https://platform.openai.com/docs/guides/error-codes> and, for Azure,
//! <https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter>.

use weir_table::FailureClass;

use super::said::Said;
use super::{about_context, gemini, of_status};

/// The class of what was `said`.
pub(super) fn class(said: &Said) -> FailureClass {
    if gemini::wrote(said) {
        return gemini::class(said);
    }
    of_code(said).unwrap_or_else(|| match said.status {
        Some(400 | 413 | 422) | None if about_context(said) => FailureClass::ContextLengthExceeded,
        Some(status) => of_status(status),
        None => of_kind(said),
    })
}

/// Codes that mean one thing, whatever status they come with.
fn of_code(said: &Said) -> Option<FailureClass> {
    let table: [(&[&str], FailureClass); 4] = [
        (
            &[
                "insufficient_quota",
                "billing_hard_limit_reached",
                "billing_not_active",
                "billing_error",
            ],
            FailureClass::QuotaExhausted,
        ),
        (
            &[
                "content_filter",
                "content_policy_violation",
                "ResponsibleAIPolicyViolation",
            ],
            FailureClass::ContentFiltered,
        ),
        (
            &["context_length_exceeded", "exceed_context_size_error"],
            FailureClass::ContextLengthExceeded,
        ),
        (
            &["model_not_found", "DeploymentNotFound", "OperationNotSupported"],
            FailureClass::ModelNotFound,
        ),
    ];
    let found = table.iter().find(|(words, _)| said.is(words));
    found.map(|(_, class)| *class)
}

/// What a kind or a code means where there is no status.
fn of_kind(said: &Said) -> FailureClass {
    let table: [(&[&str], FailureClass); 5] = [
        (
            &[
                "rate_limit_error",
                "rate_limit_exceeded",
                "tokens",
                "requests",
                "too_many_requests",
            ],
            FailureClass::RateLimited,
        ),
        (
            &["overloaded_error", "overloaded", "ServiceUnavailable"],
            FailureClass::Overloaded,
        ),
        (
            &["authentication_error", "permission_error", "invalid_api_key"],
            FailureClass::Unauthorized,
        ),
        (&["timeout", "timeout_error"], FailureClass::Timeout),
        (
            &["invalid_request_error", "BadRequestError"],
            FailureClass::InvalidRequest,
        ),
    ];
    let found = table.iter().find(|(words, _)| said.is(words));
    found.map_or(FailureClass::ServerError, |(_, class)| *class)
}
