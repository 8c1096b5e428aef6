//! Whole messages out of a target's bytes, whichever way it frames them.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};
use weir_dialect::bedrock::frames::{Frame, Frames};
use weir_dialect::{Incoming, Target};

use super::malformed;
use crate::error::Failure;
use crate::forward::sse::{Events, Fields, first_event};

/// How messages are framed, and those that are still to be looked at.
pub(crate) enum Framing {
    /// As a `text/event-stream`.
    Events {
        /// What was read and is no whole event yet.
        splitter: Events,
        /// Whole events.
        block: Bytes,
    },
    /// As an `application/vnd.amazon.eventstream`.
    Frames {
        /// What was read and is no whole message yet.
        splitter: Frames,
        /// Whole messages.
        queue: VecDeque<Frame>,
    },
}

/// One message.
pub(super) enum Message {
    /// An event with its fields.
    Event(Bytes),
    /// A message of AWS.
    Frame(Frame),
}

impl Framing {
    /// The framing of `target`'s streams.
    pub(crate) fn of(target: Target) -> Self {
        match target {
            Target::Bedrock => Self::Frames {
                splitter: Frames::default(),
                queue: VecDeque::new(),
            },
            Target::Chat | Target::Messages | Target::Gemini => Self::Events {
                splitter: Events::default(),
                block: Bytes::new(),
            },
        }
    }

    /// Takes in what was read. Whatever was there before has been looked at.
    pub(super) fn push(&mut self, read: &Bytes) -> Result<(), Failure> {
        match self {
            Self::Events { splitter, block } => {
                *block = splitter
                    .push(read)
                    .map_err(|_| malformed("the provider sent an event without end"))?;
            }
            Self::Frames { splitter, queue } => {
                let frames = splitter.push(read);
                queue.extend(frames.map_err(|_| malformed("the provider's event stream is damaged"))?);
            }
        }
        Ok(())
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Option<Message> {
        match self {
            Self::Events { block, .. } => {
                let event = block.slice(first_event(block)?);
                block.advance(event.len());
                Some(Message::Event(event))
            }
            Self::Frames { queue, .. } => queue.pop_front().map(Message::Frame),
        }
    }

    /// Whether no message has begun that has not ended.
    pub(super) fn is_between_messages(&self) -> bool {
        match self {
            Self::Events { .. } => true,
            Self::Frames { splitter, .. } => splitter.is_between_messages(),
        }
    }
}

impl Message {
    /// Has `look` look at the message; `None` for one that holds nothing.
    pub(super) fn with<T>(&self, look: impl FnOnce(Incoming<'_>) -> T) -> Option<T> {
        match self {
            Self::Frame(frame) => Some(look(frame.incoming())),
            Self::Event(event) => {
                let Fields { name, data } = Fields::of(event);
                let name = std::str::from_utf8(name).unwrap_or_default();
                (!data.is_empty()).then(|| look(Incoming { name, data: &data }))
            }
        }
    }
}
