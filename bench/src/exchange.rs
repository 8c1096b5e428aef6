//! What is asked, byte for byte, and how an answer is found to be whole. Pure.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Request;
use memchr::memmem;

use crate::answers::{DONE, LAST};
use crate::scenario::{EVENTS, Scenario};

/// What every request says of itself.
const HEADERS: [(&str, &str); 4] = [
    ("authorization", "Bearer sk-bench"),
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("user-agent", "weir-bench"),
];

/// A paragraph of a prompt. As in real ones, something has to be escaped about every hundred bytes.
const PARAGRAPH: &str = "The weir splits the river above the town into two arms, and \\\"both\\\" of them reach the \
    mill. Miller and fishermen have never agreed on how much water either arm is to have, so the boards are moved \
    by the rule that hangs in the gatehouse, and by nobody's hand alone.\\n";

/// The request of `scenario` to `address`, for `model`.
pub(crate) fn request(scenario: &Scenario, address: SocketAddr, path: &str, model: &str) -> Vec<u8> {
    let body = body(scenario, model);
    let headers = HEADERS
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .concat();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The same for HTTP/2.
pub(crate) fn request_of_http2(
    scenario: &Scenario,
    address: SocketAddr,
    path: &str,
    model: &str,
) -> Result<(Request<()>, Bytes)> {
    let body = body(scenario, model);
    let head = HEADERS.iter().fold(
        Request::post(format!("http://{address}{path}")),
        |head, (name, value)| head.header(*name, *value),
    );
    Ok((head.header("content-length", body.len()).body(())?, body.into()))
}

fn body(scenario: &Scenario, model: &str) -> String {
    let prompt = PARAGRAPH.repeat(scenario.prompt.div_ceil(PARAGRAPH.len()));
    let stream = if scenario.is_streamed() {
        r#","stream":true"#
    } else {
        ""
    };
    format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"{prompt}"}}],"temperature":0.2{stream},"requesty":{{"trace_id":"4bf92f3577b34da6"}}}}"#
    )
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
    use super::{Answered, request};
    use crate::answers::Answers;
    use crate::dialect::Dialect;
    use crate::http::tests::body;
    use crate::scenario::{EVENTS, Name, Scenario};

    #[test]
    fn the_big_request_is_json_of_64_kib() {
        let scenario = Scenario::of(Name::Big);
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
        let scenario = Scenario::of(Name::Sse);
        let Answers { head, chunks, .. } = Answers::of(Dialect::OpenAi).unwrap();
        let whole = body(&[head, chunks.concat()].concat());
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
        assert!(answered.finish(&Scenario::of(Name::Sat)).is_err());
    }
}
