use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Str, StrOr, read_answer, read_request};

#[derive(Deserialize)]
struct Ask<'a> {
    #[serde(borrow)]
    content: StrOr<'a, Vec<Part<'a>>>,
    #[serde(default)]
    stop: Vec<Str<'a>>,
    limit: Option<u64>,
    schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    schema: Option<&'a RawValue>,
}

fn read(body: &str) -> Result<(Ask<'_>, Vec<String>), crate::Refusal> {
    let (ask, extras) = read_request::<Ask<'_>>(body.as_bytes(), &["model"])?;
    Ok((
        ask,
        extras.into_iter().map(|extra| extra.field.into_owned()).collect(),
    ))
}

#[test]
fn borrows_texts_and_keeps_schemas_untouched() {
    let (ask, extras) =
        read(r#"{"content":[{"text":"plain","schema":{ "b":1,"a":2 }}],"stop":["x"],"schema":{ "z": 0 }}"#)
            .unwrap();
    let StrOr::Other(parts) = &ask.content else {
        panic!("a list")
    };
    assert!(matches!(&parts[0].text, Some(Str(Cow::Borrowed("plain")))));
    assert!(matches!(&ask.stop[0].0, Cow::Borrowed("x")));
    assert_eq!(parts[0].schema.unwrap().get(), r#"{ "b":1,"a":2 }"#);
    assert_eq!(ask.schema.unwrap().get(), r#"{ "z": 0 }"#);
    assert_eq!(ask.limit, None);
    assert!(extras.is_empty());
}

#[test]
fn resolves_escapes() {
    let (ask, _) = read(r#"{"content":"caf\u00e9"}"#).unwrap();
    assert!(matches!(ask.content, StrOr::Str(text) if text == "café"));
}

#[test]
fn names_each_unknown_field_once_and_not_the_silent_ones() {
    let body = r#"{"model":"m","content":[{"x":1},{"x":2,"model":3}],"st\nore":true}"#;
    assert_eq!(
        read(body).unwrap().1,
        ["content[].x", "content[].model", "st?ore"]
    );
}

#[test]
fn says_where_and_what_but_never_repeats_a_value() {
    let refusal = read(r#"{"content":[{"text":"a"},{"text":{"secret":", expected b"}}]}"#)
        .err()
        .unwrap();
    assert_eq!(
        (refusal.field.as_str(), &*refusal.message),
        ("content[1].text", "expected a string here")
    );
    let refusal = read(r#"{"content":"a","limit":"my secret, expected x at line 7"}"#)
        .err()
        .unwrap();
    assert_eq!(
        (refusal.field.as_str(), &*refusal.message),
        ("limit", "expected u64 here")
    );
    let refusal = read(r#"{"content":7}"#).err().unwrap();
    assert_eq!(refusal.field, "content");
    let refusal = read("{}").err().unwrap();
    assert_eq!(
        (refusal.field.as_str(), &*refusal.message),
        ("", "missing field `content`")
    );
}

#[test]
fn tells_no_json_from_wrong_json() {
    let refusal = read("{\"content\": \"a").err().unwrap();
    assert_eq!(&*refusal.message, "the body is not JSON (line 1, column 14)");
    assert!(read(r#"{"content":"a"} x"#).is_err());
    assert!(read("").is_err());
}

#[test]
fn answers_may_say_more_than_is_read() {
    let part: Part<'_> = read_answer(br#"{"text":"a","more":{"b":[]}}"#).unwrap();
    assert!(matches!(part.text, Some(Str(Cow::Borrowed("a")))));
    assert!(read_answer::<Part<'_>>(b"[").is_err());
}
