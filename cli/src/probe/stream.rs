//! A stream of server-sent events, read whole: what it said, and whether it came to its end. Pure; the shapes are
//! those of `OpenAI`'s API reference.

use serde_json::Value;

use super::check::one_line;

/// What a whole stream came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Streamed {
    /// The text of its first choice.
    pub(super) text: String,
    /// How many events there were before the `[DONE]`.
    pub(super) events: usize,
}

/// What the stream `body` says, or what is wrong with it.
pub(super) fn read(body: &str) -> Result<Streamed, String> {
    let mut streamed = Streamed {
        text: String::new(),
        events: 0,
    };
    let mut data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    while let Some(event) = data.next() {
        match event.trim_ascii() {
            "[DONE]" if data.next().is_some() => return Err("events follow after [DONE]".to_owned()),
            "[DONE]" => return Ok(streamed),
            event => streamed.take(event)?,
        }
    }
    Err(format!(
        "the stream ends after {} events without [DONE]: it was cut",
        streamed.events
    ))
}

impl Streamed {
    fn take(&mut self, event: &str) -> Result<(), String> {
        self.events += 1;
        let event: Value =
            serde_json::from_str(event).map_err(|_| format!("event {} is not JSON", self.events))?;
        if let Some(error) = event.get("error") {
            let message = one_line(error["message"].as_str().unwrap_or("without a message"));
            return Err(format!("the stream ends in an error: {message}"));
        }
        let delta = &event["choices"][0]["delta"];
        self.text.push_str(delta["content"].as_str().unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Streamed, read};

    const TWO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n: ping\n\n\
                       data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n";

    #[test]
    fn a_whole_stream_says_what_its_events_say() {
        let whole = Streamed {
            text: "ab".to_owned(),
            events: 2,
        };
        assert_eq!(read(&format!("{TWO}data: [DONE]\n\n")), Ok(whole));
    }

    #[test]
    fn a_stream_that_does_not_end_with_done_was_cut() {
        assert!(read(TWO).unwrap_err().contains("without [DONE]"));
        assert!(read("").unwrap_err().contains("without [DONE]"));
        assert!(read(&format!("data: [DONE]\n\n{TWO}")).is_err());
    }

    #[test]
    fn an_error_within_a_stream_is_told() {
        let told = read(&format!(
            "{TWO}data: {{\"error\":{{\"message\":\"StreamCut\"}}}}\n\n"
        ))
        .unwrap_err();
        assert_eq!(told, "the stream ends in an error: StreamCut");
    }
}
