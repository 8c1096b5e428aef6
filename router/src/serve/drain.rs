//! The end of a router, in two steps: first it says that it takes no more, then connections close as soon
//! as their requests have been answered.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// How far the end has come.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    announced: AtomicBool,
    closing: AtomicBool,
    close: Notify,
}

impl Drain {
    /// Says that the router is about to end: it is no longer ready, and answers ask callers to reconnect.
    pub(crate) fn announce(&self) {
        self.announced.store(true, Ordering::Release);
    }

    /// Whether the end has been announced.
    pub(crate) fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Acquire)
    }

    /// Closes every connection that has no request, and the others after theirs.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.close.notify_waiters();
    }

    /// Whether connections are to close.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Ends when connections are to close.
    pub(crate) async fn closing(&self) {
        let notified = self.close.notified();
        if !self.is_closing() {
            notified.await;
        }
    }
}
