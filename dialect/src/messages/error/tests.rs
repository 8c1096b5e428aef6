use serde_json::{Value, json};

use super::{error_body, error_event, error_kind};

#[test]
fn writes_an_error_with_what_stands_beside_it() {
    let beside = [("origin", "provider"), ("class", "Overloaded")];
    let expected = json!({
        "type": "error",
        "error": {"type": "overloaded_error", "message": "try \"later\"",
                  "origin": "provider", "class": "Overloaded"},
        "request_id": "req_1",
    });
    let body = error_body("overloaded_error", "try \"later\"", "req_1", &beside);
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    let mut stream = Vec::new();
    error_event("overloaded_error", "try \"later\"", "req_1", &beside, &mut stream);
    let event = String::from_utf8(stream).unwrap();
    let data = event
        .strip_prefix("event: error\ndata: ")
        .and_then(|event| event.strip_suffix("\n\n"));
    assert_eq!(serde_json::from_str::<Value>(data.unwrap()).unwrap(), expected);
}

#[test]
fn names_errors_by_their_status() {
    let kinds = [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ];
    for (status, kind) in kinds {
        assert_eq!(error_kind(status), kind, "{status}");
    }
}
