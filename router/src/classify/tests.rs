//! What providers say, and which class it is; here what holds for all of them.

mod dialects;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};
use weir_table::FailureClass as C;
use weir_table::{Dialect, FailureClass};

use super::{answer, in_band};
use crate::error::{Failure, Voice};

fn of(status: u16, body: &str) -> Failure {
    answer(
        Dialect::OpenAI,
        StatusCode::from_u16(status).unwrap(),
        &HeaderMap::new(),
        body.as_bytes(),
        SystemTime::UNIX_EPOCH,
    )
}

#[test]
fn a_status_has_its_class() {
    let cases: [(u16, FailureClass); 20] = [
        (400, C::InvalidRequest),
        (401, C::Unauthorized),
        (402, C::QuotaExhausted),
        (403, C::Unauthorized),
        (404, C::ModelNotFound),
        (405, C::InvalidRequest),
        (408, C::Timeout),
        (409, C::ServerError),
        (413, C::RequestTooLarge),
        (422, C::InvalidRequest),
        (424, C::ServerError),
        (429, C::RateLimited),
        (500, C::ServerError),
        (501, C::ServerError),
        (502, C::ServerError),
        (503, C::Overloaded),
        (504, C::Timeout),
        (529, C::Overloaded),
        (302, C::ModelNotFound),
        (418, C::InvalidRequest),
    ];
    for (status, class) in cases {
        for body in ["", "<html>", "{}"] {
            assert_eq!(of(status, body).class, class, "{status} {body}");
        }
    }
}

#[test]
fn what_the_body_says_comes_before_the_status() {
    let cases = [
        (
            429,
            r#"{"error":{"code":"insufficient_quota"}}"#,
            C::QuotaExhausted,
        ),
        (
            429,
            r#"{"error":{"type":"insufficient_quota","code":null}}"#,
            C::QuotaExhausted,
        ),
        (
            400,
            r#"{"error":{"code":"context_length_exceeded"}}"#,
            C::ContextLengthExceeded,
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#,
            C::ContextLengthExceeded,
        ),
        (400, r#"{"error":{"code":"content_filter"}}"#, C::ContentFiltered),
        (
            400,
            r#"{"error":{"code":"content_policy_violation"}}"#,
            C::ContentFiltered,
        ),
        (400, r#"{"error":{"code":"model_not_found"}}"#, C::ModelNotFound),
        (400, r#"{"error":"just text"}"#, C::InvalidRequest),
        (
            400,
            r#"{"message":"bare","code":"content_filter"}"#,
            C::ContentFiltered,
        ),
    ];
    for (status, body, class) in cases {
        assert_eq!(of(status, body).class, class, "{status} {body}");
    }
}

#[test]
fn errors_inside_an_answer_have_classes_too() {
    let cases = [
        (r#"{"type":"rate_limit_error"}"#, C::RateLimited),
        (r#"{"code":"rate_limit_exceeded"}"#, C::RateLimited),
        (r#"{"type":"overloaded_error"}"#, C::Overloaded),
        (r#"{"type":"server_error"}"#, C::ServerError),
        (r#"{"message":"?"}"#, C::ServerError),
        (
            r#"{"type":"invalid_request_error","code":"context_length_exceeded"}"#,
            C::ContextLengthExceeded,
        ),
        (r#"{"code":429}"#, C::RateLimited),
        (r#"{"code":503}"#, C::Overloaded),
    ];
    for (error, class) in cases {
        assert_eq!(in_band(Dialect::OpenAI, error.as_bytes()).class, class, "{error}");
    }
}

#[test]
fn what_a_provider_writes_of_a_credential_is_withheld() {
    for status in [401, 402, 403] {
        let failure = of(
            status,
            r#"{"error":{"message":"Incorrect API key provided: sk-secret","code":"sk-secret"}}"#,
        );
        assert!(!String::from_utf8_lossy(&failure.body(Voice::OpenAi, "")).contains("sk-secret"));
    }
}

#[test]
fn what_a_provider_writes_of_itself_is_withheld() {
    let said =
        r#"{"message":"Rate limit in organization org-1. Key sk-live-1","type":"org-1","code":"org-1"}"#;
    for status in [404, 408, 409, 429, 500, 503] {
        let failure = of(status, &format!(r#"{{"error":{said}}}"#));
        assert_eq!(failure.message, format!("the provider answered {status}"));
        assert!(!String::from_utf8_lossy(&failure.body(Voice::OpenAi, "")).contains("-1"));
    }
    let failure = in_band(Dialect::OpenAI, said.as_bytes());
    assert_eq!(failure.message, "the provider sent an error inside its answer");
}

#[test]
fn a_redirect_says_where_to_look() {
    for status in [301, 302, 307, 308] {
        let failure = of(status, "<html>");
        assert_eq!(failure.class, C::ModelNotFound);
        assert!(failure.message.contains("baseURL"), "{}", failure.message);
    }
}

#[test]
fn a_text_that_a_provider_repeats_is_no_code() {
    for word in [
        "insufficient_quota",
        "billing_not_active",
        "content_filter",
        "model_not_found",
    ] {
        let failure = of(
            400,
            &format!(r#"{{"error":{{"message":"unknown field {word}"}}}}"#),
        );
        assert_eq!(failure.class, C::InvalidRequest, "{word}");
    }
}

#[test]
fn what_a_provider_writes_of_the_request_is_passed_on_within_bounds() {
    let long = "é".repeat(4_000);
    let body = format!(r#"{{"error":{{"message":"{long}","type":"t","param":"messages","code":"c"}}}}"#);
    let failure = of(400, &body);
    assert!(failure.message.contains("ééé") && failure.message.len() < 2_200);
    assert_eq!(failure.detail.param.as_deref(), Some("messages"));
    assert_eq!(
        (failure.detail.kind.as_deref(), failure.detail.code.as_deref()),
        (Some("t"), Some("c"))
    );
    assert_eq!(
        of(500, &body).detail.code,
        None,
        "a provider's fault is no fault of the caller's"
    );
}

#[test]
fn a_recovery_is_known_in_every_way_of_saying_it() {
    let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
    let wait = |headers: &[(&'static str, &'static str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        answer(
            Dialect::OpenAI,
            StatusCode::TOO_MANY_REQUESTS,
            &headers.collect(),
            b"",
            now,
        )
        .retry_after
    };
    assert_eq!(wait(&[("retry-after", "2")]), Some(Duration::from_secs(2)));
    assert_eq!(wait(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
    assert_eq!(
        wait(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]),
        Some(Duration::from_secs(10))
    );
    assert_eq!(
        wait(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]),
        Some(Duration::ZERO)
    );
    assert_eq!(
        wait(&[("retry-after", "9"), ("retry-after-ms", "12.5")]),
        Some(Duration::from_micros(12_500))
    );
    assert_eq!(
        wait(&[("x-ms-retry-after-ms", "7")]),
        Some(Duration::from_millis(7))
    );
    for far in ["1e19", "90000", "Sat, 06 Nov 2094 08:49:37 GMT"] {
        let day = Duration::from_hours(24);
        assert_eq!(wait(&[("retry-after", far)]), Some(day), "{far}");
    }
    for nonsense in ["", "soon", "-1", "NaN"] {
        let headers = [("retry-after", nonsense)];
        assert_eq!(
            wait(&headers.map(|(name, value)| (name, value))),
            None,
            "{nonsense}"
        );
    }
}
