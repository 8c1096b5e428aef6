//! What holds for every byte and every stream.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use super::stamp;
use crate::form::{Finish, Usage};
use crate::{Event, completions, responses};

const RESPONSES: &str = r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:a/b;base64,aa"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"},{"type":"reasoning","summary":[{"type":"summary_text","text":"h"}],"encrypted_content":"weir-signature:s"}],"tools":[{"type":"function","name":"f"}],"tool_choice":"auto","text":{"format":{"type":"json_object"}}}"#;
const COMPLETIONS: &str =
    r#"{"prompt":["a"],"stop":["b"],"stream":true,"stream_options":{"include_usage":true}}"#;

/// Bytes that are nearly right.
fn nearly(right: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let at = any::<prop::sample::Index>();
    (at.clone(), at, any::<u8>()).prop_map(move |(end, at, byte)| {
        let mut bytes = right.as_bytes()[..=end.index(right.len())].to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    })
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let text = prop_oneof![Just(""), Just("a"), Just("\"\n")];
    let number = 0..3_u32;
    prop_oneof![
        text.clone().prop_map(|text| Event::Text {
            choice: 0,
            text: text.into()
        }),
        text.clone().prop_map(|text| Event::Thought {
            choice: 0,
            text: text.into()
        }),
        text.clone().prop_map(|text| Event::Refusal {
            choice: 0,
            text: text.into()
        }),
        text.clone().prop_map(|text| Event::ThoughtSignature {
            choice: 0,
            signature: text.into()
        }),
        text.clone().prop_map(|data| Event::RedactedThought {
            choice: 0,
            data: data.into()
        }),
        number.clone().prop_map(|call| Event::ToolCall {
            choice: 0,
            call,
            id: format!("c{call}").into(),
            name: "f".into(),
            signature: None,
        }),
        (number, text).prop_map(|(call, text)| Event::Arguments {
            choice: 0,
            call,
            text: text.into()
        }),
        Just(Event::Finish {
            choice: 0,
            finish: Finish::Stop
        }),
        Just(Event::Usage(Usage::default())),
    ]
}

proptest! {
    #[test]
    fn no_request_makes_the_readers_panic(response in nearly(RESPONSES), completion in nearly(COMPLETIONS)) {
        let _ = responses::read_request(&response);
        let _ = completions::read_request(&completion);
    }

    #[test]
    fn every_item_that_is_added_is_done_once_and_repeated_at_the_end(events in prop::collection::vec(event(), 0..24)) {
        let mut writer = responses::writer(stamp());
        let mut stream = Vec::new();
        for event in &events {
            writer.write(event, &mut stream);
        }
        writer.end(&mut stream);
        let stream = String::from_utf8(stream).unwrap();
        let count = |name: &str| stream.matches(&format!("event: {name}\n")).count();
        let added = count("response.output_item.added");
        assert_eq!(count("response.output_item.done"), added);
        assert_eq!(count("response.completed"), 1);
        let last = stream.rsplit("data: ").next().unwrap();
        assert_eq!(last.matches(r#""type":"message""#).count()
            + last.matches(r#""type":"reasoning""#).count()
            + last.matches(r#""type":"function_call""#).count(), added);
        assert!(!last.contains(r#""status":"in_progress""#));
    }
}
