//! A source that remembers: what the live source reported and the router accepted lies in a folder, and stands in
//! for the API server when a router starts without one. It is there to bridge an outage, so the live source
//! wins part by part, as soon as it has anything.
//!
//! Writing happens behind everything else, on a thread of its own. What is kept holds credentials: no line of a
//! log and no error says what is in a file.

mod desk;
mod document;
mod keeper;
mod merge;
mod store;

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

pub(crate) use self::desk::{Desk, Standing, Written};
use self::keeper::Pace;
use self::merge::Merge;
use self::store::{Kept, Store, Unusable};
use super::{CacheUse, Reporter, Update, Updates, channel};

/// How long the live source has before what was kept is served. A healthy API server lists everything in a
/// fraction of a second; one that is busy deserves a chance, because what it says is never out of date. A pod
/// that waits so long is not missed: it was not ready before either.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where things are kept, and for how long.
#[derive(Debug, Clone)]
pub struct Cache {
    /// A folder for this router alone; made if it is not there.
    pub dir: PathBuf,
    /// How long a router may have been away. A running router serves what it has for as long as the API server
    /// is away, and a restart does not change that; what lay about for longer than this is not served.
    pub max_age: Duration,
}

/// What `live` reports, and what `cache` holds while it reports nothing. Fails if the system gives no thread.
pub fn cached(live: Updates, cache: Cache) -> io::Result<Updates> {
    let (reporter, mut updates) = channel();
    let store = Arc::new(Store::new(cache.dir, live.of.clone(), cache.max_age));
    updates.desk = Some(keeper::start(
        store.clone(),
        reporter.downgrade(),
        Pace::default(),
    )?);
    tokio::spawn(relay(live, store, reporter));
    Ok(updates)
}

/// Passes on what is reported for as long as somebody reads it.
async fn relay(mut live: Updates, store: Arc<Store>, reporter: Reporter) {
    let mut merge = Merge::default();
    let mut kept = pin!(after_patience(store.clone()));
    let mut waits = true;
    loop {
        let updates = tokio::select! {
            update = live.seen.recv() => match update {
                Some(update) => pass(&mut merge, update),
                None => return,
            },
            read = &mut kept, if waits => {
                waits = false;
                stand_in(&mut merge, &store, read)
            }
        };
        waits &= !merge.is_complete();
        for update in updates {
            if reporter.send(update).await.is_err() {
                return;
            }
        }
    }
}

/// What was kept, once the live source has had its time.
async fn after_patience(store: Arc<Store>) -> Result<Option<Kept>, Unusable> {
    sleep(PATIENCE).await;
    let read = tokio::task::spawn_blocking(move || store.read()).await;
    read.unwrap_or(Err(Unusable::Unread))
}

fn pass(merge: &mut Merge, update: Update) -> Vec<Update> {
    let was_stale = merge.is_stale();
    let updates = merge.pass(update);
    if was_stale && !merge.is_stale() {
        tracing::info!("the API server has listed everything; nothing that was kept is served any more");
    }
    updates
}

/// What to report when the live source takes too long, and this is what was kept.
fn stand_in(merge: &mut Merge, store: &Store, read: Result<Option<Kept>, Unusable>) -> Vec<Update> {
    let after = PATIENCE;
    match read {
        Ok(Some(kept)) => {
            let (tables, kept_at) = (kept.tables.len(), kept.at);
            tracing::warn!(
                ?after,
                tables,
                kept_at,
                "the API server has not listed everything in time; what was kept is served until it has"
            );
            store.adopt(kept.entries.clone());
            merge.fill(kept)
        }
        Ok(None) => {
            tracing::warn!(
                ?after,
                "the API server has not listed everything in time, and nothing was kept; the router waits"
            );
            Vec::new()
        }
        Err(why) => {
            tracing::warn!(?after, %why, "the API server has not listed everything in time, and what was kept can't be used; the router waits");
            vec![Update::CacheFailed(CacheUse::Read)]
        }
    }
}

#[cfg(test)]
mod tests;
