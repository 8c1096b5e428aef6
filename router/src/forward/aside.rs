//! Work that would hold up the thread that it comes on: all other requests of that worker would wait for it.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// What so many bytes take is a few milliseconds at most, and is done where they are.
const LONG: usize = 1024 * 1024;

/// How much of it is done at once. What has begun goes on when nobody waits for it any more, so that without a bound
/// callers who give up would leave ever more behind.
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, usize::from)));

/// Does `work` on so many bytes: elsewhere, if they are many, and when it is its turn.
pub(super) async fn aside<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes <= LONG {
        return work();
    }
    // Nobody closes it.
    let turn = TURNS.acquire().await.ok();
    let done = spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    match done.await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panicked)) => resume_unwind(panicked),
        // The router ends, and who waits for this is about to be dropped.
        Err(Err(_cancelled)) => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{LONG, aside};

    #[tokio::test]
    async fn only_what_takes_long_is_done_elsewhere() {
        let here = thread::current().id();
        let at = |bytes| aside(bytes, || thread::current().id());
        assert_eq!(at(LONG).await, here);
        assert_ne!(at(LONG + 1).await, here);
    }
}
