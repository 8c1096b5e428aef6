//! Reads a stream, event by event.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>

use serde::Deserialize;

use super::stop::{Fields, Stop, Tokens};
use crate::form::Usage;
use crate::json::{self, Str};
use crate::{Event, Fault, Incoming, Reader, Unreadable};

/// A reader at the beginning of a stream.
pub fn reader() -> Box<dyn Reader> {
    Box::new(Stream::default())
}

#[derive(Debug, Default)]
struct Stream {
    state: State,
    /// The blocks that are calls, in order; the place is the call's number.
    calls: Vec<u64>,
}

/// How far it has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing came.
    #[default]
    Before,
    /// The answer began.
    Open,
    /// It ended; what it took may follow.
    Stopped,
    /// All came.
    Ended,
}

impl Reader for Stream {
    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Vec<Event<'a>>, Unreadable> {
        match message.name {
            _ if self.state == State::Ended => Ok(Vec::new()),
            "metadata" => self.metadata(message.data),
            name if is_fault(name) => Ok(vec![Event::Failed(fault(name, message.data))]),
            _ if self.state == State::Stopped => Ok(Vec::new()),
            "messageStart" => Ok(self.begin().into_iter().collect()),
            "contentBlockStart" => self.block_start(message.data),
            "contentBlockDelta" => self.block_delta(message.data),
            "messageStop" => self.stop(message.data),
            // `contentBlockStop`, and what is not known yet.
            _ => Ok(Vec::new()),
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self.state, State::Stopped | State::Ended)
    }
}

impl Stream {
    /// The start, the first time. It comes before content even if Bedrock did not say it.
    fn begin(&mut self) -> Option<Event<'static>> {
        let is_first = self.state == State::Before;
        is_first.then(|| {
            self.state = State::Open;
            Event::Start {
                id: None,
                model: None,
            }
        })
    }

    fn with_start<'a>(&mut self, event: Option<Event<'a>>) -> Vec<Event<'a>> {
        let Some(event) = event else {
            return Vec::new();
        };
        self.begin().into_iter().chain([event]).collect()
    }

    fn block_start<'a>(&mut self, data: &'a [u8]) -> Result<Vec<Event<'a>>, Unreadable> {
        let block: BlockStart<'a> = json::read_answer(data)?;
        let Some(tool) = block.start.tool_use else {
            return Ok(Vec::new());
        };
        let call = u32::try_from(self.calls.len()).map_err(|_| Unreadable)?;
        self.calls.push(block.content_block_index);
        Ok(self.with_start(Some(Event::ToolCall {
            choice: 0,
            call,
            id: tool.id.0,
            name: tool.name.0,
            signature: None,
        })))
    }

    fn block_delta<'a>(&mut self, data: &'a [u8]) -> Result<Vec<Event<'a>>, Unreadable> {
        let BlockDelta {
            delta,
            content_block_index,
        } = json::read_answer::<BlockDelta<'a>>(data)?;
        let choice = 0;
        let event = if let Some(text) = delta.text {
            Some(Event::Text { choice, text: text.0 })
        } else if let Some(tool) = delta.tool_use {
            let call = self.call(content_block_index)?;
            let text = tool.input.0;
            // A call without arguments comes with an empty piece of them.
            (!text.is_empty()).then_some(Event::Arguments { choice, call, text })
        } else {
            delta.reasoning_content.and_then(Reasoning::event)
        };
        Ok(self.with_start(event))
    }

    /// The number of the call whose block this is.
    fn call(&self, block: u64) -> Result<u32, Unreadable> {
        let call = self.calls.iter().rposition(|known| *known == block);
        call.and_then(|call| u32::try_from(call).ok()).ok_or(Unreadable)
    }

    fn stop<'a>(&mut self, data: &'a [u8]) -> Result<Vec<Event<'a>>, Unreadable> {
        let stop: MessageStop<'a> = json::read_answer(data)?;
        let event = match Stop::of(&stop.stop_reason, stop.additional_model_response_fields) {
            Stop::Finish(finish) => Event::Finish { choice: 0, finish },
            Stop::Malformed => {
                return Ok(vec![Event::Failed(Fault {
                    kind: stop.stop_reason.0.into_owned(),
                    ..Fault::default()
                })]);
            }
        };
        let events = self.with_start(Some(event));
        self.state = State::Stopped;
        Ok(events)
    }

    /// What it took comes last.
    fn metadata<'a>(&mut self, data: &[u8]) -> Result<Vec<Event<'a>>, Unreadable> {
        let metadata: Metadata = json::read_answer(data)?;
        let mut events: Vec<Event<'a>> = Vec::with_capacity(2);
        events.extend(metadata.usage.map(|tokens| Event::Usage(Usage::from(tokens))));
        if self.state == State::Stopped {
            self.state = State::Ended;
            events.push(Event::End);
        }
        Ok(events)
    }
}

/// Whether `name` says that the stream failed: an exception of Converse's model, or a code of the transport's.
/// Events are called in lower case.
fn is_fault(name: &str) -> bool {
    name.ends_with("Exception") || name.starts_with(|c: char| c.is_ascii_uppercase())
}

fn fault(name: &str, data: &[u8]) -> Fault {
    // What the transport says is plain text.
    let text = || String::from_utf8_lossy(data).into_owned();
    let said = json::read_answer::<Said<'_>>(data);
    Fault {
        status: status(name),
        kind: name.to_owned(),
        message: said.map_or_else(|_| text(), |said| said.message.0.into_owned()),
        ..Fault::default()
    }
}

/// The status that the same exception has outside of a stream, by the service's model.
fn status(name: &str) -> Option<u16> {
    Some(match name {
        "validationException" | "serviceQuotaExceededException" => 400,
        "accessDeniedException" => 403,
        "resourceNotFoundException" => 404,
        "modelTimeoutException" => 408,
        "modelErrorException" | "modelStreamErrorException" => 424,
        "throttlingException" | "modelNotReadyException" => 429,
        "internalServerException" => 500,
        "serviceUnavailableException" => 503,
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    message: Str<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    #[serde(borrow)]
    start: Start<'a>,
    content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow, rename = "toolUseId")]
    id: Str<'a>,
    name: Str<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
    content_block_index: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    tool_use: Option<Input<'a>>,
    reasoning_content: Option<Reasoning<'a>>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    input: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reasoning<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    signature: Option<Str<'a>>,
    redacted_content: Option<Str<'a>>,
}

impl<'a> Reasoning<'a> {
    fn event(self) -> Option<Event<'a>> {
        let choice = 0;
        if let Some(text) = self.text {
            Some(Event::Thought { choice, text: text.0 })
        } else if let Some(signature) = self.signature {
            let signature = signature.0;
            Some(Event::ThoughtSignature { choice, signature })
        } else {
            let data = self.redacted_content?.0;
            Some(Event::RedactedThought { choice, data })
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop<'a> {
    #[serde(borrow)]
    stop_reason: Str<'a>,
    additional_model_response_fields: Option<Fields<'a>>,
}

#[derive(Deserialize)]
struct Metadata {
    usage: Option<Tokens>,
}
