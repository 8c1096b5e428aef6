//! Events, written as a caller's stream of chunks.
//! <https://platform.openai.com/docs/api-reference/chat/streaming>

use super::chunk::{Block, BlockPiece, Call, ChoiceOut, Chunk, Delta, UsageOut};
use super::reader::MOST_CHOICES;
use super::words::finish_word;
use crate::form::Usage;
use crate::{Event, Stamp, Writer, sse};

/// How far a stream has come.
#[derive(Debug)]
pub(super) struct ChunkWriter {
    stamp: Stamp,
    stream_usage: bool,
    usage: Option<Usage>,
    choices: Vec<Progress>,
}

/// How far an answer has come.
#[derive(Debug, Default)]
struct Progress {
    /// The block of reasoning that is being written.
    block: u32,
    /// The call that has no arguments yet.
    bare: Option<u32>,
}

impl ChunkWriter {
    pub(super) fn new(stamp: Stamp, stream_usage: bool) -> Self {
        Self {
            stamp: Stamp {
                id: stamp.answer_id(super::ID, None),
                ..stamp
            },
            stream_usage,
            usage: None,
            choices: Vec::new(),
        }
    }

    fn chunk(&self, choices: &[ChoiceOut<'_>], usage: UsageOut, into: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.stamp.id,
            object: "chat.completion.chunk",
            created: self.stamp.created,
            model: &self.stamp.model,
            choices,
            usage,
        };
        sse::data(&chunk, into);
    }

    fn choice(&self, choice: ChoiceOut<'_>, into: &mut Vec<u8>) {
        self.chunk(&[choice], UsageOut::yet(self.stream_usage), into);
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, into: &mut Vec<u8>) {
        self.open(index, into);
        let choice = ChoiceOut {
            index,
            delta,
            logprobs: (),
            finish_reason: None,
        };
        self.choice(choice, into);
    }

    /// Says the role, once for each answer; answers begin in order, as the SDKs count on.
    fn open(&mut self, index: u32, into: &mut Vec<u8>) {
        while self.choices.len() <= index as usize {
            let next = u32::try_from(self.choices.len()).unwrap_or(index);
            self.choices.push(Progress::default());
            let delta = Delta {
                role: Some("assistant"),
                content: Some(""),
                ..Delta::default()
            };
            self.delta(next, delta, into);
        }
    }

    fn progress(&mut self, index: u32, into: &mut Vec<u8>) -> &mut Progress {
        self.open(index, into);
        &mut self.choices[index as usize]
    }

    fn block(&mut self, index: u32, piece: BlockPiece<'_>, into: &mut Vec<u8>) {
        let progress = self.progress(index, into);
        let block = progress.block;
        let text = piece.unproven();
        if text.is_none() {
            progress.block += 1;
        }
        let delta = Delta {
            reasoning_content: text,
            thinking_blocks: Some([Block { index: block, piece }]),
            ..Delta::default()
        };
        self.delta(index, delta, into);
    }

    fn call(&mut self, index: u32, call: Call<'_>, into: &mut Vec<u8>) {
        let delta = Delta {
            tool_calls: Some([call]),
            ..Delta::default()
        };
        self.delta(index, delta, into);
    }

    /// Gives a call that came without arguments the empty ones: callers parse them.
    fn fill(&mut self, index: u32, into: &mut Vec<u8>) {
        if let Some(bare) = self.progress(index, into).bare.take() {
            self.call(index, Call::arguments(bare, "{}"), into);
        }
    }

    fn finish(&mut self, index: u32, reason: &'static str, into: &mut Vec<u8>) {
        self.fill(index, into);
        let choice = ChoiceOut {
            index,
            delta: Delta::default(),
            logprobs: (),
            finish_reason: Some(reason),
        };
        self.choice(choice, into);
    }

    fn said(&mut self, index: u32, event: &Event<'_>, into: &mut Vec<u8>) {
        let delta = match event {
            Event::Text { text, .. } => Delta {
                content: Some(text),
                ..Delta::default()
            },
            Event::Refusal { text, .. } => Delta {
                refusal: Some(text),
                ..Delta::default()
            },
            _ => return,
        };
        self.delta(index, delta, into);
    }

    fn called(&mut self, index: u32, event: &Event<'_>, into: &mut Vec<u8>) {
        match event {
            Event::ToolCall {
                call,
                id,
                name,
                signature,
                ..
            } => {
                self.fill(index, into);
                self.progress(index, into).bare = Some(*call);
                let begin = Call::begin(*call, id, name, signature.as_deref());
                self.call(index, begin, into);
            }
            Event::Arguments { call, text, .. } if !text.is_empty() => {
                self.progress(index, into).bare.take_if(|bare| bare == call);
                self.call(index, Call::arguments(*call, text), into);
            }
            _ => {}
        }
    }
}

impl Writer for ChunkWriter {
    fn write(&mut self, event: &Event<'_>, into: &mut Vec<u8>) {
        let thinking = |thinking, signature| BlockPiece::Thinking { thinking, signature };
        match event {
            Event::Start { id, model } => self.start(id.as_deref(), model.as_deref()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failed(_) | Event::End => {}
            event if choice_of(event).is_none_or(|choice| choice >= MOST_CHOICES) => {}
            Event::Text { choice, .. } | Event::Refusal { choice, .. } => self.said(*choice, event, into),
            Event::Thought { choice, text } => self.block(*choice, thinking(text, None), into),
            Event::ThoughtSignature { choice, signature } => {
                self.block(*choice, thinking("", Some(signature)), into);
            }
            Event::RedactedThought { choice, data } => {
                self.block(*choice, BlockPiece::RedactedThinking { data }, into);
            }
            Event::ToolCall { choice, .. } | Event::Arguments { choice, .. } => {
                self.called(*choice, event, into);
            }
            Event::Finish { choice, finish } => self.finish(*choice, finish_word(finish), into),
        }
    }

    fn end(&mut self, into: &mut Vec<u8>) {
        if let Some(usage) = self.usage.filter(|_| self.stream_usage) {
            self.chunk(&[], UsageOut::Known(usage.into()), into);
        }
        into.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl ChunkWriter {
    fn start(&mut self, id: Option<&str>, model: Option<&str>) {
        self.stamp.id = self.stamp.answer_id(super::ID, id);
        if let Some(model) = model {
            model.clone_into(&mut self.stamp.model);
        }
    }
}

/// Which answer an event is of.
fn choice_of(event: &Event<'_>) -> Option<u32> {
    match event {
        Event::Text { choice, .. }
        | Event::Refusal { choice, .. }
        | Event::Thought { choice, .. }
        | Event::ThoughtSignature { choice, .. }
        | Event::RedactedThought { choice, .. }
        | Event::ToolCall { choice, .. }
        | Event::Arguments { choice, .. }
        | Event::Finish { choice, .. } => Some(*choice),
        Event::Start { .. } | Event::Usage(_) | Event::Failed(_) | Event::End => None,
    }
}
