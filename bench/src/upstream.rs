//! The mock provider: it answers what the scenario under way says, in the dialect of the path that it is asked
//! at, from bytes made beforehand. It runs on the load generator's own thread, so that an exchange with it costs no
//! wake-up of another one, and reads requests only as far as is needed to know where they end.

mod http2;
mod tls;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

use self::tls::Identity;
use crate::answers::Answers;
use crate::dialect::Dialect;
use crate::http::{Message, Piece};
use crate::pace::paused;
use crate::scenario::Answer;

pub(crate) use self::tls::HOST;

/// Room for a 64 KiB prompt and its head, so that it is read at once if it is there.
const READ_BYTES: usize = 80 * 1024;

/// The mock provider's address, and what it is told.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Rc<Shared>,
}

/// Where the mock provider speaks TLS too.
#[derive(Debug)]
pub(crate) struct Secure {
    /// Where it offers HTTP/1.1.
    pub(crate) http1: SocketAddr,
    /// Where it offers HTTP/2.
    pub(crate) http2: SocketAddr,
    /// Who vouches for it, in PEM.
    pub(crate) authority: String,
}

#[derive(Debug)]
struct Shared {
    answer: Cell<Answer>,
    /// Those of [`Dialect::ALL`], in its order.
    answers: Vec<Answers>,
}

impl Shared {
    fn answers(&self, asked: Dialect) -> &Answers {
        &self.answers[asked as usize]
    }
}

/// What is spoken on a port.
#[derive(Clone)]
enum Spoken {
    Http1,
    Http1InTls(TlsAcceptor),
    Http2InTls(TlsAcceptor),
}

impl Upstream {
    /// Listens on `address`. It ends with the task set that it was started in.
    pub(crate) async fn start(address: SocketAddr) -> Result<Self> {
        let shared = Rc::new(Shared {
            answer: Cell::new(Answer::Whole(Duration::ZERO)),
            answers: Dialect::ALL.map(Answers::of).into_iter().collect::<Result<_>>()?,
        });
        let address = listen(address, Spoken::Http1, &shared).await?;
        Ok(Self { address, shared })
    }

    /// Listens with TLS too, on free ports beside its own.
    pub(crate) async fn secure(&self) -> Result<Secure> {
        let identity = Identity::make()?;
        let free = SocketAddr::new(self.address.ip(), 0);
        let http1 = Spoken::Http1InTls(identity.acceptor(b"http/1.1")?);
        let http2 = Spoken::Http2InTls(identity.acceptor(b"h2")?);
        Ok(Secure {
            http1: listen(free, http1, &self.shared).await?,
            http2: listen(free, http2, &self.shared).await?,
            authority: identity.authority,
        })
    }

    /// Answers like this from now on.
    pub(crate) fn answer(&self, answer: Answer) {
        self.shared.answer.set(answer);
    }
}

async fn listen(address: SocketAddr, spoken: Spoken, shared: &Rc<Shared>) -> Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("the mock upstream: {address}"))?;
    let address = listener.local_addr()?;
    spawn_local(accept(listener, spoken, shared.clone()));
    Ok(address)
}

async fn accept(listener: TcpListener, spoken: Spoken, shared: Rc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (spoken, shared) = (spoken.clone(), shared.clone());
        // A connection that breaks is seen by whoever waits for its answer.
        spawn_local(async move { drop(begin(stream, spoken, shared).await) });
    }
}

async fn begin(stream: TcpStream, spoken: Spoken, shared: Rc<Shared>) -> Result<()> {
    stream.set_nodelay(true)?;
    match spoken {
        Spoken::Http1 => converse(stream, &shared).await,
        Spoken::Http1InTls(tls) => converse(tls.accept(stream).await?, &shared).await,
        Spoken::Http2InTls(tls) => http2::converse(tls.accept(stream).await?, shared).await,
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> Result<()> {
    let (mut buffer, mut message) = (vec![0; READ_BYTES], Message::default());
    let mut asked = Dialect::OpenAi;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let mut read = &buffer[..count];
        while let Some(piece) = message.next(&mut read)? {
            match piece {
                Piece::Head => asked = Dialect::asked_at(message.path()),
                Piece::Body(_) => {}
                Piece::End => reply(&mut stream, shared.answer.get(), shared.answers(asked)).await?,
            }
        }
    }
}

async fn reply(stream: &mut (impl AsyncWrite + Unpin), answer: Answer, answers: &Answers) -> Result<()> {
    match answer {
        Answer::Whole(wait) => {
            if !wait.is_zero() {
                sleep(wait).await;
            }
            write(stream, &answers.whole).await?;
        }
        Answer::Stream(pause) => {
            write(stream, &answers.head).await?;
            let begun = Instant::now();
            for (due, chunk) in (0..).map(|at| begun + pause * at).zip(&answers.chunks) {
                paused(due, pause).await;
                write(stream, chunk).await?;
            }
        }
    }
    Ok(())
}

/// Writes `bytes` by themselves: what is encrypted may otherwise wait for more.
async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::Upstream;
    use crate::http::tests::body;

    #[tokio::test]
    async fn its_certificate_is_vouched_for_under_the_name_and_the_address() {
        use std::sync::Arc;

        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, ServerName};
        use rustls::{ClientConfig, RootCertStore};
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        use tokio::net::TcpStream;
        use tokio_rustls::TlsConnector;

        let ask = async |name: &'static str| {
            let upstream = Upstream::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let secure = upstream.secure().await.unwrap();
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(secure.authority.as_bytes()).unwrap())
                .unwrap();
            let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(crypto)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let stream = TcpStream::connect(secure.http1).await.unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            let mut stream = connector
                .connect(ServerName::try_from(name).unwrap(), stream)
                .await?;
            stream
                .write_all(b"POST /v1/x HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
                .await?;
            let mut answer = vec![0; 4_096];
            let count = stream.read(&mut answer).await?;
            std::io::Result::Ok(body(&answer[..count]).len())
        };
        LocalSet::new()
            .run_until(async {
                assert_eq!(ask("127.0.0.1").await.unwrap(), 500);
                assert_eq!(ask(super::HOST).await.unwrap(), 500);
                assert!(ask("other.test").await.is_err());
            })
            .await;
    }
}
