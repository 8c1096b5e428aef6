//! Everything that a router is told when it starts.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use subtle::ConstantTimeEq as _;

/// The largest body that is read where nobody says: room for a few images in a prompt.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How a router is run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where callers connect.
    pub listen: SocketAddr,
    /// Where operators look.
    pub admin_listen: SocketAddr,
    /// What `/` and `/api` of the admin port want, if anything.
    pub admin_token: Option<AdminToken>,
    /// The namespace in which `policy/<name>` is looked up.
    pub default_namespace: String,
    /// The largest body that is read, in bytes.
    pub max_body_bytes: usize,
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
            default_namespace: "default".to_owned(),
            max_body_bytes: MAX_BODY_BYTES,
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// The token of the admin port. Shown nowhere.
#[derive(Clone)]
pub struct AdminToken(String);

impl AdminToken {
    /// The token in `text`, without the line end that editors leave; `None` if there is nothing else.
    pub fn new(text: &str) -> Option<Self> {
        let token = text.trim();
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }

    /// Whether `given` is the token, in a time that does not tell how much of it is right.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}
