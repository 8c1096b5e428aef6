//! The bytes of an answer, as a list of frames with a pause before each.

use std::{fmt::Write, time::Duration};

use bytes::Bytes;

use super::{
    request::{Asked, Request},
    script::{Behaviour, Reply},
};

/// Bytes that go onto the wire together, after a pause.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// How long to wait first.
    pub pause: Duration,
    /// What to send then.
    pub bytes: Bytes,
}

/// Word number `index` of every answer, with the space that follows it.
fn word(index: usize) -> String {
    format!("w{index} ")
}

/// The whole content of an answer of `count` words.
pub fn content(count: usize) -> String {
    (0..count).map(word).collect()
}

/// The frames of the answer to `request`.
pub(super) fn frames(request: &Request, asked: &Asked, behaviour: &Behaviour) -> Vec<Frame> {
    let head_pause = Duration::from_millis(behaviour.head_delay_ms);
    let single = |bytes: String| {
        vec![Frame {
            pause: head_pause,
            bytes: bytes.into(),
        }]
    };
    match &behaviour.reply {
        Reply::Raw { bytes } => single(bytes.clone()),
        Reply::Status { code, headers, body } => single(whole(*code, headers, body)),
        Reply::Words { count } => good(request, asked, behaviour, *count, head_pause),
    }
}

fn good(
    request: &Request,
    asked: &Asked,
    behaviour: &Behaviour,
    count: usize,
    pause: Duration,
) -> Vec<Frame> {
    let (provider, path) = request.provider_and_path();
    let body = match path.rsplit_once("/v1/").map(|(_, rest)| rest) {
        Some("chat/completions") if asked.stream => return stream(provider, asked, behaviour, count),
        Some("chat/completions") => completion(provider, &asked.model, count),
        Some("embeddings") => embedding(&asked.model, count),
        Some("models") => serde_json::json!({"object": "list", "data": []}).to_string(),
        _ => {
            return vec![Frame {
                pause,
                bytes: whole(404, &[], "{\"error\":{\"message\":\"no such path\"}}").into(),
            }];
        }
    };
    vec![Frame {
        pause,
        bytes: whole(200, &[json()], &body).into(),
    }]
}

fn json() -> (String, String) {
    ("content-type".to_owned(), "application/json".to_owned())
}

/// A whole answer with a length.
pub(super) fn whole(code: u16, headers: &[(String, String)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {code} Fake\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
    text
}

fn completion(provider: &str, model: &str, count: usize) -> String {
    let text = content(count);
    format!(
        "{{\"id\":\"chatcmpl-fake\",\"object\":\"chat.completion\",\"created\":1,\"model\":{},\
         \"system_fingerprint\":\"{provider}\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\
         \"content\":\"{text}\"}},\"finish_reason\":\"stop\"}}],\"usage\":{}}}",
        quoted(model),
        usage(count)
    )
}

fn embedding(model: &str, dimensions: usize) -> String {
    let vector = vec!["0.5"; dimensions].join(",");
    format!(
        "{{\"object\":\"list\",\"model\":{},\"data\":[{{\"object\":\"embedding\",\"index\":0,\
         \"embedding\":[{vector}]}}],\"usage\":{{\"prompt_tokens\":1,\"total_tokens\":1}}}}",
        quoted(model)
    )
}

fn usage(count: usize) -> String {
    format!(
        "{{\"prompt_tokens\":1,\"completion_tokens\":{count},\"total_tokens\":{}}}",
        count + 1
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Server-sent events, each an HTTP chunk of its own: the role, each word, the reason to finish, usage if asked, done.
fn stream(provider: &str, asked: &Asked, behaviour: &Behaviour, count: usize) -> Vec<Frame> {
    let model = quoted(&asked.model);
    let event = |choices: &str, usage: &str| {
        chunk(&format!(
            "data: {{\"id\":\"chatcmpl-fake\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":{model},\
             \"system_fingerprint\":\"{provider}\",\"choices\":[{choices}]{usage}}}\n\n"
        ))
    };
    let delta = |delta: &str, finish: &str| {
        event(
            &format!("{{\"index\":0,\"delta\":{{{delta}}},\"finish_reason\":{finish}}}"),
            "",
        )
    };
    let between = Duration::from_millis(behaviour.event_delay_ms);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let opening = format!(
        "{head}{}",
        delta("\"role\":\"assistant\",\"content\":\"\"", "null")
    );
    let mut frames = vec![frame(Duration::from_millis(behaviour.head_delay_ms), opening)];
    for index in 0..count {
        let first = Duration::from_millis(behaviour.content_delay_ms);
        let pause = if index == 0 { between + first } else { between };
        frames.push(frame(
            pause,
            delta(&format!("\"content\":\"{}\"", word(index)), "null"),
        ));
    }
    frames.push(frame(between, delta("", "\"stop\"")));
    if asked.stream_options.include_usage {
        frames.push(frame(
            Duration::ZERO,
            event("", &format!(",\"usage\":{}", usage(count))),
        ));
    }
    frames.push(frame(
        Duration::ZERO,
        format!("{}0\r\n\r\n", chunk("data: [DONE]\n\n")),
    ));
    frames
}

fn frame(pause: Duration, text: String) -> Frame {
    Frame {
        pause,
        bytes: text.into(),
    }
}

fn chunk(payload: &str) -> String {
    format!("{:x}\r\n{payload}\r\n", payload.len())
}

#[cfg(test)]
mod tests {
    use super::{Asked, Behaviour, Request, content, frames};
    use bytes::Bytes;

    fn request(path: &str, body: &str) -> Request {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Request {
            method: "POST".into(),
            target: path.into(),
            headers: Vec::new(),
            body,
        }
    }

    fn answer(path: &str, body: &str, words: usize) -> String {
        let request = request(path, body);
        let asked: Asked = request.asked();
        let frames = frames(&request, &asked, &Behaviour::words(words));
        frames
            .iter()
            .map(|frame| String::from_utf8_lossy(&frame.bytes).into_owned())
            .collect()
    }

    #[test]
    fn names_the_model_and_the_provider_that_it_plays() {
        let text = answer(
            "/deepseek/v1/chat/completions",
            r#"{"model":"deepseek-reasoner"}"#,
            3,
        );
        assert!(text.contains(r#""model":"deepseek-reasoner""#));
        assert!(text.contains(r#""system_fingerprint":"deepseek""#));
        assert!(text.contains(&content(3)));
    }

    #[test]
    fn a_stream_ends_with_done_and_the_last_chunk() {
        let text = answer("/openai/v1/chat/completions", r#"{"model":"m","stream":true}"#, 2);
        assert!(text.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
        assert!(!text.contains("usage"));
    }

    #[test]
    fn a_stream_tells_usage_only_when_asked() {
        let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
        assert!(answer("/openai/v1/chat/completions", body, 2).contains("\"completion_tokens\":2"));
    }
}
