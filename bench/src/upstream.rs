//! The mock provider: it answers what the scenario under way says, in the dialect of the path that it is asked
//! at, from bytes made beforehand. It runs on
//! the load generator's own thread, so that an exchange with it costs no wake-up of another one, and reads
//! requests only as far as is needed to know where they end.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};

use crate::answers::Answers;
use crate::dialect::Dialect;
use crate::http::{Message, Piece};
use crate::scenario::Answer;

/// Room for a 64 KiB prompt and its head, so that it is read at once if it is there.
const READ_BYTES: usize = 80 * 1024;

/// The mock provider's address, and what it is told.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Rc<Shared>,
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

impl Upstream {
    /// Listens on `address`. It ends with the task set that it was started in.
    pub(crate) async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("the mock upstream: {address}"))?;
        let shared = Rc::new(Shared {
            answer: Cell::new(Answer::Whole(Duration::ZERO)),
            answers: Dialect::ALL.map(Answers::of).into_iter().collect::<Result<_>>()?,
        });
        let address = listener.local_addr()?;
        spawn_local(accept(listener, shared.clone()));
        Ok(Self { address, shared })
    }

    /// Answers like this from now on.
    pub(crate) fn answer(&self, answer: Answer) {
        self.shared.answer.set(answer);
    }
}

async fn accept(listener: TcpListener, shared: Rc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        // A connection that breaks is seen by whoever waits for its answer.
        spawn_local(async move { drop(converse(stream, &shared).await) });
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
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

async fn reply(stream: &mut TcpStream, answer: Answer, answers: &Answers) -> Result<()> {
    match answer {
        Answer::Whole(wait) => {
            if !wait.is_zero() {
                sleep(wait).await;
            }
            stream.write_all(&answers.whole).await?;
        }
        Answer::Stream(pause) => {
            stream.write_all(&answers.head).await?;
            let begun = Instant::now();
            for (due, chunk) in (0..).map(|at| begun + pause * at).zip(&answers.chunks) {
                if !pause.is_zero() {
                    sleep_until(due).await;
                }
                stream.write_all(chunk).await?;
            }
        }
    }
    Ok(())
}
