//! Bedrock's errors: the name of an exception, in the header `x-amzn-errortype`, in the body's `__type`, or as
//! the type of a message inside a stream. Names and statuses:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html> and `CommonErrors.html`
//! beside it.

use http::HeaderMap;
use weir_table::FailureClass;

use super::said::{Said, plain};
use super::{about_context, of_status};

/// Where the name of an exception is.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// Takes the exception's name from where AWS puts it.
pub(super) fn named(said: &mut Said, headers: &HeaderMap) {
    let name = headers.get(ERROR_TYPE).and_then(|name| name.to_str().ok());
    if let Some(name) = name {
        plain(name).clone_into(&mut said.kind);
    }
}

/// The class of what was `said`.
pub(super) fn class(said: &Said) -> FailureClass {
    // Inside a stream the same names begin in lower case.
    match said
        .kind
        .trim_end_matches("Exception")
        .to_ascii_lowercase()
        .as_str()
    {
        "throttling" | "toomanyrequests" => FailureClass::RateLimited,
        // The account's, and no pause changes it.
        "servicequotaexceeded" => FailureClass::QuotaExhausted,
        // It is still being loaded.
        "modelnotready" | "serviceunavailable" => FailureClass::Overloaded,
        "modeltimeout" => FailureClass::Timeout,
        "modelerror" | "modelstreamerror" | "internalserver" | "internalfailure" => FailureClass::ServerError,
        "accessdenied" => of_denied(said),
        "unrecognizedclient"
        | "expiredtoken"
        | "invalidsignature"
        | "incompletesignature"
        | "missingauthenticationtoken"
        | "invalidclienttokenid"
        | "notauthorized"
        | "optinrequired"
        | "signaturedoesnotmatch" => FailureClass::Unauthorized,
        "resourcenotfound" => FailureClass::ModelNotFound,
        "validation" => of_invalid(said),
        _ => said.status.map_or(FailureClass::ServerError, of_status),
    }
}

/// Access is given model by model: one that is not given says nothing about the credential's others.
fn of_denied(said: &Said) -> FailureClass {
    if said.mentions(&["access to the model", "model access is denied"]) {
        FailureClass::ModelNotFound
    } else {
        FailureClass::Unauthorized
    }
}

fn of_invalid(said: &Said) -> FailureClass {
    if about_context(said)
        || said.mentions(&["input is too long", "too many tokens", "too many input tokens"])
    {
        FailureClass::ContextLengthExceeded
    } else if said.mentions(&[
        "model identifier is invalid",
        "on-demand throughput",
        "model id is invalid",
    ]) {
        FailureClass::ModelNotFound
    } else if said.mentions(&["blocked by content filtering policy"]) {
        FailureClass::ContentFiltered
    } else {
        FailureClass::InvalidRequest
    }
}
