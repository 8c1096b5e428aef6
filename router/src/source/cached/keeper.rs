//! The thread that writes: whatever lies on the desk becomes pages and an index. It is never waited for.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::WeakSender;
use weir_table::Scope;

use super::desk::{Desk, Found, Standing, Standings, Tray, desk};
use super::document::{Entry, page};
use super::store::Store;
use crate::source::{CacheUse, Update};

/// When the thread does what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often it is said that the router runs, where nothing else is written.
    pub(super) sign_of_life: Duration,
    /// The pause after each writing, in which changes gather.
    pub(super) pause: Duration,
    /// The pause after one that failed.
    pub(super) retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sign_of_life: Duration::from_secs(30),
            pause: Duration::from_secs(1),
            retry: Duration::from_secs(10),
        }
    }
}

/// Starts the thread. It ends with the desk that it gives.
pub(super) fn start(store: Arc<Store>, reporter: WeakSender<Update>, pace: Pace) -> io::Result<Desk> {
    let (desk, tray) = desk();
    let keeper = Keeper {
        store,
        tray,
        reporter,
        pace,
        failing: false,
    };
    thread::Builder::new()
        .name("weir-cache".to_owned())
        .spawn(move || keeper.run())?;
    Ok(desk)
}

struct Keeper {
    store: Arc<Store>,
    tray: Tray,
    /// Weak, because who holds a strong one keeps the other end waiting.
    reporter: WeakSender<Update>,
    pace: Pace,
    failing: bool,
}

impl Keeper {
    fn run(mut self) {
        loop {
            let pause = match self.tray.take(self.pace.sign_of_life) {
                Found::News(standings) => self.keep(&standings),
                Found::Nothing => self.sign(),
                Found::End => return,
            };
            // What came last is written before the end, if it can be.
            if self.tray.ends_within(pause) && self.failing {
                return;
            }
        }
    }

    fn keep(&mut self, standings: &Standings) -> Duration {
        let written = self.write(standings);
        self.told(written)
    }

    fn sign(&mut self) -> Duration {
        let touched = self.store.touch();
        self.told(touched)
    }

    /// Writes what changed.
    fn write(&self, standings: &Standings) -> io::Result<()> {
        let mut entries = self.store.entries();
        for (scope, standing) in standings {
            let before = entries.remove(scope);
            if let Some(entry) = self.entry(scope, standing, before)? {
                entries.insert(scope.clone(), entry);
            }
        }
        self.store.write_index(entries)
    }

    fn entry(&self, scope: &Scope, standing: &Standing, before: Option<Entry>) -> io::Result<Option<Entry>> {
        let (served, waited) = match standing {
            Standing::Serves { table, credentials } => {
                (Some(self.store.write_page(&page(table, credentials)?)?), None)
            }
            Standing::Waits(table) => {
                let waited = self.store.write_page(&page(table, &BTreeMap::new())?)?;
                (before.and_then(|before| before.served), Some(waited))
            }
            Standing::Gone => return Ok(None),
        };
        Ok(Some(Entry {
            scope: scope.clone(),
            served,
            waited,
        }))
    }

    /// Says how writing went, where that is news; how long to pause. What could not be written is not kept here:
    /// whoever hears of the failure lays everything down again.
    fn told(&mut self, outcome: io::Result<()>) -> Duration {
        let failed = outcome.is_err();
        match outcome {
            Err(error) => {
                self.store.invalidate();
                if !self.failing {
                    tracing::warn!(%error, "can't write to --cache-dir; a router that restarts while the API server is away will not be ready");
                }
                // A router that has ended counts no more.
                if let Some(reporter) = self.reporter.upgrade() {
                    drop(reporter.blocking_send(Update::CacheFailed(CacheUse::Write)));
                }
            }
            Ok(()) if self.failing => tracing::info!("can write to --cache-dir again"),
            Ok(()) => {}
        }
        self.failing = failed;
        if failed { self.pace.retry } else { self.pace.pause }
    }
}
