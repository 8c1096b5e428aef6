//! What is read of an answer against what `serde_json` reads of it.

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::{Finish, Reply};

fn finishes(json: &str) -> Vec<(u64, Finish)> {
    Reply::read(json.as_bytes()).unwrap().finishes().collect()
}

fn is_read(json: &[u8]) -> bool {
    Reply::read(json).is_some()
}

#[test]
fn content_is_found_in_every_field_that_has_it() {
    for field in [
        "content",
        "reasoning_content",
        "reasoning",
        "refusal",
        "audio",
        "tool_calls",
        "function_call",
    ] {
        for outer in ["delta", "message"] {
            let says = |value: &str| {
                let json = format!(r#"{{"choices":[{{"{outer}":{{"role":"x","{field}":{value}}}}}]}}"#);
                Reply::read(json.as_bytes()).unwrap().has_content()
            };
            assert!(says("\"a\""), "{outer} {field}");
            assert!(says("[1]"), "{outer} {field}");
            for nothing in ["null", "\"\"", "[]", "{}"] {
                assert!(!says(nothing), "{outer} {field} {nothing}");
            }
        }
    }
}

#[test]
fn a_choice_ends_with_a_reason_that_is_one() {
    let choice = |reason: &str| format!(r#"{{"choices":[{{"index":2,"finish_reason":{reason}}}]}}"#);
    assert_eq!(finishes(&choice("\"length\"")), [(2, Finish::Length)]);
    assert_eq!(
        finishes(&choice("\"content_filter\"")),
        [(2, Finish::ContentFilter)]
    );
    assert_eq!(finishes(&choice(r#""l\u0065ngth""#)), [(2, Finish::Length)]);
    assert_eq!(finishes(&choice("\"stop\"")), [(2, Finish::Other)]);
    assert_eq!(finishes(&choice("null")), []);
    assert_eq!(finishes(&choice("\"\"")), []);
}

#[test]
fn an_error_is_a_field_or_the_whole() {
    let error = |json: &'static str| Reply::read(json.as_bytes()).unwrap().error();
    assert_eq!(error(r#"{"error":{"a":1}}"#), Some(&br#"{"a":1}"#[..]));
    assert_eq!(error(r#"{"error":null}"#), None);
    let whole = r#"{"object":"error","message":"x"}"#;
    assert_eq!(error(whole), Some(whole.as_bytes()));
    assert_eq!(error(r#"{"object":"list"}"#), None);
}

#[test]
fn usage_alone_is_told_from_usage_beside_choices() {
    let only = |json: &str| Reply::read(json.as_bytes()).unwrap().is_only_usage();
    assert!(only(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#));
    assert!(!only(r#"{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}"#));
    assert!(!only(r#"{"choices":[],"usage":null}"#));
    assert!(!only(r#"{"usage":{"prompt_tokens":1}}"#));
}

#[test]
fn names_are_read_with_their_escapes() {
    let reply = Reply::read(br#"{"ch\u006fices":[{"delta":{"c\u006fntent":"a"}}]}"#).unwrap();
    assert!(reply.has_content());
}

#[test]
fn an_empty_array_stands_for_an_empty_object() {
    let json = br#"{"choices":[{"delta":[],"finish_reason":"length"},[]]}"#;
    let reply = Reply::read(json).unwrap();
    assert_eq!(reply.finishes().collect::<Vec<_>>(), [(0, Finish::Length)]);
    assert!(!is_read(br#"{"choices":[{"delta":[1]}]}"#));
}

#[test]
fn another_shape_is_no_answer() {
    for json in [
        r#"{"choices":{}}"#,
        r#"{"choices":[null]}"#,
        r#"{"choices":[{"index":-1}]}"#,
        r#"{"choices":[{"index":"0"}]}"#,
        r#"{"choices":[{"delta":"a"}]}"#,
        r#"{"choices":[{"finish_reason":1}]}"#,
        r#"{"object":1}"#,
        r#"[{"choices":[]}]"#,
        "null",
        "",
    ] {
        assert!(!is_read(json.as_bytes()), "{json}");
    }
}

#[test]
fn a_string_that_is_no_text_is_no_answer() {
    let with = |text: &[u8]| [b"{\"a\":\"", text, b"\"}"].concat();
    for good in [&b"\\n\\u00e9\\/"[..], b"\\\\", "é".as_bytes(), b"\\ud800"] {
        assert!(is_read(&with(good)), "{good:?}");
    }
    for bad in [
        &b"\n"[..],
        b"\t",
        b"\0",
        b"\\x",
        b"\\u00g0",
        b"\\u00",
        b"\xff",
        b"\xc3",
    ] {
        assert!(!is_read(&with(bad)), "{bad:?}");
    }
    assert!(is_read(b"{\n\t\"a\": \"b\"\r\n}"));
    assert!(!is_read(b"{\n\"a\": \"b\xff\"}"));
}

/// Answers with every field that is read, of every type.
fn answer() -> impl Strategy<Value = Value> {
    let some = prop::sample::select(vec![
        json!(null),
        json!(""),
        json!("a\"\\\n\u{e9}"),
        json!("length"),
        json!("error"),
        json!(1),
        json!(-1.5),
        json!([]),
        json!({}),
        json!([{}]),
        json!({"content": "b"}),
    ]);
    let fields = |names: &[&'static str], inner: proptest::strategy::BoxedStrategy<Value>| {
        let name = prop::sample::select(names.to_vec());
        prop::collection::btree_map(name, inner, 0..4)
            .prop_map(|fields| json!(fields))
            .boxed()
    };
    let delta = fields(&["content", "refusal", "role"], some.clone().boxed());
    let inner = proptest::prop_oneof![some.clone(), delta].boxed();
    let choice = fields(
        &["index", "delta", "message", "text", "finish_reason", "logprobs"],
        inner,
    );
    let list = prop::collection::vec(choice, 0..3).prop_map(Value::from);
    let inner = proptest::prop_oneof![some, list].boxed();
    fields(
        &[
            "choices",
            "data",
            "error",
            "usage",
            "input_tokens",
            "object",
            "id",
        ],
        inner,
    )
}

/// The same by a document, or `None` where its shape is another.
fn by_document(document: &Value) -> Option<(bool, Vec<u64>, bool, bool)> {
    let choices = match &document["choices"] {
        Value::Null => &[],
        choices => &**choices.as_array()?,
    };
    let object = &document["object"];
    if !(object.is_null() || object.is_string()) {
        return None;
    }
    let (mut content, mut indices) = (false, Vec::new());
    for choice in choices {
        let choice = Value::from(fields(choice)?);
        let index = &choice["index"];
        indices.push(if index.is_null() { 0 } else { index.as_u64()? });
        for outer in ["delta", "message"] {
            let said = &choice[outer];
            if !said.is_null() {
                let said = fields(said)?;
                content |= ["content", "refusal"]
                    .iter()
                    .any(|field| is_some(said.get(*field)));
            }
        }
        content |= is_some(choice.get("text"));
        let reason = &choice["finish_reason"];
        if !(reason.is_null() || reason.is_string()) {
            return None;
        }
    }
    let error = !document["error"].is_null() || object == "error";
    Some((content, indices, error, is_some(document.get("usage"))))
}

fn fields(value: &Value) -> Option<serde_json::Map<String, Value>> {
    let is_empty = value.as_array().is_some_and(Vec::is_empty);
    value
        .as_object()
        .cloned()
        .or_else(|| is_empty.then(Default::default))
}

fn is_some(value: Option<&Value>) -> bool {
    let nothing = [json!(null), json!(""), json!([]), json!({})];
    value.is_some_and(|value| !nothing.contains(value))
}

proptest! {
    #[test]
    fn reads_what_a_document_says(document in answer(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let reply = Reply::read(text.as_bytes());
        let read = reply.map(|reply| {
            let usage = reply.usage().is_some();
            (reply.has_content(), reply.indices().collect::<Vec<_>>(), reply.error().is_some(), usage)
        });
        prop_assert_eq!(read, by_document(&document), "{}", text);
    }

    #[test]
    fn takes_the_texts_that_serde_takes(text in prop::collection::vec(
        prop::sample::select(&b"\\u0dn\"/x8\n\t\x01\xc3\xa9 "[..]), 0..8)
    ) {
        let json = [b"{\"a\":\"", &*text, b"\"}"].concat();
        let taken = std::str::from_utf8(&json).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        prop_assert_eq!(is_read(&json), taken, "{}", String::from_utf8_lossy(&json));
    }
}
