//! A caller's connection that is given up when the caller stops reading for too long: an answer that nobody
//! takes would hold its buffers, and its provider's connection, for as long as the caller likes.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::pace::{Busy, Pace};

/// How long a caller may take nothing of what is being sent to it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection with that much patience.
#[derive(Debug)]
pub(super) struct Patient<I> {
    io: I,
    pace: Pace,
    /// Runs while a write waits for the caller. As long as it does, the connection does not rest: what is written
    /// may be the last of an answer whose body is gone already.
    waiting: Option<(Pin<Box<Sleep>>, Busy)>,
}

impl<I> Patient<I> {
    /// Gives `io` that patience, and tells `pace` of it.
    pub(super) fn new(io: I, pace: Pace) -> Self {
        Self {
            io,
            pace,
            waiting: None,
        }
    }

    /// What a write came to, or the end of patience.
    fn judge<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let begin = || (Box::pin(sleep(PATIENCE)), self.pace.begin());
        let (waiting, _) = self.waiting.get_or_insert_with(begin);
        waiting.as_mut().poll(cx).map(|()| {
            let text = "the caller has read nothing for too long";
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        })
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Patient<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Patient<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.judge(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.judge(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    use super::{PATIENCE, Pace, Patient};

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_reads_nothing_is_given_up_after_a_minute() {
        let (io, _caller) = duplex(16);
        let begun = Instant::now();
        let error = Patient::new(io, Pace::default())
            .write_all(&[0; 64])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_reads_slowly_is_waited_for() {
        let (io, mut caller) = duplex(16);
        let reading = tokio::spawn(async move {
            let mut taken = [0; 16];
            for _ in 0..8 {
                tokio::time::sleep(PATIENCE / 2).await;
                caller.read_exact(&mut taken).await.unwrap();
            }
        });
        let mut patient = Patient::new(io, Pace::default());
        patient.write_all(&[0; 128]).await.unwrap();
        reading.await.unwrap();
    }
}
