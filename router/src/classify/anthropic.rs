//! Anthropic's errors: <https://docs.anthropic.com/en/api/errors>. The type says more than the status, except
//! that `invalid_request_error` is also what an empty account and a prompt that is too long get.

use weir_table::FailureClass;

use super::said::Said;
use super::{about_context, of_status};

/// The class of what was `said`.
pub(super) fn class(said: &Said) -> FailureClass {
    let by_status = |otherwise| said.status.map_or(otherwise, of_status);
    match said.kind.as_str() {
        "invalid_request_error" => of_invalid(said),
        "authentication_error" | "permission_error" => FailureClass::Unauthorized,
        "billing_error" => FailureClass::QuotaExhausted,
        "not_found_error" => FailureClass::ModelNotFound,
        "request_too_large" => FailureClass::RequestTooLarge,
        "rate_limit_error" => FailureClass::RateLimited,
        "timeout_error" => FailureClass::Timeout,
        "overloaded_error" => FailureClass::Overloaded,
        "api_error" => FailureClass::ServerError,
        _ => by_status(FailureClass::ServerError),
    }
}

fn of_invalid(said: &Said) -> FailureClass {
    if said.mentions(&["credit balance is too low", "specified api usage limits"]) {
        FailureClass::QuotaExhausted
    } else if said.mentions(&["blocked by content filtering policy"]) {
        FailureClass::ContentFiltered
    } else if about_context(said) {
        FailureClass::ContextLengthExceeded
    } else {
        FailureClass::InvalidRequest
    }
}
