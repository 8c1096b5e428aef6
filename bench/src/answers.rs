//! What the mock provider answers, byte for byte and made beforehand: in each dialect the same words, whole
//! or as a stream. Pure.

use anyhow::Result;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;

use crate::dialect::Dialect;
use crate::scenario::EVENTS;

/// The length of an answer that is not streamed.
const WHOLE_BYTES: usize = 500;

/// The last words of every answer.
pub(crate) const LAST: &str = "That is all.";

/// How a stream of chat completions ends.
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// The events of a stream of chat completions that say nothing: the role, the finish reason, `[DONE]`.
const SILENT: u32 = 3;

/// The answers in one dialect, with their HTTP.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The one that is not streamed.
    pub(crate) whole: Vec<u8>,
    /// The head of the streamed one.
    pub(crate) head: Vec<u8>,
    /// The chunks of the streamed one, one for each event; the last one ends the body too.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// The body of the one that is not streamed, for HTTP/2.
    pub(crate) body: Bytes,
    /// The events of the streamed one, for HTTP/2.
    pub(crate) events: Vec<Bytes>,
}

impl Answers {
    /// Those in `dialect`.
    pub(crate) fn of(dialect: Dialect) -> Result<Self> {
        let events = stream(dialect)?;
        let body = words(dialect);
        let mut chunks: Vec<Vec<u8>> = events.iter().map(|event| chunk(event)).collect();
        if let Some(last) = chunks.last_mut() {
            last.extend_from_slice(b"0\r\n\r\n");
        }
        Ok(Self {
            whole: whole(&body),
            head: head(media_type(dialect), "transfer-encoding: chunked"),
            chunks,
            body: body.into(),
            events: events.into_iter().map(Bytes::from).collect(),
        })
    }
}

/// What the streamed answer is, to HTTP.
pub(crate) fn media_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Bedrock => "application/vnd.amazon.eventstream",
        _ => "text/event-stream",
    }
}

fn head(media_type: &str, framing: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\nserver: mock\r\nx-request-id: 1\r\n{framing}\r\n\r\n"
    );
    head.into_bytes()
}

/// The body of an answer that is not streamed.
fn words(dialect: Dialect) -> String {
    let (before, after) = around(dialect);
    let filling = ".".repeat(WHOLE_BYTES - before.len() - LAST.len() - after.len());
    format!("{before}{filling}{LAST}{after}")
}

fn whole(body: &str) -> Vec<u8> {
    let head = head("application/json", &format!("content-length: {}", body.len()));
    [&head, body.as_bytes()].concat()
}

/// What stands before and behind the words of an answer that is not streamed.
fn around(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::OpenAi => (
            r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":""#,
            r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"completion_tokens":60,"total_tokens":110}}"#,
        ),
        Dialect::Anthropic => (
            r#"{"id":"msg_1","type":"message","role":"assistant","model":"mock","content":[{"type":"text","text":""#,
            r#""}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":50,"output_tokens":60}}"#,
        ),
        Dialect::Gemini => (
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":""#,
            r#""}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":60,"totalTokenCount":110},"modelVersion":"mock","responseId":"r1"}"#,
        ),
        Dialect::Bedrock => (
            r#"{"output":{"message":{"role":"assistant","content":[{"text":""#,
            r#""}]}},"stopReason":"end_turn","usage":{"inputTokens":50,"outputTokens":60,"totalTokens":110},"metrics":{"latencyMs":12}}"#,
        ),
    }
}

/// The events of a streamed answer.
fn stream(dialect: Dialect) -> Result<Vec<Vec<u8>>> {
    let said: Vec<String> = (1..EVENTS - SILENT)
        .map(|at| format!(" word{at:02}"))
        .chain([LAST.to_owned()])
        .collect();
    let events = match dialect {
        Dialect::OpenAi => completion(&said),
        Dialect::Anthropic => message(&said),
        Dialect::Gemini => generation(&said),
        Dialect::Bedrock => return conversation(&said),
    };
    Ok(events.into_iter().map(String::into_bytes).collect())
}

/// <https://platform.openai.com/docs/api-reference/chat/streaming>
fn completion(said: &[String]) -> Vec<String> {
    let event = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
             \"model\":\"mock\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let role = event(r#"{"role":"assistant","content":""}"#, "null");
    let texts = said
        .iter()
        .map(|text| event(&format!(r#"{{"content":"{text}"}}"#), "null"));
    let end = [event("{}", r#""stop""#), DONE.to_owned()];
    [role].into_iter().chain(texts).chain(end).collect()
}

/// <https://docs.anthropic.com/en/docs/build-with-claude/streaming>
fn message(said: &[String]) -> Vec<String> {
    let event = |kind: &str, rest: &str| format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n");
    let start = [
        event(
            "message_start",
            r#","message":{"id":"msg_1","type":"message","role":"assistant","model":"mock","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":50,"output_tokens":1}}"#,
        ),
        event(
            "content_block_start",
            r#","index":0,"content_block":{"type":"text","text":""}"#,
        ),
    ];
    let texts = said.iter().map(|text| {
        let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":"{text}"}}"#);
        event("content_block_delta", &delta)
    });
    let end = [
        event("content_block_stop", r#","index":0"#),
        event(
            "message_delta",
            r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":60}"#,
        ),
        event("message_stop", ""),
    ];
    start.into_iter().chain(texts).chain(end).collect()
}

/// <https://ai.google.dev/api/generate-content>: the last words come with the finish reason.
fn generation(said: &[String]) -> Vec<String> {
    let event = |text: &String| {
        let finish = if text == LAST {
            r#""finishReason":"STOP","#
        } else {
            ""
        };
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"{text}\"}}]}},\
             {finish}\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":50,\"candidatesTokenCount\":60,\
             \"totalTokenCount\":110}},\"modelVersion\":\"mock\",\"responseId\":\"r1\"}}\r\n\r\n"
        )
    };
    said.iter().map(event).collect()
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>
fn conversation(said: &[String]) -> Result<Vec<Vec<u8>>> {
    let start = ("messageStart", r#"{"role":"assistant"}"#.to_owned());
    let texts = said.iter().map(|text| {
        let delta = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{text}"}}}}"#);
        ("contentBlockDelta", delta)
    });
    let end = [
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":50,"outputTokens":60,"totalTokens":110},"metrics":{"latencyMs":12}}"#,
        ),
    ];
    let end = end.map(|(kind, payload)| (kind, payload.to_owned()));
    let events = [start].into_iter().chain(texts).chain(end);
    events.map(|(kind, payload)| frame(kind, payload)).collect()
}

fn frame(kind: &'static str, payload: String) -> Result<Vec<u8>> {
    let header =
        |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(payload.into_bytes())
        .add_header(header(":event-type", kind))
        .add_header(header(":content-type", "application/json"))
        .add_header(header(":message-type", "event"));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes)?;
    Ok(bytes)
}

fn chunk(event: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", event.len());
    [size.as_bytes(), event, b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
    use memchr::memmem;

    use super::{Answers, LAST};
    use crate::dialect::Dialect;
    use crate::http::tests::body;

    #[test]
    fn every_whole_answer_has_500_bytes_and_is_json() {
        for dialect in Dialect::ALL {
            let body = body(&Answers::of(dialect).unwrap().whole);
            assert_eq!(body.len(), 500, "{dialect:?}");
            assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    }

    #[test]
    fn every_stream_says_the_same_words() {
        for dialect in Dialect::ALL {
            let Answers { head, chunks, .. } = Answers::of(dialect).unwrap();
            let body = body(&[head, chunks.concat()].concat());
            assert_eq!(memmem::find_iter(&body, " word").count(), 49, "{dialect:?}");
            assert_eq!(memmem::find_iter(&body, LAST).count(), 1, "{dialect:?}");
        }
    }
}
