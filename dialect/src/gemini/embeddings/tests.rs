use serde_json::{Value, json};

use super::{path, read_answer, write_request};
use crate::embeddings::EmbeddingAsk;
use crate::form::{Extra, Weight};

fn ask() -> EmbeddingAsk<'static> {
    EmbeddingAsk {
        texts: vec!["one".into(), "zwei\"".into()],
        ..EmbeddingAsk::default()
    }
}

#[test]
fn asks_for_all_texts_at_once() {
    let ask = EmbeddingAsk {
        dimensions: Some(768),
        user: Some("u1".into()),
        extras: vec![Extra {
            field: "input_type".into(),
            weight: Weight::Hint,
        }],
        ..ask()
    };
    let written = write_request(&ask, "models/gemini-embedding-001").expect("written");
    let golden = json!({"requests": [
        {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "one"}]}, "outputDimensionality": 768},
        {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "zwei\""}]}, "outputDimensionality": 768}
    ]});
    assert_eq!(
        serde_json::from_slice::<Value>(&written.body).expect("JSON"),
        golden
    );
    assert_eq!(
        written.dropped.fields().collect::<Vec<_>>(),
        ["input_type", "user"]
    );
    assert_eq!(
        path("gemini-embedding-001"),
        "/models/gemini-embedding-001:batchEmbedContents"
    );
}

#[test]
fn leaves_the_length_to_the_model_and_refuses_what_is_essential() {
    let written = write_request(&ask(), "e").expect("written");
    assert!(
        !String::from_utf8(written.body)
            .expect("UTF-8")
            .contains("outputDimensionality")
    );
    let ask = EmbeddingAsk {
        extras: vec![Extra {
            field: "modalities".into(),
            weight: Weight::Essential,
        }],
        ..ask()
    };
    assert_eq!(write_request(&ask, "e").expect_err("refused").field, "modalities");
}

#[test]
fn reads_vectors_in_order_with_usage_if_there_is_any() {
    let body =
        br#"{"embeddings":[{"values":[0.25,-1e-3]},{"values":[1]}],"usageMetadata":{"promptTokenCount":5}}"#;
    let answer = read_answer(body, 2).expect("read");
    assert_eq!(answer.vectors, [vec![0.25, -1e-3], vec![1.0]]);
    assert_eq!(answer.input_tokens, Some(5));
    let answer = read_answer(br#"{"embeddings":[{"values":[1]}]}"#, 1).expect("read");
    assert_eq!(answer.input_tokens, None);
}

#[test]
fn takes_no_other_number_of_vectors_and_no_endless_numbers() {
    for body in [
        r#"{"embeddings":[{"values":[1]}]}"#,
        r#"{"embeddings":[{"values":[1]},{"values":[1e39]}]}"#,
        r#"{"embeddings":[{"values":[1]},{"values":["1"]}]}"#,
        r#"{"error":{"code":400}}"#,
    ] {
        assert!(read_answer(body.as_bytes(), 2).is_err(), "{body}");
    }
}
