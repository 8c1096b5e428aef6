//! The connections to one address: idle ones of HTTP/1.1, each for one request at a time, and shared ones of
//! HTTP/2. Each worker has its own, so that what comes on them wakes no other thread than the one that waits for it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::connect::{Address, ConnectError, Opened, connect};
use super::idle::Idle;
use super::shared::{Lane, Shared, poll_piece};
use super::wire::{Condition, NotAnswered, Wire, WireError};
use crate::body::Spliced;
use crate::surroundings::Surroundings;
use crate::worker::{Apart, Each};

/// How long no connection is kept after one ended under a request.
const DISTRUST: Duration = Duration::from_mins(1);

/// The connections to one address.
#[derive(Debug)]
pub(crate) struct Pool {
    surroundings: Surroundings,
    address: Address,
    idle: Each<Arc<Apart<Idle>>>,
    /// Connections of HTTP/2, where the provider speaks it: each is driven on the worker that opened it.
    shared: Each<Apart<ArcSwap<Vec<Arc<Shared>>>>>,
    born: Instant,
    /// Until when kept connections are not trusted, in milliseconds after `born`.
    distrusted_until: AtomicU64,
}

/// An answer's body and the connection that it comes on. Dropping it closes the connection;
/// [`Inflow::give_back`] keeps it.
#[derive(Debug)]
pub(crate) struct Inflow {
    way: Way,
    /// Where its connection is kept: its worker's part of the pool.
    home: Arc<Apart<Idle>>,
}

/// What an answer comes on.
#[derive(Debug)]
enum Way {
    /// A connection of its own.
    Own(Wire),
    /// A place on a shared one, which is left when this is dropped.
    Lane { _lane: Lane, body: Incoming },
}

/// What a request is sent on.
#[derive(Debug)]
enum Link {
    /// A connection of its own.
    Own(Wire),
    /// A place on a shared one.
    Lane(Lane),
}

/// What happened to a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// To one of HTTP/1.1.
    #[error(transparent)]
    Own(WireError),
    /// To one of HTTP/2, or to a place on it.
    #[error(transparent)]
    Lane(hyper::Error),
}

impl Inflow {
    /// The next piece.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, LinkError>>> {
        match &mut self.way {
            Way::Own(wire) => wire.poll_data(cx).map_err(LinkError::Own),
            Way::Lane { body, .. } => poll_piece(body, cx).map_err(LinkError::Lane),
        }
    }

    /// The next piece.
    pub(super) async fn data(&mut self) -> Option<Result<Bytes, LinkError>> {
        poll_fn(|cx| self.poll_data(cx)).await
    }

    /// Whether everything has been read.
    pub(super) fn is_at_end(&self) -> bool {
        match &self.way {
            Way::Own(wire) => wire.is_at_end(),
            Way::Lane { body, .. } => body.is_end_stream(),
        }
    }

    /// How many bytes are still to come, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match &self.way {
            Way::Own(wire) => wire.left(),
            Way::Lane { body, .. } => body.size_hint().exact(),
        }
    }

    /// Keeps the connection, once the answer has been read to its end. One on which the request is still
    /// being sent, because the provider did not wait for all of it, holds the prompt, and closes.
    pub(super) fn give_back(self) {
        let Self { way, home } = self;
        let Way::Own(mut wire) = way else { return };
        // The task that used it last has no more to do with it, and is not to be held by it.
        if wire.poll_condition(&mut Context::from_waker(Waker::noop())) != Condition::Ready {
            return;
        }
        home.keep(wire);
    }
}

/// Why a request got no response head.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// There was no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection ended.
    #[error("the connection to the provider ended before an answer: {0}")]
    Ended(#[source] LinkError),
    /// What came was not HTTP.
    #[error("the provider's answer is not HTTP: {0}")]
    NotHttp(#[source] LinkError),
}

impl SendError {
    /// Whether something came that is not HTTP.
    pub(crate) fn is_malformed(&self) -> bool {
        matches!(self, Self::NotHttp(_))
    }
}

impl From<LinkError> for SendError {
    fn from(error: LinkError) -> Self {
        let malformed = match &error {
            LinkError::Own(error) => error.is_malformed(),
            LinkError::Lane(error) => error.is_parse(),
        };
        if malformed {
            Self::NotHttp(error)
        } else {
            Self::Ended(error)
        }
    }
}

impl Pool {
    /// A pool without connections, in which each of `workers` keeps as many idle ones as `idle` is for.
    pub(super) fn new(
        surroundings: Surroundings,
        address: Address,
        workers: usize,
        idle: impl Fn() -> Idle,
    ) -> Self {
        Self {
            surroundings,
            address,
            idle: Each::new(workers, |_| Arc::new(Apart::new(idle()))),
            shared: Each::new(workers, |_| Apart::default()),
            born: Instant::now(),
            distrusted_until: AtomicU64::new(0),
        }
    }

    /// Sends `request` and waits for the head of its answer. A kept connection that turns out to be closed
    /// before anything was sent on it gives way to another one; once something was sent, nothing is sent
    /// again (RFC 9110, section 9.2.2): what follows is the walk's to decide.
    pub(crate) async fn send(
        self: &Arc<Self>,
        mut request: Request<Spliced>,
        connect_limit: Duration,
    ) -> Result<Response<Inflow>, SendError> {
        while let Some(link) = self.take() {
            request = match self.send_on(link, request).await {
                Ok(response) => return Ok(response),
                Err(NotAnswered {
                    unsent: Some(unsent), ..
                }) => unsent,
                Err(NotAnswered { unsent: None, error }) => {
                    self.distrust();
                    return Err(error.into());
                }
            };
        }
        let link = self.open(connect_limit).await?;
        let sent = self.send_on(link, request).await;
        sent.map_err(|failed| failed.error.into())
    }

    async fn send_on(
        self: &Arc<Self>,
        link: Link,
        request: Request<Spliced>,
    ) -> Result<Response<Inflow>, NotAnswered<LinkError>> {
        let home = self.idle.own().clone();
        match link {
            Link::Own(mut wire) => {
                let answered = wire.send(request).await;
                let answer = answered.map_err(|failed| failed.map(LinkError::Own))?;
                let way = Way::Own(wire);
                Ok(answer.map(|()| Inflow { way, home }))
            }
            Link::Lane(lane) => {
                let answered = lane.send(request).await;
                let answer = answered.map_err(|failed| failed.map(LinkError::Lane))?;
                Ok(answer.map(|body| {
                    let way = Way::Lane { _lane: lane, body };
                    Inflow { way, home }
                }))
            }
        }
    }

    /// A new connection. One that can be shared is there for others from now on.
    async fn open(&self, limit: Duration) -> Result<Link, SendError> {
        // Boxed, because it is large, and every request would have to keep room for it.
        let opened = Box::pin(connect(&self.surroundings, &self.address, limit)).await?;
        match opened {
            Opened::Own(wire) => Ok(Link::Own(wire)),
            Opened::Shared(shared) => {
                self.share(&shared);
                // Nobody else has had the time to fill it; if it has closed, sending says so.
                Ok(Link::Lane(shared.claim()))
            }
        }
    }

    fn share(&self, opened: &Arc<Shared>) {
        self.shared.own().rcu(|known| {
            let open = known.iter().filter(|shared| shared.is_open());
            open.chain([opened]).cloned().collect::<Vec<_>>()
        });
    }

    /// No kept connection is used for a while: the provider closes them as it likes, and each time a request
    /// would be lost with it.
    fn distrust(&self) {
        let until = self.born.elapsed() + DISTRUST;
        let millis = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.distrusted_until.store(millis, Ordering::Relaxed);
    }

    fn is_distrusted(&self) -> bool {
        let until = self.distrusted_until.load(Ordering::Relaxed);
        until > 0 && self.born.elapsed() < Duration::from_millis(until)
    }

    /// A connection that is there already.
    fn take(&self) -> Option<Link> {
        if self.address.tls.is_some()
            && let Some(lane) = self.shared.own().load().iter().find_map(Shared::lane)
        {
            return Some(Link::Lane(lane));
        }
        self.take_idle().map(Link::Own)
    }

    /// A kept connection. One that the provider has closed meanwhile says so when it is sent on, before anything
    /// of the request has left.
    fn take_idle(&self) -> Option<Wire> {
        if self.is_distrusted() {
            return None;
        }
        self.idle.own().take()
    }

    /// Closes kept connections of this worker that were kept for long enough, and those that the provider has closed.
    pub(super) fn sweep(&self, cx: &mut Context<'_>) {
        self.sweep_shared();
        self.idle.own().sweep(cx);
    }

    /// Forgets shared connections that are closed, and those that nobody has used since the last time.
    fn sweep_shared(&self) {
        let shared = self.shared.own();
        if !shared.load().is_empty() {
            shared.rcu(|known| {
                let kept = known
                    .iter()
                    .filter(|shared| shared.is_open() && !shared.has_rested());
                kept.cloned().collect::<Vec<_>>()
            });
        }
    }
}
