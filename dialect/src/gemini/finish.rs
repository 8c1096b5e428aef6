//! Why Gemini's answers end. <https://ai.google.dev/api/generate-content#FinishReason>

use crate::form::Finish;

/// What a reason for ending means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The answer is whole, or cut short for a reason that callers know.
    So(Finish),
    /// The model went wrong; what it said so far is no answer.
    Failed,
}

/// What `reason` means for an answer that called tools or not.
pub(super) fn ended(reason: &str, calls: u32) -> Ended {
    match reason {
        "MAX_TOKENS" | "CONTINUATION" => Ended::So(Finish::Length),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED" => Ended::So(Finish::ContentFilter),
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "NO_IMAGE"
        | "IMAGE_OTHER"
        | "OTHER" => Ended::Failed,
        _ if calls > 0 => Ended::So(Finish::ToolCalls),
        _ => Ended::So(Finish::Stop),
    }
}
