//! What is asked and what is answered, byte for byte, and how an answer is found to be whole. Pure.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use memchr::memmem;

use crate::scenario::{EVENTS, Scenario};

/// The length of an answer that is not streamed.
const WHOLE_BYTES: usize = 500;

/// The last words of every answer.
const LAST: &str = "That is all.";

/// How a stream ends.
const DONE: &str = "data: [DONE]\n\n";

/// A paragraph of a prompt. As in real ones, something has to be escaped about every hundred bytes.
const PARAGRAPH: &str = "The weir splits the river above the town into two arms, and \\\"both\\\" of them reach the \
    mill. Miller and fishermen have never agreed on how much water either arm is to have, so the boards are moved \
    by the rule that hangs in the gatehouse, and by nobody's hand alone.\\n";

/// The request of `scenario` to `address`, for `model`.
pub(crate) fn request(scenario: &Scenario, address: SocketAddr, path: &str, model: &str) -> Vec<u8> {
    let prompt = PARAGRAPH.repeat(scenario.prompt.div_ceil(PARAGRAPH.len()));
    let stream = if scenario.is_streamed() {
        r#","stream":true"#
    } else {
        ""
    };
    let body = format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"{prompt}"}}],"temperature":0.2{stream},"requesty":{{"trace_id":"4bf92f3577b34da6"}}}}"#
    );
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer sk-bench\r\naccept: application/json\r\n\
         content-type: application/json\r\nuser-agent: weir-bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The answer that is not streamed, with its head.
pub(crate) fn whole() -> Vec<u8> {
    let (before, after) = (
        r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":""#,
        r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"completion_tokens":60,"total_tokens":110}}"#,
    );
    let filling = ".".repeat(WHOLE_BYTES - before.len() - LAST.len() - after.len());
    let body = format!("{before}{filling}{LAST}{after}");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nserver: mock\r\nx-request-id: 1\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The head of a streamed answer.
pub(crate) const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nserver: mock\r\n\
    x-request-id: 1\r\ntransfer-encoding: chunked\r\n\r\n";

/// The chunks of a streamed answer, one for each event; the last one ends the body too.
pub(crate) fn chunks() -> Vec<Vec<u8>> {
    let count = EVENTS as usize;
    let mut chunks: Vec<Vec<u8>> = (0..count).map(|at| chunk(&event(at, count))).collect();
    if let Some(last) = chunks.last_mut() {
        last.extend_from_slice(b"0\r\n\r\n");
    }
    chunks
}

fn event(at: usize, count: usize) -> String {
    let (delta, finish) = match at {
        0 => (r#"{"role":"assistant","content":""}"#.to_owned(), "null"),
        at if at == count - 1 => return DONE.to_owned(),
        at if at == count - 2 => ("{}".to_owned(), r#""stop""#),
        at if at == count - 3 => (format!(r#"{{"content":"{LAST}"}}"#), "null"),
        at => (format!(r#"{{"content":" word{at:02}"}}"#), "null"),
    };
    format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
         \"model\":\"mock\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

fn chunk(event: &str) -> Vec<u8> {
    let mut chunk = String::new();
    // Writing to a string does not fail.
    let _ok = write!(chunk, "{:x}\r\n{event}\r\n", event.len());
    chunk.into_bytes()
}

/// An answer as it comes in.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    body: Vec<u8>,
    events: u32,
}

impl Answered {
    /// Takes some of the body of a streamed answer in, and says how many events ended in it.
    pub(crate) fn stream(&mut self, bytes: &[u8]) -> u32 {
        // A blank line can begin with the last byte of what was there before.
        let seen = self.body.len().saturating_sub(1);
        self.body.extend_from_slice(bytes);
        let ended = memmem::find_iter(&self.body[seen..], b"\n\n").count();
        let ended = u32::try_from(ended).unwrap_or(u32::MAX);
        self.events += ended;
        ended
    }

    /// Takes some of the body of any other answer in.
    pub(crate) fn whole(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
    }

    /// How many events have ended.
    pub(crate) fn events(&self) -> u32 {
        self.events
    }

    /// Fails unless the answer that has ended is whole, and makes room for the next one.
    pub(crate) fn finish(&mut self, scenario: &Scenario) -> Result<()> {
        ensure!(
            memmem::find(&self.body, LAST.as_bytes()).is_some(),
            "an answer without its last words"
        );
        if scenario.is_streamed() {
            ensure!(self.body.ends_with(DONE.as_bytes()), "a stream without [DONE]");
            ensure!(
                self.events == EVENTS,
                "a stream of {} events instead of {EVENTS}",
                self.events
            );
        }
        self.body.clear();
        self.events = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Answered, STREAM_HEAD, chunks, request, whole};
    use crate::http::{Message, Piece};
    use crate::scenario::{EVENTS, Name, Scenario};

    fn body(mut wire: &[u8]) -> Vec<u8> {
        let (mut message, mut body) = (Message::default(), Vec::new());
        while let Some(piece) = message.next(&mut wire).unwrap() {
            match piece {
                Piece::Head => {}
                Piece::Body(bytes) => body.extend_from_slice(bytes),
                Piece::End => return body,
            }
        }
        panic!("the message has no end");
    }

    #[test]
    fn the_whole_answer_has_500_bytes_and_is_json() {
        let body = body(&whole());
        assert_eq!(body.len(), 500);
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }

    #[test]
    fn the_big_request_is_json_of_64_kib() {
        let scenario = Scenario::of(Name::Big).unwrap();
        let body = body(&request(
            &scenario,
            "127.0.0.1:80".parse().unwrap(),
            "/",
            "policy/bench",
        ));
        assert!((65_500..66_200).contains(&body.len()), "{}", body.len());
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["model"], "policy/bench");
    }

    #[test]
    fn a_stream_is_whole_only_with_every_event() {
        let scenario = Scenario::of(Name::Sse).unwrap();
        let whole = body(&[STREAM_HEAD.to_vec(), chunks().concat()].concat());
        let mut answered = Answered::default();
        let events: u32 = whole.chunks(7).map(|bytes| answered.stream(bytes)).sum();
        assert_eq!(events, EVENTS);
        answered.finish(&scenario).unwrap();
        answered.stream(&whole[..whole.len() - 14]);
        assert!(answered.finish(&scenario).is_err(), "[DONE] is missing");
    }

    #[test]
    fn an_answer_without_its_last_words_is_not_whole() {
        let mut answered = Answered::default();
        answered.whole(br#"{"error":{"message":"no"}}"#);
        assert!(answered.finish(&Scenario::of(Name::Sat).unwrap()).is_err());
    }
}
