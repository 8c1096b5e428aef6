//! The load generator: so many connections, each with one request in flight, every answer verified. It runs
//! on one thread; what it costs is shown beside the figures.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::accounting;
use crate::exchange::Answered;
use crate::http::{Message, Piece};
use crate::scenario::Scenario;

/// How long answers may take to end once the load is over.
const DRAIN: Duration = Duration::from_secs(15);

/// Room for a whole answer.
const READ_BYTES: usize = 32 * 1024;

/// The event that ends with the first content: the one before it has only the role.
const FIRST_CONTENT: u32 = 2;

/// What one repetition showed.
#[derive(Debug)]
pub(crate) struct Counted {
    /// How long it was counted.
    pub(crate) window: Duration,
    /// The requests, or for streams the events, that ended meanwhile.
    pub(crate) units: u64,
    /// What the process under load used meanwhile.
    pub(crate) processor: Option<Duration>,
    /// What this process, load generator and upstream, used meanwhile.
    pub(crate) own: Duration,
    /// From a request's first byte to its answer's last, or to the first content of a stream; sorted.
    pub(crate) latencies: Vec<Duration>,
}

/// What the connections share.
#[derive(Debug, Default)]
struct Tally {
    over: Cell<bool>,
    counted: Cell<bool>,
    units: Cell<u64>,
    latencies: RefCell<Vec<Duration>>,
}

impl Tally {
    fn add(&self, units: u32) {
        self.units.set(self.units.get() + u64::from(units));
    }

    fn took(&self, latency: Duration) {
        if self.counted.get() {
            self.latencies.borrow_mut().push(latency);
        }
    }
}

/// Everything that is read at the begin and at the end of the window, at one moment.
#[derive(Debug)]
struct Reading {
    at: Instant,
    units: u64,
    processor: Option<Duration>,
    own: Duration,
}

impl Reading {
    fn take(tally: &Tally, pid: Option<u32>) -> Result<Self> {
        Ok(Self {
            processor: pid.map(accounting::processor_time).transpose()?,
            own: accounting::own_time()?,
            units: tally.units.get(),
            at: Instant::now(),
        })
    }
}

/// Asks `address` with `request` as `scenario` says, and counts for `window` once everything is warm. `pid`
/// is the process whose time is counted. Fails if a single answer was not whole.
pub(crate) async fn run(
    scenario: Scenario,
    address: SocketAddr,
    request: Vec<u8>,
    pid: Option<u32>,
    window: Duration,
) -> Result<Counted> {
    let (tally, request) = (Rc::new(Tally::default()), Rc::new(request));
    let mut connections = JoinSet::new();
    for index in 0..scenario.connections {
        let (tally, request) = (tally.clone(), request.clone());
        connections.spawn_local(async move {
            sleep(scenario.head_start(index)).await;
            converse(scenario, address, &request, &tally).await
        });
    }
    sleep(scenario.warm_up()).await;
    let before = Reading::take(&tally, pid)?;
    tally.counted.set(true);
    sleep(window).await;
    tally.counted.set(false);
    let after = Reading::take(&tally, pid)?;
    tally.over.set(true);
    timeout(DRAIN, finish(connections))
        .await
        .map_err(|_| anyhow!("answers did not end within {DRAIN:?}"))??;
    let mut latencies = tally.latencies.take();
    latencies.sort_unstable();
    count(&before, &after, latencies)
}

/// Waits for every connection.
async fn finish(mut connections: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    Ok(())
}

fn count(before: &Reading, after: &Reading, latencies: Vec<Duration>) -> Result<Counted> {
    let units = after.units - before.units;
    ensure!(
        units > 0 && !latencies.is_empty(),
        "no answer ended while it was counted; count for longer (--seconds)"
    );
    Ok(Counted {
        window: after.at - before.at,
        units,
        processor: after
            .processor
            .zip(before.processor)
            .map(|(after, before)| after.saturating_sub(before)),
        own: after.own.saturating_sub(before.own),
        latencies,
    })
}

/// One request, and whether its answer is whole.
pub(crate) async fn ask_once(scenario: Scenario, address: SocketAddr, request: &[u8]) -> Result<()> {
    let tally = Tally::default();
    let asked = async {
        let mut connection = Connection::open(address).await?;
        connection.ask(scenario, request, &tally).await
    };
    timeout(DRAIN, asked)
        .await
        .map_err(|_| anyhow!("no whole answer within {DRAIN:?}"))?
}

async fn converse(scenario: Scenario, address: SocketAddr, request: &[u8], tally: &Tally) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    while !tally.over.get() {
        connection.ask(scenario, request, tally).await?;
    }
    Ok(())
}

/// A connection to what is measured.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    message: Message,
    answered: Answered,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; READ_BYTES],
            message: Message::default(),
            answered: Answered::default(),
        })
    }

    /// Asks, and reads the answer to its end.
    async fn ask(&mut self, scenario: Scenario, request: &[u8], tally: &Tally) -> Result<()> {
        let begun = Instant::now();
        self.stream.write_all(request).await?;
        loop {
            let count = self.stream.read(&mut self.buffer).await?;
            ensure!(count > 0, "the connection ended inside an answer");
            if self.take_in(count, scenario, begun, tally)? {
                return self.answered.finish(&scenario);
            }
        }
    }

    /// Takes what was read in, and says whether the answer has ended.
    fn take_in(&mut self, count: usize, scenario: Scenario, begun: Instant, tally: &Tally) -> Result<bool> {
        let mut read = &self.buffer[..count];
        while let Some(piece) = self.message.next(&mut read)? {
            match piece {
                Piece::Head => {
                    let status = self.message.status();
                    ensure!(
                        status == Some(200),
                        "status {status:?}: {}",
                        String::from_utf8_lossy(read)
                    );
                }
                Piece::Body(bytes) if scenario.is_streamed() => {
                    let before = self.answered.events();
                    tally.add(self.answered.stream(bytes));
                    if before < FIRST_CONTENT && self.answered.events() >= FIRST_CONTENT {
                        tally.took(begun.elapsed());
                    }
                }
                Piece::Body(bytes) => self.answered.whole(bytes),
                Piece::End => {
                    if !scenario.is_streamed() {
                        tally.add(1);
                        tally.took(begun.elapsed());
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::run;
    use crate::exchange::request;
    use crate::scenario::{Answer, Name, Scenario};
    use crate::upstream::Upstream;

    /// A short run of `scenario` against an upstream that answers `answer`.
    async fn counted(scenario: Scenario, answer: Answer) -> anyhow::Result<super::Counted> {
        LocalSet::new()
            .run_until(async {
                let upstream = Upstream::start("127.0.0.1:0".parse().unwrap()).await?;
                upstream.answer(answer);
                let request = request(&scenario, upstream.address, "/v1/chat/completions", "mock");
                run(
                    scenario,
                    upstream.address,
                    request,
                    Some(std::process::id()),
                    Duration::from_millis(50),
                )
                .await
            })
            .await
    }

    #[tokio::test]
    async fn requests_are_counted_with_what_they_cost() {
        let scenario = Scenario {
            connections: 2,
            ..Scenario::of(Name::Sat).unwrap()
        };
        let counted = counted(scenario, scenario.answer).await.unwrap();
        assert!(
            counted.units.abs_diff(counted.latencies.len() as u64) <= 2,
            "{counted:?}"
        );
        assert!(counted.processor.unwrap() > Duration::ZERO);
        assert!(counted.window >= Duration::from_millis(50));
    }

    #[tokio::test]
    async fn streams_are_counted_by_their_events() {
        let scenario = Scenario {
            connections: 1,
            ..Scenario::of(Name::Burst).unwrap()
        };
        let counted = counted(scenario, scenario.answer).await.unwrap();
        assert!(counted.units > 20 * counted.latencies.len() as u64, "{counted:?}");
    }

    #[tokio::test]
    async fn an_answer_of_the_wrong_kind_fails_the_run() {
        let scenario = Scenario {
            connections: 1,
            ..Scenario::of(Name::Burst).unwrap()
        };
        let error = counted(scenario, Answer::Whole(Duration::ZERO))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("[DONE]"), "{error}");
    }
}
