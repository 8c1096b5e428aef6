//! Connections in memory: bytes that arrive when the weather lets them, in pieces that it cuts, and ends of
//! both kinds. A reset overtakes nothing; bytes sent to somebody who has left are answered by one.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::dice::Dice;

tokio::task_local! {
    /// The request that a task serves, so that what it writes can be told from what others do.
    pub(crate) static ASKED_BY: usize;
}

/// How many bytes may be on their way before a writer waits.
const WINDOW: usize = 64 * 1024;

/// What becomes of bytes on their way.
#[derive(Debug)]
pub(crate) struct Weather {
    /// Where the rest is drawn from; without it every write arrives whole.
    pub(crate) dice: Option<Dice>,
    /// The shortest and the longest way, in milliseconds.
    pub(crate) latency: (u64, u64),
    /// When nothing gets through; what would have arrived then arrives at the end.
    pub(crate) held: Option<Range<Instant>>,
}

impl Weather {
    /// Everything arrives at once and whole.
    pub(crate) fn calm() -> Self {
        Self {
            dice: None,
            latency: (0, 0),
            held: None,
        }
    }

    /// When what is sent now arrives.
    pub(crate) fn arrival(&mut self) -> Instant {
        let (least, most) = self.latency;
        let way = self
            .dice
            .as_mut()
            .map_or(Duration::ZERO, |dice| dice.millis(least, most));
        let at = Instant::now() + way;
        match &self.held {
            Some(held) if held.contains(&at) => held.end,
            _ => at,
        }
    }

    /// How many of `length` bytes travel together.
    fn together(&mut self, length: usize) -> usize {
        let cut = |dice: &mut Dice| dice.maybe(30, |dice| dice.count(1, length));
        self.dice.as_mut().and_then(cut).unwrap_or(length)
    }
}

/// Something on its way.
#[derive(Debug)]
enum Piece {
    Data(Bytes),
    End,
    Reset,
}

/// Something that was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// When.
    pub(crate) at: Instant,
    /// For which request.
    pub(crate) ask: usize,
}

impl Written {
    /// Something that the task which runs now writes now.
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            ask: ASKED_BY.try_with(|ask| *ask).unwrap_or_default(),
        }
    }
}

/// One direction of a connection.
#[derive(Debug)]
struct Pipe {
    weather: Weather,
    queue: VecDeque<(Instant, Piece)>,
    on_the_way: usize,
    newest: Instant,
    /// What was written first, since it was last asked.
    written: Option<Written>,
    /// When the reader left.
    left: Option<Instant>,
    /// What was written last and no reader will see.
    lost: Option<Written>,
    over: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    watcher: Option<Waker>,
}

impl Pipe {
    fn new(weather: Weather) -> Self {
        Self {
            weather,
            queue: VecDeque::new(),
            on_the_way: 0,
            newest: Instant::now(),
            written: None,
            left: None,
            lost: None,
            over: false,
            reader: None,
            writer: None,
            watcher: None,
        }
    }

    fn send(&mut self, piece: Piece) {
        if self.over {
            return;
        }
        self.over = !matches!(piece, Piece::Data(_));
        // What was sent later never arrives sooner.
        self.newest = self.newest.max(self.weather.arrival());
        self.queue.push_back((self.newest, piece));
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn write(&mut self, mut bytes: &[u8]) {
        self.written.get_or_insert_with(Written::now);
        self.on_the_way += bytes.len();
        while !bytes.is_empty() {
            let (first, rest) = bytes.split_at(self.weather.together(bytes.len()));
            self.send(Piece::Data(Bytes::copy_from_slice(first)));
            bytes = rest;
        }
    }

    fn is_reset(&self) -> bool {
        matches!(self.queue.front(), Some((at, Piece::Reset)) if *at <= Instant::now())
    }

    fn leave(&mut self) {
        self.left.get_or_insert_with(Instant::now);
        self.lost = self.written.take();
        self.writer.take().into_iter().for_each(Waker::wake);
        self.watcher.take().into_iter().for_each(Waker::wake);
    }
}

/// One end of a connection.
pub(crate) struct Stream {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    timer: Pin<Box<Sleep>>,
}

/// What can be seen of one end from outside.
#[derive(Clone)]
pub(crate) struct Watch {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
}

impl Watch {
    /// When that end was closed.
    pub(crate) fn closed(&self) -> Option<Instant> {
        lock(&self.incoming).left
    }

    /// The request that was written at that end and that the other has not seen, if it ever will.
    pub(crate) fn lost(&self) -> Option<usize> {
        let pipe = lock(&self.outgoing);
        pipe.lost.or(pipe.written).map(|written| written.ask)
    }
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap()
}

/// Both ends of a new connection; the weather of each is that of what it sends.
pub(crate) fn connection(first: Weather, second: Weather) -> (Stream, Stream) {
    let pipe = |weather| Arc::new(Mutex::new(Pipe::new(weather)));
    let (there, back) = (pipe(first), pipe(second));
    (Stream::new(&back, &there), Stream::new(&there, &back))
}

impl Stream {
    fn new(incoming: &Arc<Mutex<Pipe>>, outgoing: &Arc<Mutex<Pipe>>) -> Self {
        Self {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// To look at this end from outside.
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            incoming: self.incoming.clone(),
            outgoing: self.outgoing.clone(),
        }
    }

    /// Breaks the connection, after what was sent before.
    pub(crate) fn reset(self) {
        lock(&self.outgoing).send(Piece::Reset);
    }

    /// What the other end wrote first, since it was last asked.
    pub(crate) fn take_written(&self) -> Option<Written> {
        lock(&self.incoming).written.take()
    }

    /// Ends when the other end has been closed.
    pub(crate) async fn left(&self) {
        poll_fn(|cx| {
            let mut pipe = lock(&self.outgoing);
            if pipe.left.is_some() {
                return Poll::Ready(());
            }
            pipe.watcher = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        lock(&self.outgoing).send(Piece::End);
        lock(&self.incoming).leave();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let incoming = self.incoming.clone();
        let mut pipe = lock(&incoming);
        pipe.reader = Some(cx.waker().clone());
        let Some((at, piece)) = pipe.queue.front_mut() else {
            return Poll::Pending;
        };
        if *at > Instant::now() {
            let at = *at;
            self.timer.as_mut().reset(at);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        match piece {
            Piece::End => Poll::Ready(Ok(())),
            Piece::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Piece::Data(data) => {
                let taken = data.len().min(into.remaining());
                into.put_slice(&data[..taken]);
                data.advance(taken);
                if data.is_empty() {
                    pipe.queue.pop_front();
                }
                pipe.on_the_way -= taken;
                pipe.writer.take().into_iter().for_each(Waker::wake);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if lock(&self.incoming).is_reset() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut pipe = lock(&self.outgoing);
        if pipe.left.is_some() {
            // The system takes the bytes, and the other side's answers that nobody wants them.
            pipe.lost = Some(Written::now());
            drop(pipe);
            lock(&self.incoming).send(Piece::Reset);
            return Poll::Ready(Ok(bytes.len()));
        }
        if pipe.on_the_way >= WINDOW {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.outgoing).send(Piece::End);
        Poll::Ready(Ok(()))
    }
}
