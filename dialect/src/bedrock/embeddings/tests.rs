use serde_json::{Value, json};

use super::{path, read_answer, write_request};
use crate::embeddings::EmbeddingAsk;

const TITAN: &str = "amazon.titan-embed-text-v2:0";

fn ask<'a>(texts: &[&'a str], dimensions: Option<u32>) -> EmbeddingAsk<'a> {
    EmbeddingAsk {
        texts: texts.iter().map(|text| (*text).into()).collect(),
        dimensions,
        ..EmbeddingAsk::default()
    }
}

fn body(ask: &EmbeddingAsk<'_>, model: &str) -> Value {
    let written = write_request(ask, model).expect("can be said");
    assert!(written.dropped.is_empty());
    serde_json::from_slice(&written.body).expect("JSON")
}

fn refused(ask: &EmbeddingAsk<'_>, model: &str) -> String {
    write_request(ask, model).expect_err("can't be said").field
}

#[test]
fn titan_gets_one_text() {
    assert_eq!(path(TITAN), "/model/amazon.titan-embed-text-v2%3A0/invoke");
    assert_eq!(body(&ask(&["a"], None), TITAN), json!({"inputText": "a"}));
    assert_eq!(
        body(&ask(&["a"], Some(512)), TITAN),
        json!({"inputText": "a", "dimensions": 512})
    );
    assert_eq!(refused(&ask(&["a", "b"], None), TITAN), "input");
    assert_eq!(
        refused(&ask(&["a"], Some(512)), "amazon.titan-embed-text-v1"),
        "dimensions"
    );
}

#[test]
fn cohere_gets_all_up_to_what_it_takes() {
    let wanted = json!({"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"]});
    assert_eq!(
        body(&ask(&["a", "b"], None), "cohere.embed-multilingual-v3"),
        wanted
    );
    assert_eq!(
        body(&ask(&["a", "b"], Some(1_024)), "cohere.embed-english-v3"),
        wanted
    );
    assert_eq!(
        refused(&ask(&["a"], Some(512)), "cohere.embed-english-v3"),
        "dimensions"
    );
    let sized = body(&ask(&["a"], Some(512)), "us.cohere.embed-v4:0");
    assert_eq!(sized["output_dimension"], 512);
    assert_eq!(refused(&ask(&["a"; 97], None), "cohere.embed-v4:0"), "input");
}

#[test]
fn a_model_that_is_not_known_is_refused() {
    assert_eq!(
        refused(&ask(&["a"], None), "amazon.nova-2-multimodal-embeddings-v1:0"),
        "model"
    );
}

#[test]
fn a_user_is_named_as_lost() {
    let mut ask = ask(&["a"], None);
    ask.user = Some("u".into());
    let written = write_request(&ask, TITAN).expect("can be said");
    assert_eq!(written.dropped.fields().collect::<Vec<_>>(), ["user"]);
}

#[test]
fn vectors_are_read_in_every_shape() {
    let titan = br#"{"embedding":[0.5,-1],"inputTextTokenCount":3,"embeddingsByType":{"float":[0.5,-1]}}"#;
    let answer = read_answer(titan, 1).expect("an answer");
    assert_eq!(
        (answer.vectors, answer.input_tokens),
        (vec![vec![0.5, -1.0]], Some(3))
    );
    for embeddings in ["[[1],[2]]", r#"{"float":[[1],[2]]}"#] {
        let cohere = format!(r#"{{"id":"x","embeddings":{embeddings},"texts":["a","b"]}}"#);
        let answer = read_answer(cohere.as_bytes(), 2).expect("an answer");
        assert_eq!(
            (answer.vectors, answer.input_tokens),
            (vec![vec![1.0], vec![2.0]], None)
        );
        assert!(read_answer(cohere.as_bytes(), 3).is_err(), "a vector is missing");
    }
    for broken in [
        "{}",
        "[]",
        r#"{"embedding":[1e99]}"#,
        r#"{"embeddings":{"int8":[[1]]}}"#,
    ] {
        assert!(read_answer(broken.as_bytes(), 1).is_err(), "{broken}");
    }
}
