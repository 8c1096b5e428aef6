//! One circuit: closed while its target answers, open while it does not, and then let through by one request
//! at a time until one is answered.
//!
//! What was asked before the last change says nothing about what came after it, so that a slow failure from
//! before a recovery does not undo it, nor a slow success from before an outage.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use weir_table::FailureClass;

use super::{Opened, Scope, Standing};
use crate::worker::{Apart, Each};

/// So many failures in a row open it.
const IN_A_ROW: u32 = 5;

/// So many attempts within [`WINDOW`] must there be for their share of failures to count.
const ENOUGH: u32 = 20;

/// The time in which attempts are counted, in milliseconds.
const WINDOW: u64 = 10_000;

/// How long after it opened the first request is let through.
const FIRST: Duration = Duration::from_secs(5);

/// How long after one request was let through the next is; also the longest that a provider's own word for
/// its recovery keeps it open.
const NEXT: Duration = Duration::from_secs(15);

/// How long a rate limit without such a word keeps it open.
const UNTOLD: Duration = Duration::from_secs(1);

/// What a circuit is about, for logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The namespace of its table; empty for the cluster's.
    pub(crate) namespace: String,
    /// The provider.
    pub(crate) provider: String,
    /// The provider's region, if it has one.
    pub(crate) region: Option<String>,
    /// What the provider calls the model; `None` for a credential's circuit.
    pub(crate) model: Option<String>,
}

/// One circuit. All times are milliseconds since `base`.
#[derive(Debug)]
pub(crate) struct Circuit {
    name: Name,
    base: Instant,
    /// When the next request is let through; 0 while it is closed.
    next: AtomicU64,
    /// When it last opened or closed.
    changed: AtomicU64,
    /// Failures in a row.
    row: AtomicU32,
    /// The failures of the present window: see [`Recent`].
    failures: AtomicU64,
    /// Its answers, which each worker counts for itself, because there are as many as requests.
    answers: Each<OnceLock<Box<Apart<AtomicU64>>>>,
}

impl Circuit {
    /// A closed circuit, whose clock begins at `base`, for so many workers.
    pub(super) fn new(name: Name, base: Instant, workers: usize) -> Self {
        Self {
            name,
            base,
            next: AtomicU64::new(0),
            changed: AtomicU64::new(0),
            row: AtomicU32::new(0),
            failures: AtomicU64::new(0),
            answers: Each::new(workers, |_| OnceLock::new()),
        }
    }

    /// What it is about.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        self.next.load(Relaxed) != 0
    }

    /// Whether its target should be asked at `now`.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let now = self.millis(now);
        match self.next.load(Relaxed) {
            0 => Standing::Well,
            next if next <= now => Standing::Due,
            next => Standing::Open(Opened {
                scope: self.scope(),
                left: Duration::from_millis(next - now),
            }),
        }
    }

    /// Takes the turn of the one request that may ask; `false` if another was quicker. A closed circuit lets
    /// everybody through.
    pub(super) fn claim(&self, now: Instant) -> bool {
        let next = self.next.load(Relaxed);
        let turn = self.millis(now + NEXT);
        next == 0
            || (next <= self.millis(now) && self.next.compare_exchange(next, turn, Relaxed, Relaxed).is_ok())
    }

    /// What was asked at `asked` was answered by `now`.
    pub(super) fn answered(&self, asked: Instant, now: Instant) {
        if !self.is_open() {
            if self.row.load(Relaxed) != 0 {
                self.row.store(0, Relaxed);
            }
            // A credential's is never opened by their share.
            if self.name.model.is_some() {
                count(self.answers.own().get_or_init(Box::default), self.window(now));
            }
        } else if self.is_news(asked) {
            self.close(now);
        }
    }

    /// What was asked at `asked` failed at `now`.
    pub(super) fn failed(&self, asked: Instant, class: FailureClass, now: Instant) {
        if self.is_open() || !self.is_news(asked) {
            return;
        }
        let row = self.row.fetch_add(1, Relaxed).saturating_add(1);
        let failures = count(&self.failures, self.window(now));
        if row >= IN_A_ROW || self.is_bad(failures, now) {
            self.open(class, FIRST, now);
        }
    }

    /// The provider asked to slow down, perhaps for so long.
    pub(super) fn limited(&self, asked: Instant, told: Option<Duration>, now: Instant) {
        if !self.is_news(asked) {
            return;
        }
        let pause = told.map_or(UNTOLD, |told| told.min(NEXT));
        if !self.open(FailureClass::RateLimited, pause, now) {
            // Open already: what it says now counts.
            self.next.store(self.millis(now + pause).max(1), Relaxed);
        }
    }

    /// The credential was refused, or has nothing left.
    pub(super) fn refused(&self, asked: Instant, class: FailureClass, now: Instant) {
        if self.is_news(asked) {
            self.open(class, FIRST, now);
        }
    }

    /// Opens it, and says whether it was closed.
    fn open(&self, class: FailureClass, pause: Duration, now: Instant) -> bool {
        let next = self.millis(now + pause).max(1);
        if self.next.compare_exchange(0, next, Relaxed, Relaxed).is_err() {
            return false;
        }
        self.changed.store(self.millis(now), Relaxed);
        self.row.store(0, Relaxed);
        self.log("a circuit opened", class.as_str());
        true
    }

    fn close(&self, now: Instant) {
        if self.next.swap(0, Relaxed) != 0 {
            self.changed.store(self.millis(now), Relaxed);
            self.row.store(0, Relaxed);
            self.failures.store(0, Relaxed);
            self.counted().for_each(|answers| answers.store(0, Relaxed));
            self.log("a circuit closed", "ok");
        }
    }

    fn log(&self, what: &str, outcome: &str) {
        let Name {
            namespace,
            provider,
            region,
            model,
        } = &self.name;
        tracing::info!(namespace, provider, region, model, outcome, "{what}");
    }

    fn scope(&self) -> Scope {
        match self.name.model {
            Some(_) => Scope::Model,
            None => Scope::Credential,
        }
    }

    /// Whether what was asked at `asked` was asked after the last change.
    fn is_news(&self, asked: Instant) -> bool {
        self.millis(asked) >= self.changed.load(Relaxed)
    }

    /// Whether at least half of enough attempts were these failures.
    fn is_bad(&self, failures: u32, now: Instant) -> bool {
        let window = self.window(now);
        let within = |answers: &AtomicU64| Recent::unpacked(answers.load(Relaxed)).within(window);
        let attempts = self.counted().map(within).fold(failures, u32::saturating_add);
        attempts >= ENOUGH && failures >= attempts.div_ceil(2)
    }

    /// What workers have counted of answers.
    fn counted(&self) -> impl Iterator<Item = &AtomicU64> {
        let counted = self.answers.all().iter().filter_map(OnceLock::get);
        counted.map(|answers| &***answers)
    }

    fn window(&self, now: Instant) -> u32 {
        let windows = self.millis(now) / WINDOW;
        u32::try_from(windows % u64::from(u32::MAX)).unwrap_or_default()
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.base).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

/// What was counted in one window, in one word so that both are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Recent {
    window: u32,
    count: u32,
}

impl Recent {
    fn unpacked(packed: u64) -> Self {
        let [w0, w1, w2, w3, c0, c1, c2, c3] = packed.to_be_bytes();
        Self {
            window: u32::from_be_bytes([w0, w1, w2, w3]),
            count: u32::from_be_bytes([c0, c1, c2, c3]),
        }
    }

    fn packed(self) -> u64 {
        u64::from(self.window) << 32 | u64::from(self.count)
    }

    /// What was counted in `window`: nothing if another one was counted last.
    fn within(self, window: u32) -> u32 {
        if self.window == window { self.count } else { 0 }
    }
}

/// Counts one more in `window`, and says how many that makes.
fn count(cell: &AtomicU64, window: u32) -> u32 {
    let next = |packed| Recent {
        window,
        count: Recent::unpacked(packed).within(window).saturating_add(1),
    };
    let before = cell.fetch_update(Relaxed, Relaxed, |packed| Some(next(packed).packed()));
    next(before.unwrap_or_default()).count
}
