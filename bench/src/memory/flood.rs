//! A mock provider whose streams are long: 100 MiB of events, as fast as they are taken.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::answers::Answers;
use crate::dialect::Dialect;
use crate::http::{Message, Piece};

/// How long a stream is, in events of about one KiB.
const EVENTS: usize = 100 * 1024;

/// How many events are written at once.
const AT_ONCE: usize = 64;

/// A stream that has not moved for so long stands.
const STANDING: Duration = Duration::from_secs(2);

/// The mock provider.
#[derive(Debug)]
pub(crate) struct Flood {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    sent: Rc<Cell<u64>>,
}

impl Flood {
    /// Listens. It ends with the task set that it was started in.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, sent) = (listener.local_addr()?, Rc::new(Cell::new(0)));
        let answers = Rc::new(Answers::of(Dialect::OpenAi)?);
        let counted = sent.clone();
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, sent) = (answers.clone(), counted.clone());
                // A connection that breaks is the caller's to notice.
                spawn_local(async move { drop(converse(stream, &answers, &sent).await) });
            }
        });
        Ok(Self { address, sent })
    }

    /// Waits until a stream has begun and stands, and says how many bytes of it have been sent.
    pub(crate) async fn stalled(&self) -> u64 {
        loop {
            let before = self.sent.get();
            sleep(STANDING).await;
            if before > 0 && self.sent.get() == before {
                return before;
            }
        }
    }
}

async fn converse(mut stream: TcpStream, answers: &Answers, sent: &Cell<u64>) -> Result<()> {
    let (mut buffer, mut message, mut body) = (vec![0; 16 * 1024], Message::default(), Vec::new());
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let mut read = &buffer[..count];
        while let Some(piece) = message.next(&mut read)? {
            match piece {
                Piece::Head => body.clear(),
                Piece::Body(bytes) => body.extend_from_slice(bytes),
                Piece::End if memmem::find(&body, br#""stream":true"#).is_some() => {
                    stream.write_all(&answers.head).await?;
                    pour(&mut stream, sent).await?;
                }
                Piece::End => stream.write_all(&answers.whole).await?,
            }
        }
    }
}

async fn pour(stream: &mut TcpStream, sent: &Cell<u64>) -> Result<()> {
    let event = format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},\"finish_reason\":null}}]}}\n\n",
        "word ".repeat(180)
    );
    let chunks = format!("{:x}\r\n{event}\r\n", event.len()).repeat(AT_ONCE);
    for _ in 0..EVENTS / AT_ONCE {
        let mut rest = chunks.as_bytes();
        while !rest.is_empty() {
            let written = stream.write(rest).await?;
            sent.set(sent.get() + written as u64);
            rest = &rest[written..];
        }
    }
    Ok(())
}
