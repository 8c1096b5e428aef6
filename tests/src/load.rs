//! Load on routers, with every answer looked at: what failed, what was cut, who answered, and when.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use crate::{
    client::{Answer, Client, Shape},
    fake_provider::answer::content,
};

/// How many requests may be under way at once at a constant rate; more means that the machine can't keep up.
const MAX_UNDER_WAY: usize = 2000;

/// What to send, and how fast.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// The routers, asked in turn.
    pub routers: Vec<SocketAddr>,
    /// The body's `model`, such as `policy/x`.
    pub model: String,
    /// How many trace ids take turns.
    pub keys: u64,
    /// How many words a whole answer has.
    pub words: usize,
    /// The shapes, taken in turn.
    pub shapes: Vec<Shape>,
    /// How fast.
    pub pace: Pace,
    /// The caller's key, if it has one.
    pub bearer: Option<String>,
}

/// How fast requests are sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Pace {
    /// So many each second, whether or not earlier ones have been answered.
    PerSecond(u32),
    /// So many at a time, each as soon as the one before it is answered.
    Workers(usize),
}

/// One good answer.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The trace id.
    pub key: String,
    /// Which of [`Load::routers`] answered.
    pub router: usize,
    /// In which shape.
    pub shape: Shape,
    /// When it was sent.
    pub began: Instant,
    /// How long the whole answer took.
    pub latency: Duration,
    /// `x-weir-model`.
    pub model: String,
    /// `x-weir-path`.
    pub path: String,
    /// `x-weir-table`.
    pub table: String,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Report {
    /// Every good answer, in the order in which they ended.
    pub observations: Vec<Observation>,
    /// Every other one, counted by what was wrong.
    pub failures: BTreeMap<String, u64>,
}

/// What came of a load, in numbers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary {
    /// How many answers were good.
    pub good: usize,
    /// Every other one, counted by what was wrong.
    pub failures: BTreeMap<String, u64>,
}

/// A load under way.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    stop: watch::Sender<()>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    load: Load,
    client: Client,
    sent: AtomicU64,
    report: Mutex<Report>,
}

impl Load {
    /// Plain and streamed chats in turn on `routers`.
    pub fn chats(routers: Vec<SocketAddr>, model: &str, pace: Pace) -> Self {
        let shapes = vec![Shape::Plain, Shape::Streamed];
        Self {
            routers,
            model: model.to_owned(),
            keys: 1000,
            words: 8,
            shapes,
            pace,
            bearer: None,
        }
    }

    /// Starts sending, until [`Running::stop`].
    pub fn start(self) -> Running {
        let pace = self.pace;
        let client = self
            .bearer
            .as_deref()
            .and_then(|key| Client::holding(key).ok())
            .unwrap_or_default();
        let (stop, stopped) = watch::channel(());
        let sent = AtomicU64::new(0);
        let shared = Arc::new(Shared {
            load: self,
            client,
            sent,
            report: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        match pace {
            Pace::PerSecond(rate) => drop(tasks.spawn(Arc::clone(&shared).at_a_rate(rate, stopped))),
            Pace::Workers(count) => {
                for _ in 0..count {
                    tasks.spawn(Arc::clone(&shared).one_by_one(stopped.clone()));
                }
            }
        }
        Running { shared, stop, tasks }
    }

    /// Sends for so long, and reports.
    pub async fn run_for(self, duration: Duration) -> Report {
        let running = self.start();
        tokio::time::sleep(duration).await;
        running.stop().await
    }
}

impl Running {
    /// Sends nothing more, waits for what is under way, and reports all of it.
    pub async fn stop(self) -> Report {
        drop(self.stop);
        self.tasks.join_all().await;
        std::mem::take(&mut *self.shared.report())
    }

    /// How many good answers there are so far.
    pub fn count(&self) -> usize {
        self.shared.report().observations.len()
    }

    /// A copy of the good answers from number `from` on, while the load goes on.
    pub fn observations(&self, from: usize) -> Vec<Observation> {
        self.shared
            .report()
            .observations
            .get(from..)
            .unwrap_or_default()
            .to_vec()
    }
}

impl Shared {
    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn one_by_one(self: Arc<Self>, mut stopped: watch::Receiver<()>) {
        while !is_over(&mut stopped) {
            self.request().await;
        }
    }

    async fn at_a_rate(self: Arc<Self>, rate: u32, mut stopped: watch::Receiver<()>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut under_way = JoinSet::new();
        while !is_over(&mut stopped) {
            ticks.tick().await;
            while under_way.try_join_next().is_some() {}
            if under_way.len() >= MAX_UNDER_WAY {
                self.fail(String::from("not sent: too many under way"));
                continue;
            }
            let shared = Arc::clone(&self);
            under_way.spawn(async move { shared.request().await });
        }
        under_way.join_all().await;
    }

    async fn request(&self) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let load = &self.load;
        let router = pick(number, load.routers.len());
        // A key meets every router and every shape, because it changes only after all of them had their turn.
        let turns = (load.routers.len() * load.shapes.len()) as u64;
        let shape = load.shapes[pick(number / load.routers.len() as u64, load.shapes.len())];
        let key = key(number / turns % load.keys);
        let began = Instant::now();
        let answer = self
            .client
            .chat(load.routers[router], &load.model, &key, shape)
            .await;
        match answer.and_then(|answer| checked(answer, shape, load.words)) {
            Ok(answer) => self.succeed(observation((key, router, shape), began, &answer)),
            Err(error) => self.fail(format!("{shape:?}: {error:#}")),
        }
    }

    fn succeed(&self, observation: Observation) {
        self.report().observations.push(observation);
    }

    fn fail(&self, reason: String) {
        *self.report().failures.entry(reason).or_default() += 1;
    }
}

/// The trace id with this number.
pub fn key(number: u64) -> String {
    format!("user-{number}")
}

fn pick(number: u64, count: usize) -> usize {
    usize::try_from(number % count as u64).unwrap_or_default()
}

fn is_over(stopped: &mut watch::Receiver<()>) -> bool {
    stopped.has_changed().is_err()
}

fn checked(answer: Answer, shape: Shape, words: usize) -> Result<Answer> {
    let seen = answer.content(shape)?;
    ensure!(seen == content(words), "other content than was sent: {seen:?}");
    Ok(answer)
}

fn observation((key, router, shape): (String, usize, Shape), began: Instant, answer: &Answer) -> Observation {
    let header = |name: &str| answer.header(name).to_owned();
    let (model, path, table) = (
        header("x-weir-model"),
        header("x-weir-path"),
        header("x-weir-table"),
    );
    Observation {
        key,
        router,
        shape,
        began,
        latency: began.elapsed(),
        model,
        path,
        table,
    }
}

impl Report {
    /// Fails unless every request was answered well and whole, and there were at least `least`.
    pub fn all_good(&self, least: usize) -> Result<()> {
        self.summary().all_good(least)
    }

    /// The same without what was seen of each.
    pub fn summary(&self) -> Summary {
        Summary {
            good: self.observations.len(),
            failures: self.failures.clone(),
        }
    }

    /// How many requests were sent.
    pub fn total(&self) -> u64 {
        self.observations.len() as u64 + self.failed()
    }

    /// How many of them failed.
    pub fn failed(&self) -> u64 {
        self.summary().failed()
    }
}

impl Summary {
    /// How many requests failed, or were answered in part.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Fails unless every request was answered well and whole, and there were at least `least`.
    pub fn all_good(&self, least: usize) -> Result<()> {
        ensure!(
            self.failed() == 0,
            "{} failed, {} did not: {:#?}",
            self.failed(),
            self.good,
            self.failures
        );
        ensure!(self.good >= least, "only {} requests were sent", self.good);
        Ok(())
    }
}

/// The value that so many of 1,000 do not exceed; zero of none.
pub fn quantile(values: &[Duration], per_mille: usize) -> Duration {
    let mut values = values.to_vec();
    values.sort_unstable();
    let rank = (values.len() * per_mille).div_ceil(1000).max(1);
    values.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::quantile;

    #[test]
    fn the_median_of_an_odd_number_is_the_one_in_the_middle() {
        let values = [3, 1, 2].map(Duration::from_secs).to_vec();
        assert_eq!(quantile(&values, 500), Duration::from_secs(2));
        assert_eq!(quantile(&values, 1000), Duration::from_secs(3));
    }
}
