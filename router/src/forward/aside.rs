//! Work that would hold up the thread that it comes on: all other requests of that worker would wait for it.

use std::future::pending;
use std::panic::resume_unwind;

use tokio::task::spawn_blocking;

/// What so many bytes take is a few milliseconds at most, and is done where they are.
const LONG: usize = 1024 * 1024;

/// Does `work` on so many bytes: elsewhere, if they are many.
pub(super) async fn aside<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes <= LONG {
        return work();
    }
    match spawn_blocking(work)
        .await
        .map_err(tokio::task::JoinError::try_into_panic)
    {
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
