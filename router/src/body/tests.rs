//! What is understood of a body, and what is left of it upstream.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};
use serde_json::{Map, Value, json};

use super::{ModelName, Prompt, Spliced};

fn read(body: &str) -> Result<Prompt, String> {
    Prompt::read(Bytes::copy_from_slice(body.as_bytes())).map_err(|failure| failure.message.into_owned())
}

/// The body for a provider that calls the model `up"x`.
fn upstream(prompt: &Prompt) -> String {
    collected(prompt.for_upstream(&ModelName::new("up\"x")))
}

fn collected(body: Spliced) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_model_is_replaced_and_nothing_else_is_touched() {
    let prompt = read("{ \"messages\" : [ 1.0 , \"a\\u0062\" ] ,\n\"model\": \"policy/x\" }").unwrap();
    assert_eq!(prompt.model().unwrap(), "policy/x");
    assert_eq!(
        upstream(&prompt),
        "{ \"messages\" : [ 1.0 , \"a\\u0062\" ] ,\n\"model\": \"up\\\"x\" }"
    );
}

#[test]
fn metadata_leaves_with_its_comma_wherever_it_stands() {
    let cases = [
        (r#"{"requesty":{},"model":"m"}"#, r#"{"model":"up\"x"}"#),
        (r#"{"model":"m","requesty":{}}"#, r#"{"model":"up\"x"}"#),
        (
            r#"{"requesty":{}, "weir":{}, "model":"m"}"#,
            r#"{"model":"up\"x"}"#,
        ),
        (
            r#"{"a":1,"requesty":{},"weir":{},"model":"m"}"#,
            r#"{"a":1,"model":"up\"x"}"#,
        ),
        (
            r#"{"weir":null,"model":"m","b":2 , "requesty":{"tags":["x"]} }"#,
            r#"{"model":"up\"x","b":2 }"#,
        ),
        (r#"{"r\u0065questy":{},"model":"m"}"#, r#"{"model":"up\"x"}"#),
    ];
    for (body, expected) in cases {
        assert_eq!(upstream(&read(body).unwrap()), expected, "{body}");
    }
}

#[test]
fn what_is_given_twice_is_refused_by_name() {
    for name in ["model", "requesty", "weir"] {
        let value = if name == "model" { r#""m""# } else { "{}" };
        let body = format!(r#"{{"model":"m","{name}":{value},"{name}":{value}}}"#);
        assert!(
            read(&body)
                .unwrap_err()
                .contains(&format!("`{name}` must not be given twice")),
            "{body}"
        );
    }
    let escaped = r#"{"model":"m","mod\u0065l":"n"}"#;
    assert!(
        read(escaped)
            .unwrap_err()
            .contains("`model` must not be given twice")
    );
}

#[test]
fn wrong_types_are_refused_by_name() {
    let cases = [
        (r"{}", "`model` is missing"),
        (r#"{"model":7}"#, "`model` must be a string"),
        (r#"{"model":null}"#, "`model` must be a string"),
        (
            r#"{"model":"m","stream":"yes"}"#,
            "`stream` must be true or false",
        ),
        (r#"{"model":"m","requesty":[]}"#, "`requesty` must be an object"),
        (r#"{"model":"m","weir":"x"}"#, "`weir` must be an object"),
        ("[]", "must be a JSON object"),
        ("", "cut short after 0 bytes"),
        (r#"{"model":"m""#, "cut short after 12 bytes"),
    ];
    for (body, message) in cases {
        let found = read(body).unwrap_err();
        assert!(found.contains(message), "{body}: {found}");
    }
}

#[test]
fn streaming_and_choices_are_read() {
    let prompt = read(r#"{"model":"m","stream":true,"n":3}"#).unwrap();
    assert!(prompt.stream());
    assert_eq!(prompt.choices(), 3);
    assert!(!read(r#"{"model":"m","stream":null}"#).unwrap().stream());
    for (n, choices) in [
        ("2.0", 2),
        ("2e0", 2),
        ("\"3\"", 1),
        ("0", 1),
        ("-1", 1),
        ("2.5", 1),
        ("1e99", 1),
    ] {
        let prompt = read(&format!(r#"{{"model":"m","n":{n}}}"#)).unwrap();
        assert_eq!(prompt.choices(), choices, "{n}");
    }
}

fn other_members() -> impl Strategy<Value = Map<String, Value>> {
    let value = proptest::prop_oneof![any::<i32>().prop_map(Value::from), ".{0,6}".prop_map(Value::from)];
    prop::collection::btree_map("[a-f]{1,3}", value, 0..6).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn upstream_gets_the_same_document_less_our_own_fields(
        mut members in other_members(),
        own in prop::collection::btree_set(prop::sample::select(vec!["requesty", "weir"]), 0..3),
        order in any::<prop::sample::Index>(),
    ) {
        let mut names: Vec<String> = members.keys().cloned().collect();
        names.push("model".to_owned());
        names.extend(own.iter().map(|name| (*name).to_owned()));
        let by = order.index(names.len());
        names.rotate_left(by);
        let of = |name: &str| match name {
            "model" => json!("policy/x"),
            "requesty" | "weir" => json!({"trace_id": "t", "tags": [1, {"a": "}"}]}),
            name => members[name].clone(),
        };
        let texts: Vec<String> = names.iter().map(|name| format!("{} : {}", json!(name), of(name))).collect();
        let body = format!("{{ {} }}", texts.join(" , "));
        let sent: Map<String, Value> = serde_json::from_str(&upstream(&read(&body).unwrap())).unwrap();
        members.insert("model".to_owned(), json!("up\"x"));
        prop_assert_eq!(sent, members);
    }
}

#[test]
fn a_body_does_not_show_itself() {
    let prompt = read(r#"{"model":"m","messages":["canary"],"requesty":{"user_id":"canary"}}"#).unwrap();
    assert!(!format!("{prompt:?}").contains("canary"));
}

#[test]
fn a_name_that_differs_from_model_in_case_alone_is_refused() {
    for name in ["Model", "MODEL", "mod\\u0045l"] {
        let body = format!(r#"{{"model":"m","{name}":"n"}}"#);
        assert!(read(&body).unwrap_err().contains("case"), "{body}");
    }
    assert!(read(r#"{"model":"m","models":[],"mode":1}"#).is_ok());
}

/// The body for a provider that is asked what a stream takes.
fn asking(body: &str) -> Option<String> {
    let prompt = read(body).unwrap();
    let asking = prompt.asking_for_usage(&ModelName::new("up"))?;
    Some(collected(asking))
}

#[test]
fn usage_is_asked_for_where_a_streams_caller_did_not() {
    let cases = [
        (
            r#"{"model":"m","stream":true}"#,
            r#"{"model":"up","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":null}"#,
            r#"{"model":"up","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":{ },"stream":true,"model":"m"}"#,
            r#"{"stream_options":{"include_usage":true },"stream":true,"model":"up"}"#,
        ),
        (
            r#"{"model":"m","stream":true,"weir":{},"stream_options":{"a":1}}"#,
            r#"{"model":"up","stream":true,"stream_options":{"include_usage":true,"a":1}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"include_usage": false}}"#,
            r#"{"model":"up","stream":true,"stream_options":{"include_usage": true}}"#,
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(asking(body).as_deref(), Some(expected), "{body}");
    }
}

#[test]
fn what_the_caller_says_of_usage_stands() {
    for body in [
        r#"{"model":"m"}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        r#"{"model":"m","stream":true,"stream_options":7}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":1}}"#,
        r#"{"model":"m","stream":true,"stream_options":{},"stream_options":{}}"#,
    ] {
        assert_eq!(asking(body), None, "{body}");
    }
}

#[test]
fn a_form_is_spliced_like_any_body() {
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let (file, end) = (part("file", "\0\r\n--\u{1}"), "--b--\r\n");
    let own = part("requesty", r#" {"trace_id":"t","auto_cache":true}"#);
    let body = [&own, &file, &part("model", "policy/x"), end].concat();
    let prompt = Prompt::read_as(Bytes::from(body), Some("multipart/form-data; boundary=b")).unwrap();
    assert_eq!(prompt.model().unwrap(), "policy/x");
    assert_eq!(prompt.requesty().trace_id.as_deref(), Some("t"));
    assert!(prompt.requesty().auto_cache);
    assert_eq!(prompt.key("model").unwrap().as_deref(), Some("policy/x"));
    assert_eq!(upstream(&prompt), [&file, &part("model", "up\"x"), end].concat());
}

#[test]
fn a_form_must_name_one_model() {
    let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name={name}\r\n\r\nm\r\n");
    for body in [part("a"), part("model") + &part("model")] {
        let body = Bytes::from(body + "--b--");
        let failure = Prompt::read_as(body, Some("multipart/form-data; boundary=b")).unwrap_err();
        assert!(failure.message.contains("`model`"), "{failure:?}");
    }
}
