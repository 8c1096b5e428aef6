//! What callers write.

use std::borrow::Cow;

use crate::Refusal;
use crate::form::{Ask, Effort, Output, Part, Reasoning, Role, Source, ToolChoice, Weight};
use crate::responses::read_request;

fn read(body: &str) -> Ask<'_> {
    read_request(body.as_bytes()).unwrap()
}

fn refusal(body: &str) -> Refusal {
    read_request(body.as_bytes()).unwrap_err()
}

fn with(fields: &str) -> String {
    format!(r#"{{"model":"m","input":"hi",{fields}}}"#)
}

#[test]
fn a_text_is_one_turn_of_the_user_after_the_instructions() {
    let ask = read(r#"{"input":"hi","instructions":"be brief"}"#);
    assert_eq!(ask.system[0].text, "be brief");
    assert!(matches!(&*ask.turns[0].parts, [Part::Text(text)] if text.text == "hi"));
    assert!(ask.stream_usage);
}

const CONVERSATION: &str = r#"{"input":[
    {"role":"developer","content":"d"},
    {"role":"user","content":[{"type":"input_text","text":"a"},
        {"type":"input_image","image_url":"data:image/png;base64,aGk=","detail":"low"},
        {"type":"input_image","file_id":"file-1"},
        {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,cGRm"},
        {"type":"input_file","file_url":"https://a/b.pdf"},
        {"type":"input_audio","input_audio":{"data":"c291","format":"mp3"}}]},
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"weir-signature:sig"},
    {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"weir-redacted:data"},
    {"type":"reasoning","id":"rs_3","summary":[],"encrypted_content":"gAAA"},
    {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"b","annotations":[],"logprobs":[]}]},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed","extra_content":{"google":{"thought_signature":"s"}}},
    {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"1"},
    {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"2"},{"type":"input_image","image_url":"https://a/b"}]}]}"#;

#[test]
fn what_the_model_said_and_called_without_a_break_is_one_turn() {
    let ask = read(CONVERSATION);
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::User]);
    let [thought, hidden, said, one, two] = &*ask.turns[1].parts else {
        panic!("five parts")
    };
    assert!(matches!(thought, Part::Thought(t) if t.text == "hm" && t.signature.as_deref() == Some("sig")));
    assert!(matches!(hidden, Part::Thought(t) if t.text.is_empty() && t.redacted.as_deref() == Some("data")));
    assert!(matches!(said, Part::Text(text) if text.text == "b"));
    assert!(matches!(one, Part::ToolCall(call) if call.id == "c1" && call.signature.as_deref() == Some("s")));
    assert!(matches!(two, Part::ToolCall(call) if call.name == "g"));
    assert!(ask.extras.is_empty() && ask.system[0].text == "d");
}

#[test]
fn media_are_borrowed_from_the_body() {
    let ask = read(CONVERSATION);
    let parts = &ask.turns[0].parts;
    assert!(
        matches!(&parts[1], Part::Image(image) if matches!(&image.source, Source::Base64 { data: Cow::Borrowed("aGk="), .. }) && image.detail.as_deref() == Some("low"))
    );
    assert!(matches!(&parts[2], Part::Image(image) if image.source == Source::File("file-1".into())));
    assert!(
        matches!(&parts[3], Part::Document(pdf) if matches!(&pdf.source, Source::Base64 { data: Cow::Borrowed("cGRm"), .. }) && pdf.name.as_deref() == Some("a.pdf"))
    );
    assert!(matches!(&parts[4], Part::Document(pdf) if pdf.source == Source::Url("https://a/b.pdf".into())));
    assert!(
        matches!(&parts[5], Part::Audio(audio) if matches!(&audio.source, Source::Base64 { media_type, .. } if media_type == "audio/mp3"))
    );
}

#[test]
fn results_may_hold_texts_and_images() {
    let ask = read(CONVERSATION);
    assert!(
        matches!(&*ask.turns[2].parts, [Part::ToolResult(result)] if result.id == "c1" && matches!(&*result.parts, [Part::Text(_)]))
    );
    assert!(
        matches!(&*ask.turns[3].parts, [Part::ToolResult(result)] if matches!(&*result.parts, [Part::Text(_), Part::Image(_)]))
    );
}

#[test]
fn reads_tools_and_the_choice_among_them() {
    let body = with(
        r#""tools":[{"type":"function","name":"f","description":"d","parameters":{ "b":1,"a":2 },"strict":true},{"type":"function","name":"g"}],"tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false"#,
    );
    let ask = read(&body);
    assert_eq!(ask.tools[0].parameters.unwrap().get(), r#"{ "b":1,"a":2 }"#);
    assert_eq!(
        (ask.tools[0].strict, ask.parallel_tool_calls),
        (Some(true), Some(false))
    );
    assert_eq!(ask.tool_choice, Some(ToolChoice::Named("f".into())));
    let body = body.replace(
        r#"{"type":"function","name":"f"},"parallel"#,
        r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"}]},"parallel"#,
    );
    let ask = read(&body);
    assert_eq!(
        (ask.tools.len(), ask.tool_choice),
        (1, Some(ToolChoice::Required))
    );
}

#[test]
fn reads_every_plain_field() {
    let body = with(
        r#""text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{ "b":1,"a":2 }}},"reasoning":{"effort":"high","summary":"auto"},"max_output_tokens":5,"temperature":0.5,"top_p":0.25,"user":"u","stream":true"#,
    );
    let ask = read(&body);
    let Output::Schema(schema) = &ask.output else {
        panic!("a schema")
    };
    assert_eq!(
        (&*schema.name, schema.strict, schema.schema.get()),
        ("n", Some(true), r#"{ "b":1,"a":2 }"#)
    );
    assert_eq!(ask.reasoning, Some(Reasoning::Effort(Effort::High)));
    assert_eq!(
        (ask.max_tokens, ask.temperature, ask.top_p),
        (Some(5), Some(0.5), Some(0.25))
    );
    assert_eq!((ask.user.as_deref(), ask.stream), (Some("u"), true));
    assert!(ask.extras.is_empty());
    assert!(matches!(
        read(&with(r#""text":{"format":{"type":"json_object"}}"#)).output,
        Output::Json
    ));
    assert!(matches!(
        read(&with(r#""text":{"verbosity":"low"}"#)).output,
        Output::Text
    ));
}

#[test]
fn what_asks_for_nothing_is_not_lost() {
    let body = with(
        r#""store":false,"background":false,"previous_response_id":null,"conversation":null,"include":["reasoning.encrypted_content"],"top_logprobs":0"#,
    );
    assert!(read(&body).extras.is_empty());
}

#[test]
fn what_changes_the_answer_is_essential_and_the_rest_a_hint() {
    let body = with(
        r#""store":true,"metadata":{},"include":["message.output_text.logprobs","file_search_call.results"],"top_logprobs":2,"truncation":"auto""#,
    );
    let ask = read(&body);
    let of = |weight| -> Vec<_> {
        let extras = ask.extras.iter().filter(|extra| extra.weight == weight);
        extras.map(|extra| &*extra.field).collect()
    };
    assert_eq!(of(Weight::Essential), ["include", "top_logprobs"]);
    assert_eq!(of(Weight::Hint), ["metadata", "truncation", "store", "include"]);
}

#[test]
fn refusals_say_where_and_what_to_do() {
    let cases = [
        (
            with(r#""previous_response_id":"resp_1""#),
            "previous_response_id",
            "state",
        ),
        (with(r#""conversation":"conv_1""#), "conversation", "state"),
        (with(r#""prompt":{"id":"p"}"#), "prompt", "state"),
        (with(r#""background":true"#), "background", "state"),
        (
            with(r#""tools":[{"type":"function","name":"f"},{"type":"web_search"}]"#),
            "tools[1]",
            "web_search",
        ),
        (
            with(r#""tools":[{"type":"mcp","server_label":"x"}]"#),
            "tools[0]",
            "mcp",
        ),
        (
            with(r#""tool_choice":{"type":"file_search"}"#),
            "tool_choice",
            "auto",
        ),
        (
            with(r#""text":{"format":{"type":"grammar"}}"#),
            "text.format",
            "json_schema",
        ),
        (
            with(r#""reasoning":{"effort":"lots"}"#),
            "reasoning.effort",
            "medium",
        ),
        (r#"{"input":[]}"#.to_owned(), "input", "message"),
        (
            r#"{"input":[{"type":"item_reference","id":"x"}]}"#.to_owned(),
            "input[0].type",
            "state",
        ),
        (
            r#"{"input":[{"role":"user","content":"a"},{"type":"web_search_call","id":"x"}]}"#.to_owned(),
            "input[1].type",
            "web_search_call",
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"video"}]}]}"#
                .to_owned(),
            "input[0].content[1].type",
            "input_text",
        ),
        (
            r#"{"input":[{"type":"function_call_output","output":"a"}]}"#.to_owned(),
            "input[0].call_id",
            "id",
        ),
        (r#"{"model":"m"}"#.to_owned(), "", "input"),
    ];
    for (body, field, word) in cases {
        let refusal = refusal(&body);
        assert_eq!(refusal.field, field, "{body}: {refusal}");
        assert!(refusal.message.contains(word), "{body}: {refusal}");
    }
}
