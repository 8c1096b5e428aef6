//! What each dialect's errors look like, and which class each is.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use weir_dialect::Fault;
use weir_table::Dialect::{self, Anthropic, AzureOpenAI, Bedrock, Gemini, OpenAI};
use weir_table::FailureClass as C;
use weir_table::FailureClass;

use super::super::{answer, fault, in_band};
use crate::error::Failure;

fn morning() -> SystemTime {
    httpdate::parse_http_date("Fri, 02 Jan 2026 06:00:00 GMT").unwrap()
}

fn of(dialect: Dialect, status: u16, headers: &HeaderMap, body: &str) -> Failure {
    let status = StatusCode::from_u16(status).unwrap();
    answer(dialect, status, headers, body.as_bytes(), morning())
}

/// Bodies with the status that they came with; 200 for errors inside an answer.
fn check(dialect: Dialect, cases: &[(u16, &str, FailureClass)]) {
    for (status, body, class) in cases {
        let failure = match status {
            200 => in_band(dialect, body.as_bytes()),
            _ => of(dialect, *status, &HeaderMap::new(), body),
        };
        assert_eq!(failure.class, *class, "{dialect:?} {status} {body}");
    }
}

#[test]
fn openai_and_what_speaks_its_dialect() {
    check(
        OpenAI,
        &[
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                C::QuotaExhausted,
            ),
            (
                429,
                r#"{"error":{"message":"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
                C::RateLimited,
            ),
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
                C::Unauthorized,
            ),
            (
                403,
                r#"{"error":{"message":"Project `proj_x` does not have access to model `gpt-5`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
                C::ModelNotFound,
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
                C::ContextLengthExceeded,
            ),
            // vLLM and llama.cpp.
            (
                400,
                r#"{"object":"error","message":"The decoder prompt (length 9000) is longer than the maximum model length of 8192.","type":"BadRequestError","param":null,"code":400}"#,
                C::ContextLengthExceeded,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
                C::ContextLengthExceeded,
            ),
            (
                400,
                r#"{"error":{"message":"Your request was rejected as a result of our safety system.","type":"image_generation_user_error","param":null,"code":"content_policy_violation"}}"#,
                C::ContentFiltered,
            ),
            // Gemini's compatible endpoint answers in Google's shape, as a list.
            (
                400,
                r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
                C::Unauthorized,
            ),
            (
                200,
                r#"{"message":"Rate limit","type":null,"code":"429"}"#,
                C::RateLimited,
            ),
            (
                200,
                r#"{"message":"Provider returned error","code":502}"#,
                C::ServerError,
            ),
            (
                200,
                r#"{"message":"The server had an error","type":"server_error","code":null}"#,
                C::ServerError,
            ),
            (
                200,
                r#"{"message":"filtered","code":"content_filter"}"#,
                C::ContentFiltered,
            ),
            (
                200,
                r#"{"message":"?","code":"insufficient_quota"}"#,
                C::QuotaExhausted,
            ),
            (200, r#"{"message":"?","code":0}"#, C::ServerError),
        ],
    );
}

#[test]
fn azure() {
    check(
        AzureOpenAI,
        &[
            (
                400,
                r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#,
                C::ContentFiltered,
            ),
            (
                400,
                r#"{"error":{"message":"x","type":null,"param":"prompt","code":"400","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
                C::ContentFiltered,
            ),
            (
                404,
                r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
                C::ModelNotFound,
            ),
            (
                400,
                r#"{"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not work with the specified model"}}"#,
                C::ModelNotFound,
            ),
            (
                401,
                r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#,
                C::Unauthorized,
            ),
            (
                408,
                r#"{"error":{"code":"Timeout","message":"The operation was timeout."}}"#,
                C::Timeout,
            ),
            (
                429,
                r#"{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded call rate limit."}}"#,
                C::RateLimited,
            ),
            (
                200,
                r#"{"code":"429","message":"Requests have exceeded call rate limit."}"#,
                C::RateLimited,
            ),
            (
                200,
                r#"{"code":"InternalServerError","message":"x"}"#,
                C::ServerError,
            ),
        ],
    );
}

#[test]
fn anthropic() {
    let error = |kind: &str, message: &str| {
        format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
        )
    };
    let cases = [
        (
            400,
            "invalid_request_error",
            "messages: at least one message is required",
            C::InvalidRequest,
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
            C::QuotaExhausted,
        ),
        (
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on 2026-02-01.",
            C::QuotaExhausted,
        ),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 200049 tokens > 200000 maximum",
            C::ContextLengthExceeded,
        ),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            C::ContextLengthExceeded,
        ),
        (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
            C::ContentFiltered,
        ),
        (401, "authentication_error", "invalid x-api-key", C::Unauthorized),
        (402, "billing_error", "x", C::QuotaExhausted),
        (403, "permission_error", "x", C::Unauthorized),
        (404, "not_found_error", "model: claude-9", C::ModelNotFound),
        (
            413,
            "request_too_large",
            "Request exceeds the maximum size",
            C::RequestTooLarge,
        ),
        (429, "rate_limit_error", "x", C::RateLimited),
        (500, "api_error", "Internal server error", C::ServerError),
        (504, "timeout_error", "x", C::Timeout),
        (529, "overloaded_error", "Overloaded", C::Overloaded),
    ];
    for (status, kind, message, class) in cases {
        // The same inside a stream that began with a 200.
        check(
            Anthropic,
            &[
                (status, &error(kind, message), class),
                (200, &error(kind, message), class),
            ],
        );
    }
    check(
        Anthropic,
        &[(502, "<html>", C::ServerError), (429, "", C::RateLimited)],
    );
}

fn exhausted(quotas: &[&str], delay: &str) -> String {
    let violations: Vec<_> = quotas
        .iter()
        .map(|quota| {
            format!(r#"{{"quotaMetric":"m","quotaId":"{quota}","quotaDimensions":{{"model":"g"}}}}"#)
        })
        .collect();
    format!(
        r#"{{"error":{{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{}]}},{{"@type":"type.googleapis.com/google.rpc.Help","links":[]}},{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{delay}"}}]}}}}"#,
        violations.join(",")
    )
}

#[test]
fn gemini() {
    check(
        Gemini,
        &[
            (
                400,
                r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#,
                C::Unauthorized,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
                C::ContextLengthExceeded,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"Please ensure that function call turn comes immediately after a user turn","status":"INVALID_ARGUMENT"}}"#,
                C::InvalidRequest,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#,
                C::Unauthorized,
            ),
            (
                403,
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#,
                C::Unauthorized,
            ),
            (
                404,
                r#"{"error":{"code":404,"message":"models/gemini-9 is not found for API version v1beta","status":"NOT_FOUND"}}"#,
                C::ModelNotFound,
            ),
            (
                500,
                r#"{"error":{"code":500,"status":"INTERNAL"}}"#,
                C::ServerError,
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}"#,
                C::Overloaded,
            ),
            (
                504,
                r#"{"error":{"code":504,"status":"DEADLINE_EXCEEDED"}}"#,
                C::Timeout,
            ),
            (
                200,
                r#"{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}"#,
                C::Overloaded,
            ),
            (429, "", C::RateLimited),
        ],
    );
}

#[test]
fn a_quota_of_gemini_is_a_rate_limit_unless_it_is_the_accounts_whole_day() {
    let told = |quotas: &[&str]| {
        let failure = of(Gemini, 429, &HeaderMap::new(), &exhausted(quotas, "39.5s"));
        (failure.class, failure.retry_after)
    };
    let minute = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
    let day = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
    assert_eq!(
        told(&[minute]),
        (C::RateLimited, Some(Duration::from_millis(39_500)))
    );
    assert_eq!(
        told(&[minute, day]),
        (C::RateLimited, Some(Duration::from_hours(2))),
        "a model's day ends at midnight in California, 08:00 UTC, and another model may have some left"
    );
    assert_eq!(told(&["GenerateRequestsPerDayPerProject"]).0, C::QuotaExhausted);
}

#[test]
fn a_block_of_gemini_is_a_filter() {
    for kind in ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST"] {
        let blocked = Fault {
            kind: kind.to_owned(),
            ..Fault::default()
        };
        assert_eq!(fault(Gemini, blocked).class, C::ContentFiltered);
    }
}

/// What Bedrock calls its errors, wherever it says so: status, name, message.
const BEDROCK: &[(u16, &str, &str, C)] = &[
    (
        429,
        "ThrottlingException",
        "Too many tokens, please wait before trying again.",
        C::RateLimited,
    ),
    (429, "ModelNotReadyException", "x", C::Overloaded),
    (400, "ServiceQuotaExceededException", "x", C::QuotaExhausted),
    (408, "ModelTimeoutException", "x", C::Timeout),
    (424, "ModelErrorException", "x", C::ServerError),
    (424, "ModelStreamErrorException", "x", C::ServerError),
    (500, "InternalServerException", "x", C::ServerError),
    (503, "ServiceUnavailableException", "x", C::Overloaded),
    (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        C::Unauthorized,
    ),
    (403, "ExpiredTokenException", "x", C::Unauthorized),
    (403, "InvalidSignatureException", "x", C::Unauthorized),
    (
        403,
        "AccessDeniedException",
        "User is not authorized to perform: bedrock:InvokeModel",
        C::Unauthorized,
    ),
    (
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
        C::ModelNotFound,
    ),
    (404, "ResourceNotFoundException", "x", C::ModelNotFound),
    (
        400,
        "ValidationException",
        "Input is too long for requested model.",
        C::ContextLengthExceeded,
    ),
    (
        400,
        "ValidationException",
        "The model returned the following errors: prompt is too long: 200049 tokens > 200000 maximum",
        C::ContextLengthExceeded,
    ),
    (
        400,
        "ValidationException",
        "The provided model identifier is invalid.",
        C::ModelNotFound,
    ),
    (
        400,
        "ValidationException",
        "Invocation of model ID x with on-demand throughput isn’t supported.",
        C::ModelNotFound,
    ),
    (
        400,
        "ValidationException",
        "messages: roles must alternate",
        C::InvalidRequest,
    ),
];

#[test]
fn bedrock() {
    for &(status, name, message, class) in BEDROCK {
        let bare = format!(r#"{{"message":"{message}"}}"#);
        let headers = |text: String| {
            HeaderMap::from_iter([("x-amzn-errortype".parse().unwrap(), text.parse().unwrap())])
        };
        let far = headers(format!(
            "{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"
        ));
        assert_eq!(
            of(Bedrock, status, &far, &bare).class,
            class,
            "{name} in a header"
        );
        let typed = format!(r#"{{"__type":"com.amazon.coral.service#{name}","message":"{message}"}}"#);
        assert_eq!(
            of(Bedrock, status, &HeaderMap::new(), &typed).class,
            class,
            "{name} in the body"
        );
        let in_stream = Fault {
            kind: format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]),
            message: message.to_owned(),
            ..Fault::default()
        };
        assert_eq!(fault(Bedrock, in_stream).class, class, "{name} inside a stream");
    }
    check(
        Bedrock,
        &[
            (403, r#"{"Message":"Authentication failed"}"#, C::Unauthorized),
            (502, "", C::ServerError),
        ],
    );
}

#[test]
fn the_words_of_another_dialect_are_not_handed_on() {
    let body =
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: required"}}"#;
    let failure = of(Anthropic, 400, &HeaderMap::new(), body);
    assert!(
        failure.message.ends_with("max_tokens: required"),
        "{}",
        failure.message
    );
    assert_eq!(failure.detail.kind, None);
}

#[test]
fn a_recovery_inside_an_error_is_known_too() {
    let told = Fault {
        status: Some(429),
        retry_after: Some(Duration::from_secs(7)),
        ..Fault::default()
    };
    assert_eq!(fault(OpenAI, told).retry_after, Some(Duration::from_secs(7)));
}
