//! Messages that are read in the target's dialect and written in the caller's.

use bytes::Bytes;
use weir_dialect::form::{Finish, Usage};
use weir_dialect::{Event, Incoming, Reader, Unreadable, Writer};
use weir_table::{Dialect, FailureClass};

use super::super::translate::LARGEST;
use super::framing::Message;
use super::{Framing, Outbox, Shown, Turn, no_content};
use crate::classify;
use crate::error::Failure;

/// A stream that is translated.
pub(crate) struct Translated {
    /// How many bytes of it were read. Some callers' dialects repeat all of an answer at its end, and so it is
    /// kept until then: no provider may make that grow for ever.
    read: usize,
    dialect: Dialect,
    framing: Framing,
    reader: Box<dyn Reader>,
    voice: Voice,
}

/// The caller's side.
struct Voice {
    writer: Box<dyn Writer>,
    usage: Option<Usage>,
}

/// What a message comes to.
enum Said {
    /// Nothing that a caller would call an answer.
    Nothing,
    /// Content, or a reason for having none.
    Content,
    /// The end.
    End,
    /// An error.
    Failed(Box<Failure>),
}

impl Translated {
    /// A stream that `reader` reads from `framing` and `writer` writes.
    pub(crate) fn new(
        dialect: Dialect,
        framing: Framing,
        reader: Box<dyn Reader>,
        writer: Box<dyn Writer>,
    ) -> Self {
        Self {
            read: 0,
            dialect,
            framing,
            reader,
            voice: Voice { writer, usage: None },
        }
    }

    pub(super) fn open(&mut self, read: &Bytes, out: &mut Outbox) -> Result<Shown, Failure> {
        self.framing.push(read)?;
        let mut written = Vec::new();
        while let Some(message) = self.framing.next() {
            match self.look(&message, &mut written, out) {
                Said::Nothing => {}
                Said::Content => {
                    out.push(Bytes::from(written));
                    return Ok(Shown::Content);
                }
                Said::End => return Err(no_content()),
                Said::Failed(failure) => return Err(*failure),
            }
        }
        out.push(Bytes::from(written));
        Ok(Shown::Nothing)
    }

    pub(super) fn resume(&mut self, out: &mut Outbox) -> Option<Turn> {
        match self.go_on(out) {
            Turn::GoesOn => None,
            turn => Some(turn),
        }
    }

    pub(super) fn pass(&mut self, read: &Bytes, out: &mut Outbox) -> Turn {
        self.read = self.read.saturating_add(read.len());
        match self.framing.push(read) {
            Ok(()) if self.read > LARGEST => Turn::Failed(Box::new(too_long())),
            Ok(()) => self.go_on(out),
            Err(failure) => Turn::Failed(Box::new(failure)),
        }
    }

    /// Translates the messages that are there, into one piece.
    fn go_on(&mut self, out: &mut Outbox) -> Turn {
        let mut written = Vec::new();
        let turn = loop {
            let Some(message) = self.framing.next() else {
                break Turn::GoesOn;
            };
            match self.look(&message, &mut written, out) {
                Said::Nothing | Said::Content => {}
                Said::End => {
                    self.voice.writer.end(&mut written);
                    break Turn::Whole;
                }
                Said::Failed(failure) => break Turn::Failed(failure),
            }
        };
        out.push(Bytes::from(written));
        turn
    }

    fn look(&mut self, message: &Message, written: &mut Vec<u8>, out: &mut Outbox) -> Said {
        let Self {
            dialect,
            reader,
            voice,
            ..
        } = self;
        let said = message.with(|incoming| translate(*dialect, reader, voice, incoming, written));
        said.unwrap_or(Ok(Said::Nothing)).unwrap_or_else(|Unreadable| {
            out.skipped += 1;
            Said::Nothing
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.reader.is_complete() && self.framing.is_between_messages()
    }

    pub(super) fn close(&mut self, out: &mut Outbox) {
        let mut written = Vec::new();
        self.voice.writer.end(&mut written);
        out.push(Bytes::from(written));
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.voice.usage
    }
}

fn too_long() -> Failure {
    let text = format!("the provider's stream is longer than the {LARGEST} bytes that are translated");
    Failure::new(FailureClass::MalformedResponse, text)
}

fn translate(
    dialect: Dialect,
    reader: &mut Box<dyn Reader>,
    voice: &mut Voice,
    incoming: Incoming<'_>,
    written: &mut Vec<u8>,
) -> Result<Said, Unreadable> {
    let mut said = Said::Nothing;
    for event in reader.read(incoming)? {
        match event {
            Event::Failed(fault) => return Ok(Said::Failed(Box::new(classify::fault(dialect, fault)))),
            Event::End => return Ok(Said::End),
            event => {
                if is_answer(&event) {
                    said = Said::Content;
                }
                voice.hear(&event, written);
            }
        }
    }
    Ok(said)
}

impl Voice {
    fn hear(&mut self, event: &Event<'_>, written: &mut Vec<u8>) {
        if let Event::Usage(usage) = event {
            self.usage = Some(*usage);
        }
        self.writer.write(event, written);
    }
}

/// Whether an event is an answer: content, or an end that explains why there is none.
fn is_answer(event: &Event<'_>) -> bool {
    match event {
        Event::Finish { finish, .. } => explains(finish),
        event => event.is_content(),
    }
}

/// Whether an answer that ended like this may be empty.
pub(in crate::forward) fn explains(finish: &Finish) -> bool {
    matches!(finish, Finish::Length | Finish::ContentFilter | Finish::Refusal)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_dialect::form::Ask;
    use weir_dialect::{Caller, Stamp, Target};
    use weir_table::{Dialect, FailureClass};

    use super::super::{Framing, Outbox, Turn};
    use super::{LARGEST, Translated};

    #[test]
    fn a_stream_without_end_is_given_up() {
        let stamp = Stamp {
            id: "req_1".to_owned(),
            model: "m".to_owned(),
            created: 1,
        };
        let writer = Caller::Responses.writer(stamp, &Ask::default());
        let framing = Framing::of(Target::Messages);
        let mut stream = Translated::new(Dialect::Anthropic, framing, Target::Messages.reader(), writer);
        let comment = format!(": {}\n\n", "x".repeat(60_000));
        let (piece, mut out) = (Bytes::from(comment.repeat(10)), Outbox::default());
        let pieces = LARGEST / piece.len();
        for _ in 0..pieces {
            assert!(matches!(stream.pass(&piece, &mut out), Turn::GoesOn));
        }
        let Turn::Failed(failure) = stream.pass(&piece, &mut out) else {
            panic!("it went on");
        };
        assert_eq!(failure.class, FailureClass::MalformedResponse);
    }
}
