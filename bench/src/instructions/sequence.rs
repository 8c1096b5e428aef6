//! A caller and a provider that let the router rest between any two things that they do: a request, an answer, an
//! event. So each finds the router waiting for it, always in the same state, and costs the same each time.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::asked;
use crate::answers::Answers;
use crate::dialect::Dialect;
use crate::exchange::Answered;
use crate::http::{Message, Piece};
use crate::scenario::Scenario;

/// How long the router may work on one thing: under callgrind it is some fifty times slower.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many pieces of a stream come together at first: a stream is held back until its second event, which is
/// the first that has content.
const TOGETHER: usize = 2;

/// Asks the router at `address`, whose process is `pid`, for `scenario` so many times; `upstream` answers.
pub(super) fn run(
    scenario: &Scenario,
    address: SocketAddr,
    upstream: &TcpListener,
    pid: u32,
    requests: u32,
) -> Result<()> {
    let request = asked(scenario);
    let answers = Answers::of(Dialect::OpenAi)?;
    rest(pid)?;
    let mut caller = Side::new(TcpStream::connect(address)?)?;
    let mut provider = None;
    for _ in 0..requests {
        rest(pid)?;
        caller.stream.write_all(&request)?;
        let provider = match &mut provider {
            Some(provider) => provider,
            none => none.insert(Side::new(upstream.accept()?.0)?),
        };
        provider.message(|_| Ok(()))?;
        answer(scenario, &answers, provider, &mut caller, pid)?;
    }
    rest(pid)
}

/// Sends the answer piece by piece, and reads each at the other end.
fn answer(
    scenario: &Scenario,
    answers: &Answers,
    provider: &mut Side,
    caller: &mut Side,
    pid: u32,
) -> Result<()> {
    let mut answered = Answered::default();
    if !scenario.is_streamed() {
        rest(pid)?;
        provider.stream.write_all(&answers.whole)?;
        caller.message(|bytes| {
            answered.whole(bytes);
            Ok(())
        })?;
        return answered.finish(scenario);
    }
    let (first, others) = answers.chunks.split_at(TOGETHER);
    let first = [&*answers.head, &*first.concat()].concat();
    let mut sent = u32::try_from(TOGETHER)?;
    rest(pid)?;
    provider.stream.write_all(&first)?;
    let mut others = others.iter();
    caller.message(|bytes| {
        answered.stream(bytes);
        while answered.events() >= sent
            && let Some(next) = others.next()
        {
            sent += 1;
            rest(pid)?;
            provider.stream.write_all(next)?;
        }
        Ok(())
    })?;
    answered.finish(scenario)
}

/// Waits until every thread of the process `pid` waits for something.
fn rest(pid: u32) -> Result<()> {
    let begun = Instant::now();
    while !rests(pid)? {
        ensure!(begun.elapsed() < PATIENCE, "the router does not come to rest");
        yield_now();
    }
    Ok(())
}

/// Whether no thread of it runs: the state stands behind the name, which is in parentheses (proc(5)).
fn rests(pid: u32) -> Result<bool> {
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between two looks.
        let stat = fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if !matches!(state, Some('S') | None) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One end of a connection with the router.
struct Side {
    stream: TcpStream,
    message: Message,
    buffer: Vec<u8>,
}

impl Side {
    fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            message: Message::default(),
            buffer: vec![0; 128 * 1024],
        })
    }

    /// Reads one whole message; `each` sees its body's pieces.
    fn message(&mut self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        loop {
            let read = self
                .stream
                .read(&mut self.buffer)
                .context("waiting for the router")?;
            ensure!(read > 0, "the router closed a connection");
            let mut input = &self.buffer[..read];
            while let Some(piece) = self.message.next(&mut input)? {
                match piece {
                    Piece::Head if self.message.status().is_some_and(|status| status != 200) => {
                        bail!("an answer with another status")
                    }
                    Piece::Head => {}
                    Piece::Body(bytes) => each(bytes)?,
                    Piece::End => return Ok(()),
                }
            }
        }
    }
}
