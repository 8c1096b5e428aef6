//! One connection to a provider. It has no task of its own: whoever waits for something on it drives its
//! I/O, so that a request is one task from the caller's socket to the provider's and back, without a wake-up
//! in between, and what several events brought at once goes on in one write.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};

use super::bell::Bell;
use crate::body::Spliced;

/// An open connection. Dropping it closes it.
pub(super) struct Wire {
    sender: SendRequest<Spliced>,
    /// `None` once it has ended.
    io: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
    /// Of the task that drives it.
    bell: Option<Bell>,
}

/// Why a request got no answer.
#[derive(Debug)]
pub(super) struct NotAnswered {
    /// The request, if nothing of it was sent.
    pub(super) unsent: Option<Request<Spliced>>,
    /// What happened.
    pub(super) error: hyper::Error,
}

/// Whether a kept connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// At once.
    Ready,
    /// Not yet: the end of its last exchange is still to come.
    Busy,
    /// Never again.
    Ended,
}

impl Wire {
    /// Begins HTTP on `io`.
    pub(super) async fn begin<I>(io: I) -> hyper::Result<Self>
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new().handshake(io).await?;
        Ok(Self {
            sender,
            io: Some(Box::pin(connection)),
            bell: None,
        })
    }

    /// Sends `request` and waits for the head of its answer. The request comes back where nothing of it was
    /// sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Spliced>,
    ) -> Result<Response<Incoming>, NotAnswered> {
        let mut answered = pin!(self.sender.try_send_request(request));
        let sent = poll_fn(|cx| {
            Bell::for_task(&mut self.bell, cx).listen(|cx| {
                drive(&mut self.io, cx);
                answered.as_mut().poll(cx)
            })
        })
        .await;
        sent.map_err(|mut error| NotAnswered {
            unsent: error.take_message(),
            error: error.into_error(),
        })
    }

    /// The next piece of `body`, which is the answer to the request sent last.
    pub(super) fn poll_data(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Bytes>>> {
        Bell::for_task(&mut self.bell, cx).listen(|cx| {
            if let Poll::Ready(piece) = poll_piece(body, cx) {
                return Poll::Ready(piece);
            }
            drive(&mut self.io, cx);
            poll_piece(body, cx)
        })
    }

    /// Whether it can be used again. Also sees whether the provider has closed it meanwhile.
    pub(super) fn poll_condition(&mut self, cx: &mut Context<'_>) -> Condition {
        // The task that used it last has no more to do with it, and is not to be held by it.
        self.bell = None;
        drive(&mut self.io, cx);
        match &self.io {
            None => Condition::Ended,
            Some(_) if self.sender.is_closed() => Condition::Ended,
            Some(_) if self.sender.is_ready() => Condition::Ready,
            Some(_) => Condition::Busy,
        }
    }
}

/// Does what I/O there is to do. Free of `self`, so that an answer can be waited for at the same time.
fn drive(io: &mut Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>, cx: &mut Context<'_>) {
    if io.as_mut().is_some_and(|io| io.as_mut().poll(cx).is_ready()) {
        // What went wrong, if anything, is told to whoever waits for an answer.
        *io = None;
    }
}

/// A piece of `body` that is there already; trailers are passed over.
pub(super) fn poll_piece(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
    loop {
        match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Poll::Ready(Some(Ok(data)));
                }
            }
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("open", &self.io.is_some())
            .finish_non_exhaustive()
    }
}
