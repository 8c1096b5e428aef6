//! Opens one connection to a provider and begins HTTP on it. Knows nothing of requests.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::shared::Shared;
use super::tls::ALPN_HTTP2;
use super::wire::{Layer, Wire};
use crate::surroundings::{Carrier, Surroundings};

/// A connection that was opened, by the HTTP that is spoken on it.
#[derive(Debug)]
pub(super) enum Opened {
    /// HTTP/1.1: for one request at a time.
    Own(Wire),
    /// HTTP/2, because the provider chose it.
    Shared(Arc<Shared>),
}

/// Where connections of one pool go.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// The host's name or IP address, without brackets.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// How it is encrypted; `None` for clear text.
    pub(crate) tls: Option<Tls>,
}

/// What a TLS connection needs.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    /// Whom to trust.
    pub(crate) config: Arc<ClientConfig>,
    /// Whom to expect.
    pub(crate) name: ServerName<'static>,
}

/// Why there is no connection. What it says is for the caller too, and so names no host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// It took longer than it may.
    #[error("no connection to the provider within {} ms", limit.as_millis())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// The system refused.
    #[error("no connection to the provider: {}", .0.kind())]
    Refused(#[source] io::Error),
    /// TLS could not be begun on it.
    #[error("no connection to the provider: its certificate is not trusted, or it does not speak TLS")]
    Tls(#[source] io::Error),
    /// HTTP/2 could not be begun on it.
    #[error("no connection to the provider: {0}")]
    Http(#[source] hyper::Error),
}

/// Opens a connection within `limit`.
pub(super) async fn connect(
    surroundings: &Surroundings,
    address: &Address,
    limit: Duration,
) -> Result<Opened, ConnectError> {
    match timeout(limit, open(surroundings, address)).await {
        Ok(opened) => opened,
        Err(_elapsed) => Err(ConnectError::TooSlow { limit }),
    }
}

async fn open(surroundings: &Surroundings, address: &Address) -> Result<Opened, ConnectError> {
    match surroundings {
        Surroundings::System => {
            let stream = TcpStream::connect((address.host.as_str(), address.port))
                .await
                .map_err(ConnectError::Refused)?;
            stream.set_nodelay(true).map_err(ConnectError::Refused)?;
            begin(stream, Layer::Clear, address.tls.as_ref()).await
        }
        Surroundings::Given(world) => {
            let dialed = world.dial(&address.host, address.port).await;
            // Of what somebody hands in, nothing is known.
            let carrier = dialed.map_err(ConnectError::Refused)?;
            begin(carrier, Layer::Secured, address.tls.as_ref()).await
        }
    }
}

/// Begins HTTP on `carrier`, encrypted where it is to be, and in the version that the provider chooses then.
async fn begin(carrier: impl Carrier, layer: Layer, tls: Option<&Tls>) -> Result<Opened, ConnectError> {
    let Some(Tls { config, name }) = tls else {
        return Ok(Opened::Own(Wire::begin(carrier, layer)));
    };
    let connector = TlsConnector::from(config.clone());
    let secured = connector.connect(name.clone(), carrier).await;
    let secured = secured.map_err(ConnectError::Tls)?;
    if secured.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2) {
        let shared = Shared::begin(TokioIo::new(secured)).await;
        shared.map(Opened::Shared).map_err(ConnectError::Http)
    } else {
        Ok(Opened::Own(Wire::begin(secured, Layer::Secured)))
    }
}
