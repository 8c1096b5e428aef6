//! The world that the router is run in: names of providers, what becomes of connections to them, and a log
//! of every attempt.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use weir_router::surroundings::{Dialing, World};

use crate::answer::{Act, Wanted};
use crate::dice::{Dice, Purpose};
use crate::fault::{Fault, Task, plan};
use crate::history::Visit;
use crate::pipe::{Watch, Weather, Written, connection};
use crate::provider::serve;
use crate::schedule::Manners;

/// Everything between the router and its providers.
#[derive(Debug, Clone)]
pub(crate) struct Internet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    began: Instant,
    providers: Vec<Manners>,
    wanted: Wanted,
    router: Mutex<Dice>,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    visits: Vec<Visit>,
    /// The router's end of the connection of each visit.
    watches: Vec<Option<Watch>>,
    /// The router's ends of all connections.
    ends: Vec<Watch>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// A visit whose acts are to be done.
#[derive(Debug)]
pub(crate) struct Guest {
    /// Its number.
    pub(crate) number: usize,
    /// What goes wrong.
    fault: Fault,
    /// What is done.
    pub(crate) acts: Vec<Act>,
}

/// Whether a connection is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    New,
    Kept,
}

impl Internet {
    /// A network to these providers, of which this is asked.
    pub(crate) fn new(seed: u64, providers: Vec<Manners>, wanted: Wanted) -> Self {
        Self(Arc::new(Inner {
            seed,
            began: Instant::now(),
            providers,
            wanted,
            router: Mutex::new(Dice::of(seed, Purpose::Router)),
            log: Mutex::new(Log {
                visits: Vec::new(),
                watches: Vec::new(),
                ends: Vec::new(),
            }),
        }))
    }

    /// How long it has been going on.
    pub(crate) fn now(&self) -> Duration {
        self.since_begin(Instant::now())
    }

    fn since_begin(&self, at: Instant) -> Duration {
        at.duration_since(self.0.began)
    }

    /// How provider `at` behaves.
    pub(crate) fn manners(&self, at: usize) -> &Manners {
        &self.0.providers[at]
    }

    /// The visits that request `ask` led to.
    pub(crate) fn visits(&self, ask: usize) -> Vec<Visit> {
        let log = self.log();
        let seen = log.visits.iter().zip(&log.watches);
        seen.filter(|(visit, _)| visit.ask == ask)
            .map(|(visit, watch)| Visit {
                closed: watch
                    .as_ref()
                    .and_then(Watch::closed)
                    .map(|at| self.since_begin(at)),
                ..visit.clone()
            })
            .collect()
    }

    /// The providers at which anything had gone wrong before the visit of this number.
    pub(crate) fn troubled(&self, before: usize) -> BTreeSet<usize> {
        let log = self.log();
        let so_far = log.visits.iter().take(before);
        let ill = so_far.filter(|visit| !visit.truth.prompt || visit.held);
        ill.map(|visit| visit.provider).collect()
    }

    /// How often request `ask` was written to a provider that did not see it, because it had hung up.
    pub(crate) fn lost(&self, ask: usize) -> usize {
        let ends = &self.log().ends;
        ends.iter().filter(|end| end.lost() == Some(ask)).count()
    }

    /// Notes that visit `number` is being answered, or has been.
    pub(crate) fn note(&self, number: usize, note: impl FnOnce(&mut Visit, Duration)) {
        let now = self.now();
        note(&mut self.log().visits[number], now);
    }

    /// Logs a visit to `provider` that `begun` began, and says what is to be done with it.
    pub(crate) fn visit(&self, provider: usize, begun: Written, connection: Connection) -> Guest {
        let mut log = self.log();
        let number = log.visits.len();
        let nth = log
            .visits
            .iter()
            .filter(|visit| visit.provider == provider)
            .count();
        let mut dice = Dice::of(self.0.seed, Purpose::Visit(provider, nth));
        let fault = match self.manners(provider).fault(&mut dice, self.0.wanted) {
            // Nobody is dialed where a connection was kept.
            Fault::Refuse | Fault::Blackhole if connection == Connection::Kept => Fault::HalfClose,
            fault => fault,
        };
        let task = Task {
            visit: number,
            wanted: self.0.wanted,
            voice: self.manners(provider).voice,
        };
        let plan = plan(fault, task, &mut dice);
        log.visits.push(Visit {
            number,
            ask: begun.ask,
            provider,
            begun: self.since_begin(begun.at),
            kept: connection == Connection::Kept,
            held: self.manners(provider).held.is_some(),
            fault: plan.fault,
            truth: plan.truth,
            asked: None,
            answered: None,
            done: None,
            closed: None,
        });
        log.watches.push(None);
        Guest {
            number,
            fault: plan.fault,
            acts: plan.acts,
        }
    }

    /// Ties the router's end of a connection to a visit.
    pub(crate) fn tie(&self, number: usize, watch: &Watch) {
        self.log().watches[number] = Some(watch.clone());
    }

    fn weather(&self, provider: usize, pipe: usize) -> Weather {
        let manners = self.manners(provider);
        Weather {
            dice: Some(Dice::of(self.0.seed, Purpose::Pipe(pipe))),
            latency: manners.latency,
            held: (manners.held.as_ref()).map(|held| self.0.began + held.start..self.0.began + held.end),
        }
    }

    async fn connect(
        self,
        provider: usize,
        guest: Guest,
    ) -> io::Result<Box<dyn weir_router::surroundings::Carrier>> {
        let mut there = self.weather(provider, 2 * guest.number);
        let mut back = self.weather(provider, 2 * guest.number + 1);
        sleep_until(there.arrival()).await;
        if guest.fault == Fault::Blackhole {
            std::future::pending::<()>().await;
        }
        let answered = back.arrival();
        if guest.fault == Fault::Refuse {
            sleep_until(answered).await;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = connection(there, back);
        let watch = near.watch();
        self.tie(guest.number, &watch);
        self.log().ends.push(watch.clone());
        tokio::spawn(serve(self.clone(), provider, far, watch, guest));
        sleep_until(answered).await;
        Ok(Box::new(near))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap()
    }
}

/// The name of provider `at`.
pub(crate) fn host(at: usize) -> String {
    format!("p{at}.test")
}

impl World for Internet {
    fn dial(&self, host: &str, _: u16) -> Dialing {
        let number = host.strip_prefix('p').and_then(|rest| rest.strip_suffix(".test"));
        let provider = number.unwrap().parse().unwrap();
        let guest = self.visit(provider, Written::now(), Connection::New);
        Box::pin(self.clone().connect(provider, guest))
    }

    fn jitter(&self) -> f64 {
        self.0.router.lock().unwrap().fraction()
    }

    fn request_id(&self) -> u128 {
        self.0.router.lock().unwrap().number()
    }
}
