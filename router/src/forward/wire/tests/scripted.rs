//! A carrier that does as it is told, and can be looked at from outside.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Layer, Wire};

/// What is read.
#[derive(Debug, Clone)]
pub(super) enum Come {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing yet, once.
    Later,
    /// Nothing until so many bytes were written.
    AfterWritten(usize),
    /// The end, for ever.
    End,
    /// An error.
    Fail(ErrorKind),
}

/// What becomes of a write; without one it takes all.
#[derive(Debug, Clone)]
pub(super) enum Take {
    /// At most so many bytes.
    UpTo(usize),
    /// Nothing yet, once.
    Later,
    /// Nothing until this is removed.
    Never,
    /// An error.
    Fail(ErrorKind),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) reads: VecDeque<Come>,
    pub(super) writes: VecDeque<Take>,
    pub(super) written: Vec<u8>,
    /// How many pieces each write had.
    pub(super) calls: Vec<usize>,
    pub(super) flushes: usize,
    pub(super) is_vectored: bool,
    pub(super) is_closed: bool,
}

/// The carrier, seen from outside.
#[derive(Debug, Clone)]
pub(super) struct Script(Arc<Mutex<State>>);

struct Carried(Script);

impl Script {
    /// One that gives `reads`.
    pub(super) fn new(reads: impl IntoIterator<Item = Come>) -> Self {
        Self(Arc::new(Mutex::new(State {
            reads: reads.into_iter().collect(),
            writes: VecDeque::new(),
            written: Vec::new(),
            calls: Vec::new(),
            flushes: 0,
            is_vectored: true,
            is_closed: false,
        })))
    }

    /// One that answers with `bytes` once it was asked, and then is silent.
    pub(super) fn answering(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref().to_vec();
        Self::new([Come::AfterWritten(1), Come::Bytes(bytes)])
    }

    /// The same, whose writes end in `writes`.
    pub(super) fn taking(self, writes: impl IntoIterator<Item = Take>) -> Self {
        self.lock().writes = writes.into_iter().collect();
        self
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn wire(&self) -> Wire {
        Wire::begin(Carried(self.clone()), Layer::Clear)
    }

    pub(super) fn secured(&self) -> Wire {
        Wire::begin(Carried(self.clone()), Layer::Secured)
    }

    pub(super) fn calls(&self) -> Vec<usize> {
        self.lock().calls.clone()
    }

    pub(super) fn flushes(&self) -> usize {
        self.lock().flushes
    }

    pub(super) fn written(&self) -> String {
        String::from_utf8(self.lock().written.clone()).unwrap()
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
    }
}

impl AsyncRead for Carried {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        loop {
            match state.reads.pop_front() {
                None | Some(Come::Later) => return Poll::Pending,
                Some(Come::AfterWritten(count)) if state.written.len() >= count => {}
                Some(Come::AfterWritten(count)) => {
                    state.reads.push_front(Come::AfterWritten(count));
                    return Poll::Pending;
                }
                Some(Come::End) => {
                    state.reads.push_front(Come::End);
                    return Poll::Ready(Ok(()));
                }
                Some(Come::Fail(kind)) => return Poll::Ready(Err(kind.into())),
                Some(Come::Bytes(mut bytes)) => {
                    let rest = bytes.split_off(bytes.len().min(into.remaining()));
                    into.put_slice(&bytes);
                    if !rest.is_empty() {
                        state.reads.push_front(Come::Bytes(rest));
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Carried {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "a write of nothing");
        let most = match state.writes.pop_front() {
            None => usize::MAX,
            Some(Take::UpTo(most)) => most,
            Some(Take::Later) => return Poll::Pending,
            Some(Take::Never) => {
                state.writes.push_front(Take::Never);
                return Poll::Pending;
            }
            Some(Take::Fail(kind)) => return Poll::Ready(Err(kind.into())),
        };
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
        let taken = bytes.len().min(most);
        state.written.extend_from_slice(&bytes[..taken]);
        state.calls.push(pieces.len());
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
