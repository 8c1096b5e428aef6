//! The load generator: so many connections, each with one request in flight, every answer verified. It runs
//! on one thread; what it costs is shown beside the figures.

mod http1;
mod http2;
mod tally;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use http::Request;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::http1::Connection;
use self::http2::Lane;
use self::tally::Tally;
use crate::accounting;
use crate::pace::Plan;
use crate::scenario::Scenario;

/// How long answers may take to end once the load is over.
const DRAIN: Duration = Duration::from_secs(15);

/// Who is asked, and what.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The process whose time is counted.
    pub(crate) pid: Option<u32>,
    /// What is asked.
    pub(crate) request: Written,
}

/// A request, in the version of HTTP that is spoken.
#[derive(Debug)]
pub(crate) enum Written {
    /// Its bytes.
    Http1(Vec<u8>),
    /// Its head and its body.
    Http2(Box<Request<()>>, Bytes),
}

/// What one repetition showed.
#[derive(Debug)]
pub(crate) struct Counted {
    /// How long it was counted.
    pub(crate) window: Duration,
    /// The requests, or for streams the events, that ended meanwhile.
    pub(crate) units: u64,
    /// Those that ended from the first to the last, before and after it was counted too.
    pub(crate) ever: u64,
    /// What the process under load used meanwhile.
    pub(crate) processor: Option<Duration>,
    /// What this process, load generator and upstream, used meanwhile.
    pub(crate) own: Duration,
    /// From a request's first byte to its answer's last, or to the first content of a stream; sorted.
    pub(crate) latencies: Vec<Duration>,
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

/// Asks as `scenario` says, and counts for `window` once everything is warm. Fails if a single answer was not
/// whole.
pub(crate) async fn run(scenario: Scenario, asked: Asked, window: Duration) -> Result<Counted> {
    let (tally, asked) = (Rc::new(Tally::default()), Rc::new(asked));
    let mut connections = JoinSet::new();
    let callers = callers(scenario, &asked).await?;
    let begun = Instant::now();
    for (index, caller) in (0..).zip(callers) {
        let (tally, asked) = (tally.clone(), asked.clone());
        let plan = scenario.pace.plan(begun, index, scenario.connections);
        connections.spawn_local(async move {
            sleep(scenario.head_start(index)).await;
            converse(caller, plan, &asked, &tally).await
        });
    }
    sleep(scenario.warm_up()).await;
    let before = Reading::take(&tally, asked.pid)?;
    tally.counted.set(true);
    sleep(window).await;
    tally.counted.set(false);
    let after = Reading::take(&tally, asked.pid)?;
    tally.over.set(true);
    timeout(DRAIN, finish(connections))
        .await
        .map_err(|_| anyhow!("answers did not end within {DRAIN:?}"))??;
    let mut latencies = tally.latencies.take();
    latencies.sort_unstable();
    Ok(Counted {
        ever: tally.units.get(),
        ..count(&before, &after, latencies)?
    })
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
        ever: after.units,
        processor: after
            .processor
            .zip(before.processor)
            .map(|(after, before)| after.saturating_sub(before)),
        own: after.own.saturating_sub(before.own),
        latencies,
    })
}

/// One request, and whether its answer is whole.
pub(crate) async fn ask_once(scenario: Scenario, asked: &Asked) -> Result<()> {
    let alone = Scenario {
        connections: 1,
        ..scenario
    };
    let answered = async {
        for mut caller in callers(alone, asked).await? {
            caller.ask(asked, Instant::now(), &Tally::default()).await?;
        }
        Ok(())
    };
    timeout(DRAIN, answered)
        .await
        .map_err(|_| anyhow!("no whole answer within {DRAIN:?}"))?
}

async fn converse(mut caller: Caller, mut plan: Plan, asked: &Asked, tally: &Tally) -> Result<()> {
    while !tally.over.get() {
        let begun = plan.turn().await;
        caller.ask(asked, begun, tally).await?;
    }
    Ok(())
}

/// Who asks one thing at a time.
#[derive(Debug)]
enum Caller {
    Http1(Connection),
    Http2(Lane),
}

/// As many as `scenario` says.
async fn callers(scenario: Scenario, asked: &Asked) -> Result<Vec<Caller>> {
    let count = scenario.connections;
    let mut callers = Vec::new();
    match asked.request {
        Written::Http1(_) => {
            for _connection in 0..count {
                let connection = Connection::open(asked.address, scenario).await?;
                callers.push(Caller::Http1(connection));
            }
        }
        Written::Http2(..) => {
            let lanes = http2::open(asked.address, scenario, count).await?;
            callers.extend(lanes.into_iter().take(count as usize).map(Caller::Http2));
        }
    }
    Ok(callers)
}

impl Caller {
    async fn ask(&mut self, asked: &Asked, begun: Instant, tally: &Tally) -> Result<()> {
        match (self, &asked.request) {
            (Self::Http1(connection), Written::Http1(request)) => connection.ask(request, begun, tally).await,
            (Self::Http2(lane), Written::Http2(head, body)) => lane.ask(head, body, begun, tally).await,
            _ => Err(anyhow!(
                "a request in another version of HTTP than the connection's"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::{Asked, Written, run};
    use crate::exchange::request;
    use crate::pace::Pace;
    use crate::scenario::{Answer, Name, Scenario};
    use crate::target::PATH;
    use crate::upstream::Upstream;

    /// A short run of `scenario` against an upstream that answers `answer`.
    async fn counted(scenario: Scenario, answer: Answer) -> anyhow::Result<super::Counted> {
        LocalSet::new()
            .run_until(async {
                let upstream = Upstream::start("127.0.0.1:0".parse().unwrap()).await?;
                upstream.answer(answer);
                let asked = Asked {
                    address: upstream.address,
                    pid: Some(std::process::id()),
                    request: Written::Http1(request(&scenario, upstream.address, PATH, "mock")),
                };
                run(scenario, asked, Duration::from_millis(50)).await
            })
            .await
    }

    #[tokio::test]
    async fn requests_are_counted_with_what_they_cost() {
        let scenario = Scenario {
            connections: 2,
            ..Scenario::of(Name::Sat)
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
            ..Scenario::of(Name::Burst)
        };
        let counted = counted(scenario, scenario.answer).await.unwrap();
        assert!(counted.units > 20 * counted.latencies.len() as u64, "{counted:?}");
    }

    #[tokio::test]
    async fn an_open_load_asks_as_often_as_it_is_to() {
        let scenario = Scenario {
            pace: Pace::Even(400),
            ..Scenario::of(Name::Rate)
        };
        let counted = counted(scenario, scenario.answer).await.unwrap();
        // 20 in 50 ms; a machine that is held up catches up with what it has missed.
        assert!((10..=40).contains(&counted.units), "{counted:?}");
    }

    #[tokio::test]
    async fn an_answer_of_the_wrong_kind_fails_the_run() {
        let scenario = Scenario {
            connections: 1,
            ..Scenario::of(Name::Burst)
        };
        let error = counted(scenario, Answer::Whole(Duration::ZERO))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("[DONE]"), "{error}");
    }
}
