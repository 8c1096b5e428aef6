use std::borrow::Cow;

use proptest::prelude::{any, proptest};
use serde_json::{Value, json};

use super::{EmbeddingAnswer, Encoding, read_request, write_answer};
use crate::Stamp;

fn stamp() -> Stamp {
    Stamp {
        id: "req_1".to_owned(),
        model: "gemini-embedding-001".to_owned(),
        created: 1,
    }
}

fn answer() -> EmbeddingAnswer {
    EmbeddingAnswer {
        vectors: vec![vec![0.5, -1.0], vec![0.1, 2.0]],
        model: None,
        input_tokens: Some(7),
    }
}

fn written(answer: &EmbeddingAnswer, encoding: Encoding) -> Value {
    serde_json::from_slice(&write_answer(answer, encoding, &stamp())).expect("JSON")
}

fn refused(body: &str) -> (String, String) {
    let refusal = read_request(body.as_bytes()).expect_err("refused");
    (refusal.field, refusal.message.into_owned())
}

#[test]
fn reads_one_text_as_a_list_of_one_and_borrows_it() {
    let body = br#"{"model":"policy/e","input":"a text","requesty":{"user_id":"u"}}"#;
    let ask = read_request(body).expect("read");
    assert!(matches!(&ask.texts[..], [Cow::Borrowed("a text")]));
    assert_eq!((ask.dimensions, ask.encoding), (None, Encoding::Float));
    assert!(ask.extras.is_empty(), "{:?}", ask.extras);
}

#[test]
fn reads_texts_dimensions_encoding_and_user() {
    let body =
        r#"{"input": [ "a", "b\u00e9" ], "dimensions": 256, "encoding_format": "base64", "user": "u1"}"#;
    let ask = read_request(body.as_bytes()).expect("read");
    assert_eq!(ask.texts, ["a", "bé"]);
    assert_eq!((ask.dimensions, ask.encoding), (Some(256), Encoding::Base64));
    assert_eq!(ask.user.as_deref(), Some("u1"));
}

#[test]
fn takes_null_for_what_is_not_said() {
    let body = br#"{"input": "a", "dimensions": null, "encoding_format": null, "user": null}"#;
    let ask = read_request(body).expect("read");
    assert_eq!(
        (ask.dimensions, ask.encoding, ask.user),
        (None, Encoding::Float, None)
    );
}

#[test]
fn names_fields_that_it_does_not_know() {
    let ask = read_request(br#"{"input":"a","input_type":{"x":[1]},"truncate":"END"}"#).expect("read");
    let fields: Vec<&str> = ask.extras.iter().map(|extra| &*extra.field).collect();
    assert_eq!(fields, ["input_type", "truncate"]);
}

#[test]
fn refuses_tokens_and_says_why() {
    for input in ["[1, 2]", "[[1,2],[3]]", "[ [ 1 ] ]"] {
        let (field, message) = refused(&format!(r#"{{"input":{input}}}"#));
        assert_eq!(field, "input");
        assert!(message.contains("tokens"), "{input}: {message}");
    }
}

#[test]
fn refuses_what_holds_no_text() {
    for input in ["[]", "{}", "7", "null", "[\"a\", 1]", "[[\"a\"]]", "[null]"] {
        let (field, message) = refused(&format!(r#"{{"input":{input}}}"#));
        assert_eq!(field, "input", "{input}");
        assert!(!message.contains("tokens"), "{input}: {message}");
    }
    assert!(refused("{}").1.contains("`input`"));
}

#[test]
fn says_where_a_body_went_wrong_and_not_what_it_held() {
    let (field, message) = refused(r#"{"input": "a", "encoding_format": "secret"}"#);
    assert_eq!(field, "encoding_format");
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn writes_numbers_with_the_models_name_and_usage() {
    let golden = json!({
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.1, 2.0]}
        ],
        "model": "gemini-embedding-001",
        "usage": {"prompt_tokens": 7, "total_tokens": 7}
    });
    assert_eq!(written(&answer(), Encoding::Float), golden);
}

#[test]
fn writes_base64_of_little_endian_floats() {
    let body = written(&answer(), Encoding::Base64);
    assert_eq!(body["data"][0]["embedding"], "AAAAPwAAgL8=");
}

#[test]
fn invents_no_usage_and_keeps_the_providers_name_of_the_model() {
    let answer = EmbeddingAnswer {
        model: Some("titan".to_owned()),
        input_tokens: None,
        ..answer()
    };
    let body = written(&answer, Encoding::Float);
    assert_eq!((body["model"].as_str(), body.get("usage")), (Some("titan"), None));
}

proptest! {
    #[test]
    fn never_panics_on_any_body(body: Vec<u8>, input in any::<String>()) {
        let _ = read_request(&body);
        let _ = read_request(format!("{{\"input\":{input}}}").as_bytes());
    }
}
