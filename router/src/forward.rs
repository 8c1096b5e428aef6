//! The way to a provider and back: connections, one attempt, and the answer on its way to the caller.
//! It is told where to go and how long to wait; whether to try again is not decided here.

mod answer;
mod aside;
mod attempt;
mod bounds;
mod connect;
mod embed;
mod flow;
mod head;
mod headers;
mod idle;
mod opening;
mod plan;
mod pool;
mod pools;
mod prove;
mod shared;
mod sse;
mod stream;
mod through;
mod tls;
mod translate;
mod watch;
mod whole;
mod wire;

pub(crate) use answer::{BrokenOff, Outgoing};
pub(crate) use attempt::{Accepted, Order, Patience, attempt};
pub(crate) use pool::Pool;
pub(crate) use pools::Pools;
