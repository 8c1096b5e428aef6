//! A way to a server that breaks on command: connections are cut, refused, or lead nowhere from now on. With several
//! servers behind it, it stands for a Service: each new connection leads to the next of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use tokio::{
    io::{copy, copy_bidirectional, sink},
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::JoinHandle,
};

/// What becomes of every connection that there is.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is closed.
    Closed,
    /// Nothing that is sent on it arrives any more, and nobody is told.
    Stranded,
}

/// A server that passes bytes on; it ends when dropped.
#[derive(Debug)]
pub struct Detour {
    address: SocketAddr,
    fates: broadcast::Sender<Fate>,
    targets: Arc<Targets>,
    serving: JoinHandle<()>,
}

/// Where new connections lead; none of them while there is nowhere to lead to.
#[derive(Debug, Default)]
struct Targets {
    open: Mutex<Vec<SocketAddr>>,
    taken: AtomicUsize,
}

impl Targets {
    fn set(&self, targets: &[SocketAddr]) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = targets.to_vec();
    }

    fn next(&self) -> Option<SocketAddr> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.taken.fetch_add(1, Ordering::Relaxed);
        open.get(turn.checked_rem(open.len())?).copied()
    }
}

impl Detour {
    /// Leads from `address` to `targets`.
    pub async fn start(address: SocketAddr, targets: &[SocketAddr]) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address}"))?;
        let address = listener.local_addr()?;
        let (fates, _) = broadcast::channel(8);
        let open = Arc::new(Targets::default());
        open.set(targets);
        let serving = tokio::spawn(serve(listener, Arc::clone(&open), fates.clone()));
        Ok(Self {
            address,
            fates,
            targets: open,
            serving,
        })
    }

    /// Where it is entered.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection, and every new one at once.
    pub fn close(&self) {
        self.targets.set(&[]);
        // Nobody listens where there is no connection.
        let _ = self.fates.send(Fate::Closed);
    }

    /// New connections lead to these from now on; those that there are stay.
    pub fn lead_to(&self, targets: &[SocketAddr]) {
        self.targets.set(targets);
    }

    /// From now on nothing passes on the connections that there are; they stay open. New ones work.
    pub fn strand(&self) {
        let _ = self.fates.send(Fate::Stranded);
    }
}

impl Drop for Detour {
    fn drop(&mut self) {
        let _ = self.fates.send(Fate::Closed);
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, targets: Arc<Targets>, fates: broadcast::Sender<Fate>) {
    while let Ok((near, _)) = listener.accept().await {
        if let Some(target) = targets.next() {
            tokio::spawn(pass(near, target, fates.subscribe()));
        }
    }
}

async fn pass(mut near: TcpStream, target: SocketAddr, mut fates: broadcast::Receiver<Fate>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    let fate = tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => Fate::Closed,
        fate = fates.recv() => fate.unwrap_or(Fate::Closed),
    };
    if matches!(fate, Fate::Stranded) {
        swallow(near, far, fates).await;
    }
}

/// Takes everything that either side sends, until one leaves or is told to.
async fn swallow(mut near: TcpStream, far: TcpStream, mut fates: broadcast::Receiver<Fate>) {
    let ended = async {
        loop {
            if matches!(fates.recv().await, Ok(Fate::Closed) | Err(_)) {
                break;
            }
        }
    };
    let mut nowhere = sink();
    tokio::select! {
        _ = copy(&mut near, &mut nowhere) => {}
        () = ended => {}
    }
    drop(far);
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::Detour;

    /// A server that answers every byte with the same.
    async fn echo() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        address
    }

    async fn answered(stream: &mut TcpStream) -> Option<u8> {
        stream.write_all(b"x").await.ok()?;
        stream.read_u8().await.ok()
    }

    #[tokio::test]
    async fn a_stranded_connection_stays_open_and_says_nothing_while_new_ones_work() {
        let detour = Detour::start("127.0.0.1:0".parse().unwrap(), &[echo().await])
            .await
            .unwrap();
        let mut old = TcpStream::connect(detour.address()).await.unwrap();
        assert_eq!(answered(&mut old).await, Some(b'x'));
        detour.strand();
        let mut new = TcpStream::connect(detour.address()).await.unwrap();
        assert_eq!(answered(&mut new).await, Some(b'x'));
        let silence = std::time::Duration::from_millis(200);
        assert!(tokio::time::timeout(silence, answered(&mut old)).await.is_err());
        detour.close();
        assert_eq!(answered(&mut old).await, None);
        let mut late = TcpStream::connect(detour.address()).await.unwrap();
        assert_eq!(answered(&mut late).await, None);
    }
}
