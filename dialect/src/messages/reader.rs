//! A target's stream. <https://platform.claude.com/docs/en/build-with-claude/streaming>

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::SaidBlock;
use super::{finish, usage};
use crate::json::{self, Str};
use crate::{Event, Fault, Incoming, Reader, Unreadable};

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
}

#[derive(Deserialize)]
struct MessageStart<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    model: Option<Str<'a>>,
    usage: Option<usage::Said>,
}

#[derive(Deserialize)]
struct BlockStart<'a> {
    index: u32,
    #[serde(borrow)]
    content_block: SaidBlock<'a>,
}

#[derive(Deserialize)]
struct BlockDelta<'a> {
    index: u32,
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
    #[serde(default)]
    text: Str<'a>,
    #[serde(default)]
    partial_json: Str<'a>,
    #[serde(default)]
    thinking: Str<'a>,
    #[serde(default)]
    signature: Str<'a>,
}

#[derive(Deserialize)]
struct MessageDelta<'a> {
    #[serde(borrow)]
    delta: finish::Said<'a>,
    usage: Option<usage::Said>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    error: FailureSaid<'a>,
}

#[derive(Deserialize)]
struct FailureSaid<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Str<'a>,
    #[serde(default)]
    message: Str<'a>,
}

/// A reader of Anthropic's streams.
pub fn reader() -> Box<dyn Reader> {
    Box::new(Stream::default())
}

/// How far a stream has come.
#[derive(Debug, Default)]
struct Stream {
    /// Which block each call is, by the number of the call. Blocks of tools that Anthropic runs are not among
    /// them, so that their arguments are passed over.
    calls: Vec<u32>,
    usage: usage::Said,
    has_ended: bool,
}

impl Reader for Stream {
    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Vec<Event<'a>>, Unreadable> {
        let Incoming { name, data } = message;
        let kind = match name {
            "" => json::read_answer::<Kind<'_>>(data)?.kind,
            name => Str(name.into()),
        };
        match &*kind {
            "message_start" => json::read_answer(data).map(|start| self.start(start)),
            "content_block_start" => json::read_answer(data).map(|start| self.block(start)),
            "content_block_delta" => {
                json::read_answer(data).map(|delta| self.delta(delta).into_iter().collect())
            }
            "message_delta" => json::read_answer(data).map(|delta| self.ending(delta)),
            "message_stop" => {
                self.has_ended = true;
                Ok(vec![Event::End])
            }
            "error" => json::read_answer(data).map(|failure| vec![failed(&failure)]),
            // `ping`, `content_block_stop`, and what is not known yet.
            _ => Ok(Vec::new()),
        }
    }

    fn is_complete(&self) -> bool {
        self.has_ended
    }
}

impl Stream {
    fn start<'a>(&mut self, start: MessageStart<'a>) -> Vec<Event<'a>> {
        let Message { id, model, usage } = start.message;
        let begun = Event::Start {
            id: id.map(Into::into),
            model: model.map(Into::into),
        };
        [Some(begun), self.used(usage)].into_iter().flatten().collect()
    }

    fn used<'a>(&mut self, said: Option<usage::Said>) -> Option<Event<'a>> {
        self.usage.update(said?);
        Some(Event::Usage(self.usage.total()))
    }

    fn block<'a>(&mut self, start: BlockStart<'a>) -> Vec<Event<'a>> {
        let block = start.content_block;
        match &*block.kind {
            "text" => some_text(block.text).into_iter().collect(),
            "thinking" => some_thought(block.thinking)
                .into_iter()
                .chain(some_signature(block.signature))
                .collect(),
            "redacted_thinking" => vec![Event::RedactedThought {
                choice: 0,
                data: block.data.into(),
            }],
            "tool_use" => self.call(start.index, block),
            _ => Vec::new(),
        }
    }

    fn call<'a>(&mut self, index: u32, block: SaidBlock<'a>) -> Vec<Event<'a>> {
        let call = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        self.calls.push(index);
        let begun = Event::ToolCall {
            choice: 0,
            call,
            id: block.id.into(),
            name: block.name.into(),
            signature: None,
        };
        let arguments = block.input.map_or("{}", RawValue::get);
        let whole = (arguments != "{}" && arguments != "null").then(|| Event::Arguments {
            choice: 0,
            call,
            text: arguments.into(),
        });
        [Some(begun), whole].into_iter().flatten().collect()
    }

    fn delta<'a>(&self, said: BlockDelta<'a>) -> Option<Event<'a>> {
        let BlockDelta { index, delta } = said;
        match &*delta.kind {
            "text_delta" => some_text(delta.text),
            "thinking_delta" => some_thought(delta.thinking),
            "signature_delta" => some_signature(delta.signature),
            "input_json_delta" => {
                let call = self.calls.iter().position(|block| *block == index)?;
                let call = u32::try_from(call).ok()?;
                (!delta.partial_json.is_empty()).then(|| Event::Arguments {
                    choice: 0,
                    call,
                    text: delta.partial_json.into(),
                })
            }
            _ => None,
        }
    }

    fn ending<'a>(&mut self, said: MessageDelta<'a>) -> Vec<Event<'a>> {
        let finish = said.delta.finish();
        self.has_ended |= finish.is_some();
        let words = said.delta.explanation().map(|words| Event::Refusal {
            choice: 0,
            text: words.into(),
        });
        let finish = finish.map(|finish| Event::Finish { choice: 0, finish });
        [words, finish, self.used(said.usage)]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn some_text(text: Str<'_>) -> Option<Event<'_>> {
    (!text.is_empty()).then(|| Event::Text {
        choice: 0,
        text: text.into(),
    })
}

fn some_thought(text: Str<'_>) -> Option<Event<'_>> {
    (!text.is_empty()).then(|| Event::Thought {
        choice: 0,
        text: text.into(),
    })
}

fn some_signature(signature: Str<'_>) -> Option<Event<'_>> {
    (!signature.is_empty()).then(|| Event::ThoughtSignature {
        choice: 0,
        signature: signature.into(),
    })
}

fn failed<'a>(failure: &Failure<'_>) -> Event<'a> {
    Event::Failed(Fault {
        kind: failure.error.kind.to_string(),
        message: failure.error.message.to_string(),
        ..Fault::default()
    })
}

#[cfg(test)]
mod tests;
