//! What a router reaches beyond itself: connections to providers, and random numbers. A process has the
//! system's; whoever embeds an [`Engine`](crate::Engine) may hand in others, so that all that it does
//! follows from a seed.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection, whatever carries it.
pub trait Carrier: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<I: AsyncRead + AsyncWrite + Send + Unpin + 'static> Carrier for I {}

/// A connection that is being opened.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Carrier>>> + Send>>;

/// A world to run a router in.
pub trait World: fmt::Debug + Send + Sync {
    /// Opens a connection to `host`, a name or an IP address without brackets.
    fn dial(&self, host: &str, port: u16) -> Dialing;

    /// A number from 0 up to 1, which spreads the waits before a target is asked again.
    fn jitter(&self) -> f64;

    /// The number in a request's id. It is also the key of requests that bring none.
    fn request_id(&self) -> u128;

    /// The time in seconds since 1970, by which callers' keys expire.
    fn unix_time(&self) -> i64 {
        system_time()
    }
}

/// The system, or a world that was handed in. A choice rather than always a trait object, so that the
/// system's connections are of its own type as far as they go.
#[derive(Debug, Clone, Default)]
pub enum Surroundings {
    /// Sockets, and the system's random numbers.
    #[default]
    System,
    /// Something else.
    Given(Arc<dyn World>),
}

impl Surroundings {
    /// A number from 0 up to 1.
    pub(crate) fn jitter(&self) -> f64 {
        match self {
            Self::System => rand::random(),
            Self::Given(world) => world.jitter(),
        }
    }

    /// The number in a request's id.
    pub(crate) fn request_id(&self) -> u128 {
        match self {
            Self::System => rand::random(),
            Self::Given(world) => world.request_id(),
        }
    }

    /// The time in seconds since 1970.
    pub(crate) fn unix_time(&self) -> i64 {
        match self {
            Self::System => system_time(),
            Self::Given(world) => world.unix_time(),
        }
    }
}

/// The system's time in seconds since 1970. A clock that stands before 1970 expires nothing.
fn system_time() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
