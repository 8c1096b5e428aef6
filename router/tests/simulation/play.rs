//! Plays one schedule, in a runtime of its own whose clock only moves when nothing else can.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesOrdered, StreamExt as _};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;
use weir_router::source::pushed;
use weir_router::surroundings::Surroundings;
use weir_router::{Config, Engine, Secret};

use crate::caller::call;
use crate::history::{History, Request};
use crate::internet::Internet;
use crate::pipe::{ASKED_BY, Stream, Weather, connection};
use crate::schedule::{Ask, Kind, Pace, Schedule};
use crate::tables::{credential, with_cluster};

/// For how long a router may still tidy up after its last answer: longer than it waits for the end of a
/// connection whose stream is whole.
const TIDY: Duration = Duration::from_millis(500);

/// What happens under `seed`.
pub(crate) fn history_of(seed: u64, kind: Kind) -> History {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(play(seed, kind))
}

async fn play(seed: u64, kind: Kind) -> History {
    let schedule = Schedule::of(seed, kind);
    let internet = Internet::new(seed, schedule.providers.clone(), schedule.wanted);
    let (pusher, updates) = pushed::source();
    let anywhere = ([127, 0, 0, 1], 0).into();
    let surroundings = Surroundings::Given(Arc::new(internet.clone()));
    let engine = Engine::start(&Config::new(anywhere, anywhere), surroundings, updates).unwrap();
    let credentials = BTreeMap::from([(credential(), Secret::new("sk-test"))]);
    let tables = with_cluster(schedule.table.clone());
    pusher.push(tables, credentials).await.unwrap();
    while !engine.is_ready() {
        // Tables are taken in on a thread of their own; no virtual time passes meanwhile.
        yield_now().await;
    }
    let sweeping = tokio::spawn(engine.sweep());
    let play = Play {
        schedule,
        internet,
        engine,
    };
    let (requests, served) = play.requests().await;
    sweeping.abort();
    History {
        policies: play.schedule.policies(),
        requests,
        in_flight: in_flight(&play.engine.metrics()),
        served,
    }
}

/// A schedule that is being played.
struct Play {
    schedule: Schedule,
    internet: Internet,
    engine: Engine,
}

impl Play {
    /// What became of all requests, and how many connections are still served after them.
    async fn requests(&self) -> (Vec<Request>, usize) {
        let (mut served, mut requests, mut waiting) = (JoinSet::new(), Vec::new(), FuturesOrdered::new());
        for (number, ask) in self.schedule.asks.iter().enumerate() {
            // Those that are under way go on meanwhile.
            let mut gap = pin!(sleep(ask.gap));
            loop {
                tokio::select! {
                    biased;
                    Some(request) = waiting.next() => requests.push(request),
                    () = &mut gap => break,
                }
            }
            let (near, far) = connection(Weather::calm(), Weather::calm());
            served.spawn(ASKED_BY.scope(number, self.engine.serve_connection(far)));
            waiting.push_back(self.request(number, ask, near));
            if self.schedule.pace == Pace::InTurn {
                requests.extend(waiting.next().await);
            }
        }
        requests.extend(waiting.collect::<Vec<_>>().await);
        while served.try_join_next().is_some() {}
        (requests, served.len())
    }

    async fn request(&self, number: usize, ask: &Ask, stream: Stream) -> Request {
        let sent = self.internet.now();
        let reply = call(&self.internet, stream, ask).await;
        sleep(TIDY).await;
        let way = self.schedule.way(ask);
        let visits = self.internet.visits(number);
        let last = visits.last().map_or(usize::MAX, |visit| visit.number);
        let troubled = self.internet.troubled(last);
        Request {
            ask: ask.clone(),
            sent,
            deadline: sent + way.limit,
            way,
            visits,
            lost: self.internet.lost(number),
            troubled,
            reply,
        }
    }
}

fn in_flight(metrics: &str) -> Option<i64> {
    let line = metrics
        .lines()
        .find(|line| line.starts_with("weir_router_in_flight_requests "))?;
    line.split(' ').nth(1)?.parse().ok()
}
