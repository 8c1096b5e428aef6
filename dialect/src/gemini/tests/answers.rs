use std::borrow::Cow;

use proptest::prelude::{any, proptest};
use serde_json::json;

use crate::form::{Answer, Choice, Finish, Part, Source, Usage};
use crate::gemini::read_answer;

fn choices(body: &[u8]) -> Vec<(Vec<String>, Option<Finish>)> {
    let shown = |choice: Choice<'_>| (choice.parts.iter().map(show).collect(), choice.finish);
    read_answer(body)
        .expect("read")
        .choices
        .into_iter()
        .map(shown)
        .collect()
}

/// A part on one line, for comparing.
fn show(part: &Part<'_>) -> String {
    match part {
        Part::Text(text) => format!("text {}", text.text),
        Part::Thought(thought) => {
            format!(
                "thought {} {}",
                thought.text,
                thought.signature.as_deref().unwrap_or("-")
            )
        }
        Part::ToolCall(call) => {
            let signature = call.signature.as_deref().unwrap_or("-");
            format!("call {} {}({}) {signature}", call.id, call.name, call.arguments)
        }
        Part::Image(media) | Part::Audio(media) => match &media.source {
            Source::Base64 { media_type, data } => format!("media {media_type} {data}"),
            _ => "media elsewhere".to_owned(),
        },
        _ => "other".to_owned(),
    }
}

/// A body with one candidate of these parts and this reason.
fn one(parts: &serde_json::Value, reason: &str) -> Vec<u8> {
    let candidate = json!({"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0});
    json!({"candidates": [candidate], "responseId": "r/1_Ab-"})
        .to_string()
        .into_bytes()
}

#[test]
fn reads_a_plain_answer_and_borrows_its_text() {
    let body = br#"{
        "candidates": [{"content": {"parts": [{"text": "Hello"}], "role": "model"}, "finishReason": "STOP", "index": 0,
            "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 22,
            "thoughtsTokenCount": 7, "cachedContentTokenCount": 4,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}]},
        "modelVersion": "gemini-2.5-flash", "responseId": "abc"}"#;
    let Answer {
        id,
        model,
        choices,
        usage,
    } = read_answer(body).expect("read");
    assert_eq!(
        (id.as_deref(), model.as_deref()),
        (Some("abc"), Some("gemini-2.5-flash"))
    );
    assert!(
        matches!(&choices[0].parts[..], [Part::Text(text)] if matches!(text.text, Cow::Borrowed("Hello")))
    );
    assert_eq!(choices[0].finish, Some(Finish::Stop));
    let golden = Usage {
        input: 10,
        cache_read: 4,
        cache_write: 0,
        output: 12,
        reasoning: 7,
    };
    assert_eq!(usage, Some(golden));
}

#[test]
fn counts_what_googles_tools_added_to_the_prompt_and_invents_nothing() {
    let body =
        br#"{"candidates": [], "usageMetadata": {"promptTokenCount": 3, "toolUsePromptTokenCount": 4}}"#;
    let usage = read_answer(body).expect("read").usage.expect("usage");
    assert_eq!((usage.input, usage.output), (7, 0));
    assert_eq!(read_answer(b"{}").expect("read").usage, None);
}

#[test]
fn reads_thoughts_and_proofs() {
    let parts = json!([
        {"text": "Let me think", "thought": true},
        {"text": "42", "thoughtSignature": "PROOF="},
        {"text": "", "thoughtSignature": "MORE="},
        {"text": ""}
    ]);
    let golden = [
        "thought Let me think -",
        "text 42",
        "thought  gemini:PROOF=",
        "thought  gemini:MORE=",
    ];
    assert_eq!(
        choices(&one(&parts, "STOP")),
        [(golden.map(str::to_owned).to_vec(), Some(Finish::Stop))]
    );
}

#[test]
fn reads_calls_and_makes_up_the_ids_that_are_missing() {
    let parts = json!([
        {"functionCall": {"name": "f", "args": {"city": "Bern", "n": 1.0}}, "thoughtSignature": "S="},
        {"functionCall": {"name": "g", "id": "own1"}},
        {"functionCall": {"name": "f", "args": {}, "id": ""}}
    ]);
    let golden = [
        r#"call call_r1_Ab-_0 f({"city":"Bern","n":1.0}) S="#,
        "call own1 g({}) -",
        "call call_r1_Ab-_2 f({}) -",
    ];
    let read = choices(&one(&parts, "STOP"));
    assert_eq!(
        read,
        [(golden.map(str::to_owned).to_vec(), Some(Finish::ToolCalls))]
    );
}

#[test]
fn keeps_made_up_ids_short() {
    let body = json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}],
        "responseId": "x".repeat(100)});
    let (parts, _) = choices(body.to_string().as_bytes()).remove(0);
    assert_eq!(parts, [format!("call call_{}_0 f({{}}) -", "x".repeat(28))]);
}

#[test]
fn shares_no_id_among_calls_of_different_tools_even_without_an_answers_id() {
    let id = |name: &str| {
        let body =
            json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": name}}]}}]}).to_string();
        match read_answer(body.as_bytes()).expect("read").choices[0]
            .parts
            .as_slice()
        {
            [Part::ToolCall(call)] => call.id.clone().into_owned(),
            parts => panic!("{} parts", parts.len()),
        }
    };
    assert_eq!(id("f"), id("f"));
    assert_ne!(id("f"), id("g"));
    assert!(id("f").starts_with("call_") && id("f").len() <= 40, "{}", id("f"));
}

#[test]
fn reads_pictures_and_sounds() {
    let parts = json!([
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
        {"executableCode": {"language": "PYTHON", "code": "1"}}
    ]);
    let golden = ["media image/png iVBO", "media audio/wav UklG"];
    assert_eq!(choices(&one(&parts, "STOP"))[0].0, golden);
}

#[test]
fn orders_several_candidates_by_their_index() {
    let body = br#"{"candidates": [
        {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS"},
        {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}"#;
    let golden = [
        (vec!["text a".to_owned()], Some(Finish::Stop)),
        (vec!["text b".to_owned()], Some(Finish::Length)),
    ];
    assert_eq!(choices(body), golden);
}

#[test]
fn tells_reasons_for_ending_apart() {
    let filtered = [
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
    ];
    let part = json!([{"text": "a"}]);
    for reason in filtered {
        assert_eq!(
            choices(&one(&part, reason))[0].1,
            Some(Finish::ContentFilter),
            "{reason}"
        );
    }
    assert_eq!(choices(&one(&part, "MAX_TOKENS"))[0].1, Some(Finish::Length));
    assert_eq!(choices(&one(&part, "A_NEW_ONE"))[0].1, Some(Finish::Stop));
    let calls = json!([{"functionCall": {"name": "f"}}]);
    assert_eq!(choices(&one(&calls, "STOP"))[0].1, Some(Finish::ToolCalls));
    assert_eq!(choices(&one(&calls, "MAX_TOKENS"))[0].1, Some(Finish::Length));
}

#[test]
fn takes_no_answer_from_a_model_that_went_wrong() {
    for reason in ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER"] {
        assert_eq!(
            choices(&one(&json!([{"text": "a"}]), reason)),
            [(vec![], None)],
            "{reason}"
        );
    }
    assert_eq!(
        choices(br#"{"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}"#),
        [(vec![], None)]
    );
}

#[test]
fn tells_a_refused_prompt_from_no_answer_at_all() {
    for candidates in ["", r#", "candidates": []"#] {
        let blocked = format!(r#"{{"promptFeedback": {{"blockReason": "PROHIBITED_CONTENT"}}{candidates}}}"#);
        assert_eq!(
            choices(blocked.as_bytes()),
            [(vec![], Some(Finish::ContentFilter))]
        );
    }
    assert_eq!(choices(br#"{"promptFeedback": {"safetyRatings": []}}"#), []);
    assert_eq!(choices(br#"{"candidates": []}"#), []);
}

#[test]
fn takes_nothing_else_for_an_answer() {
    for body in [
        "",
        "[]",
        "{\"candidates\": {}}",
        "{\"error\": {\"code\": 503}}",
        "{\"candidates\":[{\"index\":-1}]}",
    ] {
        assert!(read_answer(body.as_bytes()).is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn never_panics_on_any_answer(body: Vec<u8>, text in any::<String>(), count: u64) {
        let _ = read_answer(&body);
        let parts = json!([{"text": text}, {"functionCall": {"name": text, "id": text}}]);
        let candidates = json!([{"content": {"parts": parts}, "finishReason": text}]);
        let usage = json!({"promptTokenCount": count, "toolUsePromptTokenCount": count,
            "candidatesTokenCount": count, "thoughtsTokenCount": count});
        let body = json!({"candidates": candidates, "responseId": text, "usageMetadata": usage});
        let _ = read_answer(body.to_string().as_bytes());
    }
}
