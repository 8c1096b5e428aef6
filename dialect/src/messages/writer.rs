//! A caller's stream, in exactly Anthropic's order: `message_start`, then block after block (start, deltas, stop),
//! then `message_delta` with the reason and the total of usage, then `message_stop`.
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>

use serde::Serialize;

use super::blocks::PROOF_OF_CALL;
use super::finish::{self, Calls};
use super::usage;
use crate::form::{Finish, Usage};
use crate::{Event, Stamp, Writer, sse};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said<'x> {
    MessageStart {
        message: Message<'x>,
    },
    ContentBlockStart {
        index: u32,
        content_block: Begun<'x>,
    },
    ContentBlockDelta {
        index: u32,
        delta: More<'x>,
    },
    ContentBlockStop {
        index: u32,
    },
    MessageDelta {
        delta: finish::Written<'x>,
        usage: usage::Written,
    },
    MessageStop,
}

#[derive(Serialize)]
struct Message<'x> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'x str,
    content: [(); 0],
    stop_reason: Option<()>,
    stop_sequence: Option<()>,
    usage: usage::Written,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Begun<'x> {
    Text {
        text: &'static str,
    },
    Thinking {
        thinking: &'static str,
        signature: &'static str,
    },
    RedactedThinking {
        data: &'x str,
    },
    ToolUse {
        id: &'x str,
        name: &'x str,
        input: Nothing,
    },
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(tag = "type")]
enum More<'x> {
    #[serde(rename = "text_delta")]
    Text { text: &'x str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'x str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'x str },
    #[serde(rename = "input_json_delta")]
    Json { partial_json: &'x str },
}

/// A writer of Anthropic's streams, which always say usage, wanted or not.
pub fn writer(stamp: Stamp, _stream_usage: bool) -> Box<dyn Writer> {
    Box::new(Stream {
        stamp,
        has_begun: false,
        open: None,
        blocks: 0,
        calls: Vec::new(),
        finish: None,
        usage: Usage::default(),
    })
}

/// How far a stream has come.
#[derive(Debug)]
struct Stream {
    stamp: Stamp,
    has_begun: bool,
    /// The last block, unless it has ended.
    open: Option<Open>,
    /// How many blocks have begun.
    blocks: u32,
    /// Which block each call is.
    calls: Vec<(u32, u32)>,
    finish: Option<Finish>,
    usage: Usage,
}

/// What kind of block is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thought,
    Call,
}

impl Writer for Stream {
    fn write(&mut self, event: &Event<'_>, into: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(id.as_deref(), model.as_deref(), into),
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => self.text(text, into),
            Event::Thought { choice: 0, text } => self.thought(text, into),
            Event::ThoughtSignature { choice: 0, signature } => self.sign(signature, into),
            Event::RedactedThought { choice: 0, data } => self.redacted(data, into),
            Event::ToolCall {
                choice: 0,
                call,
                id,
                name,
                signature,
            } => {
                if let Some(proof) = signature {
                    self.prove(proof, into);
                }
                self.call(*call, id, name, into);
            }
            Event::Arguments {
                choice: 0,
                call,
                text,
            } => self.arguments(*call, text, into),
            Event::Finish { choice: 0, finish } => self.finish = Some(finish.clone()),
            Event::Usage(usage) => self.usage = *usage,
            // Callers of this dialect can't ask for more than one answer; errors and ends come otherwise.
            _ => {}
        }
    }

    fn end(&mut self, into: &mut Vec<u8>) {
        self.start(None, None, into);
        self.close(into);
        let calls = if self.calls.is_empty() {
            Calls::None
        } else {
            Calls::Some
        };
        say(
            &Said::MessageDelta {
                delta: finish::Written::of(self.finish.as_ref(), calls),
                usage: usage::Written::of(self.usage),
            },
            into,
        );
        say(&Said::MessageStop, into);
    }
}

impl Stream {
    /// Begins the message, unless it has begun.
    fn start(&mut self, id: Option<&str>, model: Option<&str>, into: &mut Vec<u8>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let message = Message {
            id: self.stamp.answer_id("msg_", id),
            kind: "message",
            role: "assistant",
            model: model.unwrap_or(&self.stamp.model),
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage: usage::Written::of(self.usage),
        };
        say(&Said::MessageStart { message }, into);
    }

    fn text(&mut self, text: &str, into: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(Open::Text) {
            self.begin(Open::Text, Begun::Text { text: "" }, into);
        }
        self.delta(More::Text { text }, into);
    }

    fn thought(&mut self, thinking: &str, into: &mut Vec<u8>) {
        if thinking.is_empty() {
            return;
        }
        self.think(into);
        self.delta(More::Thinking { thinking }, into);
    }

    /// A proof ends its thought. One that comes without is a thought that is not shown.
    fn sign(&mut self, signature: &str, into: &mut Vec<u8>) {
        self.think(into);
        self.delta(More::Signature { signature }, into);
        self.close(into);
    }

    /// What the model wants back with the call that follows.
    fn prove(&mut self, proof: &str, into: &mut Vec<u8>) {
        self.close(into);
        self.sign(&format!("{PROOF_OF_CALL}{proof}"), into);
    }

    fn think(&mut self, into: &mut Vec<u8>) {
        if self.open != Some(Open::Thought) {
            let begun = Begun::Thinking {
                thinking: "",
                signature: "",
            };
            self.begin(Open::Thought, begun, into);
        }
    }

    fn redacted(&mut self, data: &str, into: &mut Vec<u8>) {
        self.begin(Open::Thought, Begun::RedactedThinking { data }, into);
        self.close(into);
    }

    fn call(&mut self, call: u32, id: &str, name: &str, into: &mut Vec<u8>) {
        let input = Nothing {};
        self.begin(Open::Call, Begun::ToolUse { id, name, input }, into);
        self.calls.push((call, self.blocks - 1));
    }

    /// Arguments of a call. Should they come when another block has begun, they still say which call they are of.
    fn arguments(&mut self, call: u32, text: &str, into: &mut Vec<u8>) {
        let known = self.calls.iter().find(|(known, _)| *known == call);
        let Some(&(_, index)) = known.filter(|_| !text.is_empty()) else {
            return;
        };
        let delta = More::Json { partial_json: text };
        say(&Said::ContentBlockDelta { index, delta }, into);
    }

    fn begin(&mut self, open: Open, content_block: Begun<'_>, into: &mut Vec<u8>) {
        self.start(None, None, into);
        self.close(into);
        let index = self.blocks;
        say(&Said::ContentBlockStart { index, content_block }, into);
        self.blocks += 1;
        self.open = Some(open);
    }

    fn delta(&self, delta: More<'_>, into: &mut Vec<u8>) {
        let index = self.blocks.saturating_sub(1);
        say(&Said::ContentBlockDelta { index, delta }, into);
    }

    fn close(&mut self, into: &mut Vec<u8>) {
        if self.open.take().is_some() {
            let index = self.blocks.saturating_sub(1);
            say(&Said::ContentBlockStop { index }, into);
        }
    }
}

fn say(said: &Said<'_>, into: &mut Vec<u8>) {
    let name = match said {
        Said::MessageStart { .. } => "message_start",
        Said::ContentBlockStart { .. } => "content_block_start",
        Said::ContentBlockDelta { .. } => "content_block_delta",
        Said::ContentBlockStop { .. } => "content_block_stop",
        Said::MessageDelta { .. } => "message_delta",
        Said::MessageStop => "message_stop",
    };
    sse::event(name, said, into);
}

#[cfg(test)]
mod tests;
