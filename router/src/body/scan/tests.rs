//! The scanner against `serde_json`, which is right by definition.

use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{MAX_DEPTH, MAX_MEMBERS, ScanError, members};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        proptest::strategy::Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..5)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(".{0,6}", value(), 0..8).prop_map(|members| members.into_iter().collect())
}

/// Pieces of JSON, good and bad, of which nearly every order is wrong.
fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\"\\\"\\u00e9\"",
        "true",
        "false",
        "null",
        "nul",
        "0",
        "-1.5e+3",
        "01",
        "1.",
        "-",
        ".5",
        "1e",
        " ",
        "\n",
        "{}",
        "[]",
        "{\"b\":",
        "\"c\":1",
        "x",
    ])
}

fn serde_takes(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

proptest! {
    #[test]
    fn finds_the_same_members_as_serde(object in object(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
        let found: Map<String, Value> = members(text.as_bytes()).unwrap().into_iter().map(|member| {
            let name = serde_json::from_str(&text[member.name.at]).unwrap();
            (name, serde_json::from_str(&text[member.value]).unwrap())
        }).collect();
        prop_assert_eq!(found, serde_json::from_str::<Map<String, Value>>(&text).unwrap());
    }

    #[test]
    fn whatever_is_cut_short_is_refused(object in object(), at in any::<prop::sample::Index>()) {
        let text = serde_json::to_string(&object).unwrap();
        let cut = &text.as_bytes()[..at.index(text.len())];
        prop_assert_eq!(members(cut), Err(ScanError::CutShort(cut.len())));
    }

    #[test]
    fn takes_what_serde_takes_and_nothing_else(tokens in prop::collection::vec(token(), 0..12)) {
        let text = format!("{{\"a\":{}", tokens.concat());
        prop_assert_eq!(members(text.as_bytes()).is_ok(), serde_takes(&text), "{}", text);
    }

    #[test]
    fn never_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let is_object = bytes.trim_ascii().first() == Some(&0x7b);
        prop_assert!(members(&bytes).is_err() || is_object);
    }
}

#[test]
fn nesting_is_bounded_like_serdes() {
    for depth in [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1] {
        let depth = depth as usize;
        let text = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(
            members(text.as_bytes()).is_ok(),
            serde_json::from_str::<Value>(&text).is_ok(),
            "{depth}"
        );
    }
}

#[test]
fn fields_are_bounded() {
    let object = |count: usize| format!("{{{}}}", vec!["\"a\":1"; count].join(","));
    assert_eq!(
        members(object(MAX_MEMBERS).as_bytes()).unwrap().len(),
        MAX_MEMBERS
    );
    assert_eq!(
        members(object(MAX_MEMBERS + 1).as_bytes()),
        Err(ScanError::TooMany)
    );
}

#[test]
fn errors_say_where() {
    assert_eq!(
        members(b"[1]"),
        Err(ScanError::Unexpected {
            at: 0,
            wanted: "an object"
        })
    );
    assert_eq!(
        members(b"{\"a\" 1}"),
        Err(ScanError::Unexpected { at: 5, wanted: "`:`" })
    );
    assert_eq!(
        members(b"{} x"),
        Err(ScanError::Unexpected {
            at: 3,
            wanted: "nothing after the object"
        })
    );
    assert_eq!(members(b"{\"a\":\"b\\\""), Err(ScanError::CutShort(9)));
}
