//! What a provider that does its part answers, as acts on its connection; and where in it content begins
//! and the answer is whole, so that it can be cut anywhere and one knows what was cut.

use std::time::Duration;

use crate::dice::Dice;

/// One thing that a provider does on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Ends its side, and waits for the other.
    HalfClose,
    /// Breaks the connection.
    Reset,
    /// Does nothing any more.
    Hang,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By its length in the head, off by so many bytes.
    Length(isize),
    /// By chunks.
    Chunked,
    /// By the end of the connection.
    ToTheEnd,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whether as a stream.
    pub(crate) streamed: bool,
    /// How many choices.
    pub(crate) choices: u64,
}

/// An answer that is being written.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What is done.
    pub(crate) acts: Vec<Act>,
    /// How many bytes it has.
    pub(crate) length: usize,
    /// How many of them end with the first content; all of them in a plain answer.
    pub(crate) first_content: usize,
    /// How many of them end with the last finish reason.
    pub(crate) finished: usize,
    framing: Framing,
}

impl Answer {
    /// Nothing yet.
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            acts: Vec::new(),
            length: 0,
            first_content: 0,
            finished: 0,
            framing,
        }
    }

    /// Writes a head; `body` is how many bytes are to follow, where that is known.
    pub(crate) fn head(&mut self, status: &str, headers: &[String], body: usize) {
        let mut head = format!("HTTP/1.1 {status}\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        let framing = match self.framing {
            Framing::Length(off) => format!("content-length: {}", body.saturating_add_signed(off)),
            Framing::Chunked => "transfer-encoding: chunked".to_owned(),
            Framing::ToTheEnd => "connection: close".to_owned(),
        };
        head.push_str(&framing);
        head.push_str("\r\n\r\n");
        self.send(head.into_bytes());
    }

    /// Writes a piece of the body.
    pub(crate) fn piece(&mut self, piece: &str) {
        let framed = match self.framing {
            Framing::Chunked => format!("{:x}\r\n{piece}\r\n", piece.len()),
            Framing::Length(_) | Framing::ToTheEnd => piece.to_owned(),
        };
        self.send(framed.into_bytes());
    }

    /// Waits.
    pub(crate) fn pause(&mut self, pause: Duration) {
        self.acts.push(Act::Pause(pause));
    }

    /// Ends the body.
    pub(crate) fn end(&mut self) {
        match self.framing {
            Framing::Length(_) => {}
            Framing::Chunked => self.send(b"0\r\n\r\n".to_vec()),
            Framing::ToTheEnd => self.acts.push(Act::HalfClose),
        }
    }

    /// Leaves only the first `bytes`, after which `then`.
    pub(crate) fn cut(&mut self, bytes: usize, then: Act) {
        let mut left = bytes;
        let mut kept = Vec::new();
        for act in std::mem::take(&mut self.acts) {
            match act {
                Act::Send(data) if data.len() > left => {
                    kept.push(Act::Send(data[..left].to_vec()));
                    break;
                }
                Act::Send(data) => {
                    left -= data.len();
                    kept.push(Act::Send(data));
                }
                Act::Pause(_) => kept.push(act),
                Act::HalfClose | Act::Reset | Act::Hang => {}
            }
        }
        kept.push(then);
        self.acts = kept;
    }

    /// Sends everything in drops.
    pub(crate) fn drip(&mut self, dice: &mut Dice, slowest: u64) {
        let mut slow = Vec::new();
        for act in std::mem::take(&mut self.acts) {
            let Act::Send(data) = act else {
                slow.push(act);
                continue;
            };
            let mut rest = &data[..];
            while !rest.is_empty() {
                let (drop, later) = rest.split_at(dice.count(1, rest.len().min(40)));
                slow.push(Act::Send(drop.to_vec()));
                slow.push(Act::Pause(dice.millis(0, slowest)));
                rest = later;
            }
        }
        self.acts = slow;
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.length += bytes.len();
        self.acts.push(Act::Send(bytes));
    }
}
