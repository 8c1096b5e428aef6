//! Everything that a router is told when it starts.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs, io};

use arc_swap::ArcSwap;
use http::HeaderValue;
use subtle::ConstantTimeEq as _;

use crate::access::Admission;

/// The largest body that is read where nobody says: room for a few images in a prompt.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// The most requests at once where nobody says: far more than a router's processors can serve.
pub const MAX_IN_FLIGHT: u64 = 10_000;

/// The most bytes of requests' bodies at once where nobody says.
pub const MAX_HELD_BYTES: usize = 512 * 1024 * 1024;

/// How a router is run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where callers connect.
    pub listen: SocketAddr,
    /// Where operators look.
    pub admin_listen: SocketAddr,
    /// What `/` and `/api` of the admin port want, if anything.
    pub admin_token: Option<AdminToken>,
    /// Who must have a key.
    pub admission: Admission,
    /// The namespace in which `policy/<name>` is looked up for callers without a key.
    pub default_namespace: String,
    /// The largest body that is read, in bytes.
    pub max_body_bytes: usize,
    /// The most requests at once; further ones are answered 503.
    pub max_in_flight: u64,
    /// The most bytes of their bodies, over all of them.
    pub max_held_bytes: usize,
    /// Origins of pages in browsers that may ask, such as `https://chat.example.com`, or `*`; none by default.
    pub cors_origins: Vec<HeaderValue>,
    /// How many threads serve connections; one for each processor where nobody says.
    pub workers: Option<NonZeroUsize>,
    /// How long requests are still taken after the router has said that it is about to end.
    pub drain_delay: Duration,
    /// How long requests may run on after that.
    pub drain_timeout: Duration,
}

impl Config {
    /// A router on these addresses, with the product's defaults for the rest.
    pub fn new(listen: SocketAddr, admin_listen: SocketAddr) -> Self {
        Self {
            listen,
            admin_listen,
            admin_token: None,
            admission: Admission::KeysIfAny,
            default_namespace: "default".to_owned(),
            max_body_bytes: MAX_BODY_BYTES,
            max_in_flight: MAX_IN_FLIGHT,
            max_held_bytes: MAX_HELD_BYTES,
            cors_origins: Vec::new(),
            workers: None,
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// The token of the admin port. Shown nowhere.
#[derive(Clone)]
pub struct AdminToken {
    known: Arc<ArcSwap<String>>,
    file: Option<PathBuf>,
}

impl AdminToken {
    /// The token in `text`, without the line end that editors leave; `None` if there is nothing else.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self {
            known: Arc::new(ArcSwap::from_pointee(token(text)?)),
            file: None,
        })
    }

    /// The token in a file, which is read again for every request of the admin port: a mounted Secret that
    /// changes counts from then on, and the old token no more. A file that can't be read, or is empty, changes
    /// nothing. Fails if there is no token to begin with.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let nothing = || io::Error::other("the file is empty; write a long random text into it");
        let token = Self::new(&text).ok_or_else(nothing)?;
        Ok(Self {
            file: Some(path.to_owned()),
            ..token
        })
    }

    /// Whether `given` is the token, in a time that does not tell how much of it is right.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.refresh();
        self.known.load().as_bytes().ct_eq(given).into()
    }

    fn refresh(&self) {
        let read = self.file.as_ref().and_then(|path| fs::read_to_string(path).ok());
        if let Some(read) = read.as_deref().and_then(token) {
            self.known.store(Arc::new(read));
        }
    }
}

fn token(text: &str) -> Option<String> {
    let token = text.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}
