//! Google's errors: a google.rpc status by name, with details.
//! Names: <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>; what Gemini means by
//! them: <https://ai.google.dev/gemini-api/docs/troubleshooting>.

use std::time::{Duration, SystemTime};

use weir_table::FailureClass;

use super::said::Said;
use super::{about_context, of_status};

/// The reasons for which a prompt or an answer is blocked.
const BLOCKS: [&str; 7] = [
    "SAFETY",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
    "RECITATION",
    "SPII",
    "IMAGE_SAFETY",
    "JAILBREAK",
];

/// Whether Google wrote it: a kind that only its statuses have.
pub(super) fn wrote(said: &Said) -> bool {
    of_name(&said.kind).is_some()
}

/// The class of what was `said`.
pub(super) fn class(said: &Said) -> FailureClass {
    match of_name(&said.kind) {
        _ if said.is(&BLOCKS) => FailureClass::ContentFiltered,
        Some(FailureClass::InvalidRequest) => of_invalid(said),
        Some(FailureClass::RateLimited) => of_exhausted(said),
        Some(class) => class,
        None => said.status.map_or(FailureClass::ServerError, of_status),
    }
}

/// When a model's quota of a day is filled again: at midnight in California, which is at 08:00 UTC in winter
/// and an hour earlier in summer (<https://ai.google.dev/gemini-api/docs/rate-limits>). What the error itself
/// says is only for its quotas of a minute.
pub(super) fn next_day(said: &Said, now: SystemTime) -> Option<Duration> {
    const DAY: u64 = 86_400;
    const REFILLED: u64 = 8 * 3_600;
    if !is_of_a_day(said) {
        return None;
    }
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs() % DAY;
    Some(Duration::from_secs(DAY - (since + DAY - REFILLED) % DAY))
}

fn of_name(name: &str) -> Option<FailureClass> {
    Some(match name {
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => FailureClass::InvalidRequest,
        // Where it is not offered, or not without billing.
        "FAILED_PRECONDITION" | "UNAUTHENTICATED" | "PERMISSION_DENIED" => FailureClass::Unauthorized,
        "NOT_FOUND" => FailureClass::ModelNotFound,
        "RESOURCE_EXHAUSTED" => FailureClass::RateLimited,
        "UNAVAILABLE" => FailureClass::Overloaded,
        "DEADLINE_EXCEEDED" => FailureClass::Timeout,
        "INTERNAL" | "UNKNOWN" | "ABORTED" | "CANCELLED" | "DATA_LOSS" | "UNIMPLEMENTED" => {
            FailureClass::ServerError
        }
        _ => return None,
    })
}

fn of_invalid(said: &Said) -> FailureClass {
    if said.is(&["API_KEY_INVALID"]) || said.mentions(&["api key not valid", "api key expired"]) {
        FailureClass::Unauthorized
    } else if about_context(said) || said.mentions(&["exceeds the maximum number of tokens"]) {
        FailureClass::ContextLengthExceeded
    } else {
        FailureClass::InvalidRequest
    }
}

/// A day's quota is a model's, as most are, or the whole account's: only the latter stops other models.
fn of_exhausted(said: &Said) -> FailureClass {
    let of_account = |quota: &String| quota.contains("PerDay") && !quota.contains("PerModel");
    if said.inner.iter().any(of_account) || said.mentions(&["spending cap"]) {
        FailureClass::QuotaExhausted
    } else {
        FailureClass::RateLimited
    }
}

fn is_of_a_day(said: &Said) -> bool {
    said.inner.iter().any(|quota| quota.contains("PerDay"))
}
