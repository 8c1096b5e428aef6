//! The data port: hyper itself, on one thread per processor, one task per connection and none per request. It
//! reads a request, asks the route, walks it, and writes the answer.

mod bell;
mod cors;
mod discard;
mod drain;
mod exchange;
mod http2;
mod listener;
mod models;
mod pace;
mod patience;
mod request;
mod respond;
mod room;
mod workers;

pub(crate) use cors::Origins;
pub(crate) use drain::Drain;
pub(crate) use listener::{serve, serve_connection};

pub(crate) use room::Room;
pub(crate) use workers::Workers;

use std::sync::Arc;

use http::HeaderMap;

use crate::access::{self, Caller, Rules};
use crate::error::Failure;
use crate::observe::Metrics;
use crate::places::Places;
use crate::state::{Snapshot, Tables};
use crate::surroundings::Surroundings;

/// What every request is served with.
#[derive(Debug)]
pub(crate) struct Hub {
    /// The tables.
    pub(crate) tables: Arc<Tables>,
    /// The metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// Where random numbers come from.
    pub(crate) surroundings: Surroundings,
    /// Whether the router is about to end.
    pub(crate) drain: Drain,
    /// How callers are let in.
    pub(crate) rules: Rules,
    /// The largest body that is read.
    pub(crate) max_body_bytes: usize,
    /// The places of requests under way.
    pub(crate) places: Arc<Places>,
    /// Room for their bodies.
    pub(crate) room: Room,
    /// The origins whose pages may ask.
    pub(crate) origins: Origins,
}

impl Hub {
    /// The caller whom `headers` speak for.
    fn admit<'a>(&'a self, snapshot: &'a Snapshot, headers: &HeaderMap) -> Result<Caller<'a>, Failure> {
        access::admit(snapshot, &self.rules, headers, self.surroundings.unix_time())
    }
}
