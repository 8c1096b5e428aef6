//! How long a connection of HTTP/1.1 may be without a request: from one answer's end to the next request's whole
//! head. Its timer is only set again once it has fired, so that a request costs one look at the clock.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::forward::{BrokenOff, Outgoing};

/// How many requests a connection has had. Only its own task looks at it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU32,
    ended: AtomicU32,
}

/// A request under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Pace);

impl Pace {
    /// A request begins.
    pub(super) fn begin(&self) -> Busy {
        self.0.begun.fetch_add(1, Relaxed);
        Busy(self.clone())
    }

    fn counts(&self) -> (u32, u32) {
        (self.0.begun.load(Relaxed), self.0.ended.load(Relaxed))
    }
}

impl Busy {
    /// Ties the request's end to that of its answer's `body`.
    pub(super) fn with(self, body: Outgoing) -> Answered {
        Answered { body, _busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Relaxed);
    }
}

/// An answer's body, with which its request ends.
#[derive(Debug)]
pub(super) struct Answered {
    body: Outgoing,
    _busy: Busy,
}

impl Body for Answered {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Watches for a connection that rests for too long.
#[derive(Debug)]
pub(super) struct Rest {
    pace: Pace,
    limit: Duration,
    /// What was seen of it last.
    seen: (u32, u32),
    /// Since when it rests, if it does.
    since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    is_set: bool,
}

impl Rest {
    /// Watches a connection that rests now, and may for `limit`.
    pub(super) fn new(pace: Pace, limit: Duration) -> Self {
        Self {
            pace,
            limit,
            seen: (0, 0),
            since: Some(Instant::now()),
            timer: Box::pin(sleep(limit)),
            is_set: false,
        }
    }

    /// From now on it may rest for `limit`.
    pub(super) fn shorten(&mut self, limit: Duration) {
        if self.limit > limit {
            self.limit = limit;
            self.timer.as_mut().reset(Instant::now());
            self.is_set = false;
        }
    }

    /// Ready once it has rested for too long. To be asked after whatever the connection did.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let counts @ (begun, ended) = self.pace.counts();
        if counts != self.seen {
            self.seen = counts;
            self.since = (begun == ended).then(Instant::now);
        }
        while !self.is_set || self.timer.is_elapsed() {
            self.is_set = true;
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let over = self.since.unwrap_or_else(Instant::now) + self.limit;
            if over <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(over);
            self.is_set = false;
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, sleep, timeout};

    use super::{Pace, Rest};
    use crate::serve::patience::Patient;

    const LIMIT: Duration = Duration::from_secs(75);

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_is_over_in_time() {
        let (begun, mut rest) = (Instant::now(), Rest::new(Pace::default(), LIMIT));
        poll_fn(|cx| rest.poll_over(cx)).await;
        assert!((LIMIT..LIMIT + Duration::from_secs(1)).contains(&begun.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_limit_counts_from_the_beginning_of_the_rest() {
        let (begun, mut rest) = (Instant::now(), Rest::new(Pace::default(), LIMIT));
        assert!(
            timeout(LIMIT / 5, poll_fn(|cx| rest.poll_over(cx)))
                .await
                .is_err()
        );
        rest.shorten(LIMIT / 2);
        poll_fn(|cx| rest.poll_over(cx)).await;
        let rested = begun.elapsed();
        assert!((LIMIT / 2..LIMIT).contains(&rested), "{rested:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_limit_ends_no_request() {
        let pace = Pace::default();
        let mut rest = Rest::new(pace.clone(), LIMIT);
        let _busy = pace.begin();
        rest.shorten(LIMIT / 75);
        assert!(timeout(LIMIT, poll_fn(|cx| rest.poll_over(cx))).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_may_take_as_long_as_it_likes_and_its_end_begins_a_rest() {
        let pace = Pace::default();
        let mut rest = Rest::new(pace.clone(), LIMIT);
        let busy = pace.begin();
        let over = timeout(LIMIT * 10, poll_fn(|cx| rest.poll_over(cx))).await;
        assert!(over.is_err(), "a request was under way");
        sleep(LIMIT / 2).await;
        drop(busy);
        let ended = Instant::now();
        poll_fn(|cx| rest.poll_over(cx)).await;
        assert!(
            (LIMIT..LIMIT + Duration::from_secs(1)).contains(&ended.elapsed()),
            "{:?}",
            ended.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_its_caller_reads_slowly_is_no_rest() {
        let pace = Pace::default();
        let mut rest = Rest::new(pace.clone(), LIMIT);
        let (io, mut caller) = duplex(16);
        let mut patient = Patient::new(io, pace.clone());
        // The body is gone as soon as its last piece was queued.
        drop(pace.begin());
        let reading = tokio::spawn(async move {
            let mut taken = [0; 16];
            for _ in 0..8 {
                sleep(LIMIT / 3).await;
                caller.read_exact(&mut taken).await.unwrap();
            }
            caller
        });
        tokio::select! {
            biased;
            written = patient.write_all(&[0; 128]) => written.unwrap(),
            () = poll_fn(|cx| rest.poll_over(cx)) => panic!("the caller was still reading"),
        }
        let _caller = reading.await.unwrap();
        let over = timeout(LIMIT * 2, poll_fn(|cx| rest.poll_over(cx))).await;
        assert!(over.is_ok(), "it rests once everything is written");
    }
}
