//! Idle connections to one address, and the registry by which tables find them. A pool outlives the tables
//! that name it: a swap closes no connection that the next table would open again.
//!
//! Taking and giving back lock nothing; the registry's lock is taken only while a table is made ready.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use weir_table::base_url::Scheme;
use weir_table::{BaseUrl, Connections};

use super::connect::{Address, ConnectError, Tls, connect};
use super::tls::{Authorities, TlsError};
use super::wire::{Condition, Wire};
use crate::body::Spliced;
use crate::surroundings::Surroundings;

/// Idle connections that are kept where the provider does not say how many.
const MAX_IDLE: u32 = 512;

/// How long they are kept where the provider does not say: less than the 5 s that uvicorn and Node allow.
const IDLE: Duration = Duration::from_secs(4);

/// The connections to one address.
#[derive(Debug)]
pub(crate) struct Pool {
    surroundings: Surroundings,
    address: Address,
    idle: ArrayQueue<Idle>,
    idle_limit: Duration,
}

#[derive(Debug)]
struct Idle {
    wire: Wire,
    since: Instant,
}

/// An answer's body and the connection that it comes on. Dropping it closes the connection;
/// [`Inflow::give_back`] keeps it.
#[derive(Debug)]
pub(crate) struct Inflow {
    body: Incoming,
    wire: Wire,
    pool: Arc<Pool>,
}

impl Inflow {
    /// The next piece.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
        self.wire.poll_data(&mut self.body, cx)
    }

    /// The next piece.
    pub(super) async fn data(&mut self) -> Option<hyper::Result<Bytes>> {
        poll_fn(|cx| self.poll_data(cx)).await
    }

    /// Whether everything has been read.
    pub(super) fn is_at_end(&self) -> bool {
        self.body.is_end_stream()
    }

    /// How many bytes are still to come, if the head said so.
    pub(super) fn left(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// Keeps the connection, once the answer has been read to its end. One on which the request is still
    /// being sent, because the provider did not wait for all of it, holds the prompt, and closes.
    pub(super) fn give_back(self) {
        let Self { body, mut wire, pool } = self;
        drop(body);
        if wire.poll_condition(&mut Context::from_waker(Waker::noop())) != Condition::Ready {
            return;
        }
        // When the queue is full the connection is one too many, and closes.
        drop(pool.idle.push(Idle {
            wire,
            since: Instant::now(),
        }));
    }
}

/// Why a request got no response head.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// There was no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection ended, or what came was not HTTP.
    #[error("the connection to the provider ended before an answer: {0}")]
    Ended(#[source] hyper::Error),
}

impl SendError {
    /// Whether something came that is not HTTP.
    pub(crate) fn is_malformed(&self) -> bool {
        matches!(self, Self::Ended(error) if error.is_parse())
    }
}

impl Pool {
    /// Sends `request` and waits for the head of its answer. A kept connection that turns out to be closed
    /// before anything was sent on it gives way to another one; one that ends without an answer, once, to a
    /// new one.
    ///
    /// Providers close idle connections when they like, and a request that is on its way just then gets no
    /// answer. RFC 9110, section 9.2.2 lets only idempotent requests be sent again by themselves. A
    /// completion may cost money twice and has no other effect, and this is no more than a chain's retry of
    /// `ConnectFailed`; without it, every such race would be the caller's error.
    pub(crate) async fn send(
        self: &Arc<Self>,
        mut request: Request<Spliced>,
        connect_limit: Duration,
    ) -> Result<Response<Inflow>, SendError> {
        while let Some(mut wire) = poll_fn(|cx| Poll::Ready(self.take(cx))).await {
            let spare = request.clone();
            match wire.send(request).await {
                Ok(response) => return Ok(self.inflow(response, wire)),
                Err(mut error) => {
                    let unsent = error.take_message();
                    let error = error.into_error();
                    request = match unsent {
                        Some(unsent) => unsent,
                        None if error.is_parse() => return Err(SendError::Ended(error)),
                        None => return self.send_anew(spare, connect_limit).await,
                    };
                }
            }
        }
        self.send_anew(request, connect_limit).await
    }

    /// Sends `request` on a new connection.
    async fn send_anew(
        self: &Arc<Self>,
        request: Request<Spliced>,
        connect_limit: Duration,
    ) -> Result<Response<Inflow>, SendError> {
        let mut wire = connect(&self.surroundings, &self.address, connect_limit).await?;
        match wire.send(request).await {
            Ok(response) => Ok(self.inflow(response, wire)),
            Err(error) => Err(SendError::Ended(error.into_error())),
        }
    }

    fn inflow(self: &Arc<Self>, response: Response<Incoming>, wire: Wire) -> Response<Inflow> {
        response.map(|body| Inflow {
            body,
            wire,
            pool: self.clone(),
        })
    }

    /// A kept connection that is open and ready. One that is still busy goes back to the queue.
    fn take(&self, cx: &mut Context<'_>) -> Option<Wire> {
        for _ in 0..self.idle.len() {
            let mut idle = self.idle.pop()?;
            if idle.since.elapsed() > self.idle_limit {
                continue;
            }
            match idle.wire.poll_condition(cx) {
                Condition::Ready => return Some(idle.wire),
                Condition::Busy => drop(self.idle.push(idle)),
                Condition::Ended => {}
            }
        }
        None
    }

    /// Closes kept connections that were kept for long enough, and those that the provider has closed:
    /// nobody drives a connection while it is idle.
    fn sweep(&self, cx: &mut Context<'_>) {
        for _ in 0..self.idle.len() {
            let Some(mut idle) = self.idle.pop() else { return };
            let young = idle.since.elapsed() <= self.idle_limit;
            if young && idle.wire.poll_condition(cx) != Condition::Ended {
                drop(self.idle.push(idle));
            }
        }
    }
}

/// What makes two pools the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    scheme: Scheme,
    host: String,
    port: u16,
    authorities: Option<String>,
    max_idle: Option<u32>,
    idle_ms: Option<u64>,
}

/// Every pool that some table or request still holds.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    surroundings: Surroundings,
    authorities: Authorities,
    known: Mutex<HashMap<Identity, Weak<Pool>>>,
}

impl Pools {
    /// No pool yet; what comes opens its connections in `surroundings`.
    pub(crate) fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            ..Self::default()
        }
    }

    /// The pool for `url`, the one there is or a new one.
    pub(crate) fn get(
        &self,
        url: &BaseUrl,
        ca_bundle: Option<&str>,
        connections: Connections,
    ) -> Result<Arc<Pool>, TlsError> {
        let identity = Identity {
            scheme: url.scheme(),
            host: url.host().to_owned(),
            port: url.port(),
            authorities: ca_bundle.map(str::to_owned),
            max_idle: connections.max_idle,
            idle_ms: connections.idle_ms,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = known.get(&identity).and_then(Weak::upgrade) {
            return Ok(pool);
        }
        known.retain(|_, pool| pool.strong_count() > 0);
        let pool = Arc::new(self.make(&identity)?);
        known.insert(identity, Arc::downgrade(&pool));
        Ok(pool)
    }

    /// Closes idle connections whose time is over, in every pool.
    pub(crate) async fn sweep(&self) {
        let pools: Vec<Arc<Pool>> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.values().filter_map(Weak::upgrade).collect()
        };
        poll_fn(|cx| {
            for pool in &pools {
                pool.sweep(cx);
            }
            Poll::Ready(())
        })
        .await;
    }

    fn make(&self, identity: &Identity) -> Result<Pool, TlsError> {
        let host = identity
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let tls = match identity.scheme {
            Scheme::Http => None,
            Scheme::Https => {
                let config = self.authorities.client(identity.authorities.as_deref())?;
                let name = ServerName::try_from(host.clone()).map_err(|_| TlsError::Bundle)?;
                Some(Tls { config, name })
            }
        };
        let max_idle = identity.max_idle.unwrap_or(MAX_IDLE).max(1);
        Ok(Pool {
            surroundings: self.surroundings.clone(),
            address: Address {
                host,
                port: identity.port,
                tls,
            },
            idle: ArrayQueue::new(max_idle as usize),
            idle_limit: identity.idle_ms.map_or(IDLE, Duration::from_millis),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_table::{BaseUrl, Connections};

    use super::Pools;

    #[test]
    fn a_pool_is_found_again_as_long_as_somebody_holds_it() {
        let pools = Pools::default();
        let url = BaseUrl::parse("http://127.0.0.1:1/v1").unwrap();
        let other = BaseUrl::parse("http://127.0.0.1:1/v2").unwrap();
        let first = pools.get(&url, None, Connections::default()).unwrap();
        let second = pools.get(&other, None, Connections::default()).unwrap();
        assert!(
            Arc::ptr_eq(&first, &second),
            "the path is no part of a connection"
        );
        let bounded = Connections {
            max_idle: Some(1),
            idle_ms: None,
        };
        assert!(!Arc::ptr_eq(&first, &pools.get(&url, None, bounded).unwrap()));
    }
}
