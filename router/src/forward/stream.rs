//! A committed stream on its way to the caller: whole events as they come, a silence that is too long, and
//! the end. A stream that breaks ends in an error event and without `[DONE]`, so that it never looks whole.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};
use weir_table::FailureClass;

use super::flow::{Flow, Outbox, Turn};
use super::pool::Inflow;
use super::sse::only_keeps_alive;
use crate::error::{Failure, Voice};
use crate::observe::Record;

/// How long a provider may take to end its answer after `[DONE]` before its connection is given up.
const LINGER: Duration = Duration::from_millis(100);

/// The upstream side of a stream.
pub(super) struct Source {
    /// What is still to come.
    pub(super) body: Inflow,
    /// What becomes of it.
    pub(super) flow: Flow,
}

/// The stream as the caller reads it.
pub(crate) struct EventStream {
    /// `None` once it has ended.
    source: Option<Source>,
    out: Outbox,
    silence: Silence,
    voice: Voice,
    done: bool,
    record: Option<Record>,
}

impl EventStream {
    /// A stream that goes on from `source` after what is in `held`, and says in `voice` what goes wrong.
    pub(super) fn new(source: Source, held: Outbox, stall: Duration, voice: Voice) -> Self {
        Self {
            source: Some(source),
            out: held,
            silence: Silence::new(stall),
            voice,
            done: false,
            record: None,
        }
    }

    /// Ties the request's record to this stream's end.
    pub(crate) fn observe(&mut self, record: Record) {
        self.record = Some(record);
    }

    /// The next piece, or the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(piece) = self.out.ready.pop_front() {
                return Poll::Ready(Some(piece));
            }
            let Some(source) = &mut self.source else {
                return Poll::Ready(None);
            };
            // What stands behind the end of a whole stream is nobody's.
            if !self.done {
                if let Some(turn) = source.flow.resume(&mut self.out) {
                    self.turn(turn);
                    continue;
                }
                if !self.out.ready.is_empty() {
                    continue;
                }
            }
            match source.body.poll_data(cx) {
                Poll::Ready(Some(Ok(read))) => self.take_in(&read),
                Poll::Ready(Some(Err(_))) => self.ended(Ending::Cut),
                Poll::Ready(None) => self.ended(Ending::Clean),
                Poll::Pending => match self.silence.poll_over(cx) {
                    Poll::Ready(()) => self.fell_silent(),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn take_in(&mut self, read: &Bytes) {
        if self.done {
            // Only the end may follow; waiting for it would keep the caller waiting as well.
            self.source = None;
        }
        let Some(source) = &mut self.source else { return };
        if !only_keeps_alive(read) {
            self.silence.broken();
        }
        let turn = source.flow.pass(read, &mut self.out);
        self.turn(turn);
    }

    fn turn(&mut self, turn: Turn) {
        for _ in 0..std::mem::take(&mut self.out.skipped) {
            self.record.iter().for_each(Record::skipped_event);
        }
        match turn {
            Turn::GoesOn => {}
            Turn::Whole => self.complete(),
            Turn::Failed(failure) => self.fail(&failure),
        }
    }

    /// The stream is whole; what is left is to see its connection's end.
    fn complete(&mut self) {
        self.done = true;
        self.silence = Silence::new(LINGER);
        self.tell_usage();
        if let Some(record) = self.record.take() {
            record.succeeded();
        }
    }

    /// Tells the record what was said of usage; asked for before the source is dropped.
    fn tell_usage(&mut self) {
        let usage = self.source.as_ref().and_then(|source| source.flow.usage());
        if let (Some(record), Some(usage)) = (&mut self.record, usage) {
            record.took(usage);
        }
    }

    fn ended(&mut self, ending: Ending) {
        let Some(source) = &mut self.source else { return };
        if !self.done && !source.flow.is_complete() {
            let text = "the provider's stream ended before the answer did";
            return self.fail(&Failure::new(FailureClass::StreamCut, text));
        }
        if !self.done {
            source.flow.close(&mut self.out);
            self.complete();
        }
        if let Some(source) = self.source.take().filter(|_| ending == Ending::Clean) {
            source.body.give_back();
        }
    }

    fn fell_silent(&mut self) {
        if self.done {
            self.source = None;
        } else {
            let text = format!(
                "the provider's stream was silent for {} s",
                self.silence.limit.as_secs_f32()
            );
            self.fail(&Failure::new(FailureClass::StreamStalled, text));
        }
    }

    /// Ends the stream in an error, and drops its connection.
    fn fail(&mut self, failure: &Failure) {
        self.tell_usage();
        self.source = None;
        let id = self.record.as_ref().map_or("", Record::id);
        self.out.push(failure.event(self.voice, id));
        if let Some(record) = self.record.take() {
            record.failed(failure.class);
        }
    }
}

/// How the bytes from upstream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// As HTTP says they should.
    Clean,
    /// With the connection.
    Cut,
}

/// Watches for a silence. Its timer is only set again once it has fired, so that a piece of a stream costs
/// one look at the clock.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    /// A silence that begins now and may last for `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: Instant::now(),
            timer: Box::pin(sleep(limit)),
        }
    }

    /// Something came.
    pub(super) fn broken(&mut self) {
        self.since = Instant::now();
    }

    /// Ready once the silence has lasted for its limit.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let over = self.since + self.limit;
            if Instant::now() >= over {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(over);
        }
        Poll::Pending
    }
}
