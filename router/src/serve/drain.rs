//! The end of a router, in two steps: first it says that it takes no more, then connections close as soon
//! as their requests have been answered.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

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

    /// Closes connections as soon as nobody loses anything by it.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.close.notify_waiters();
    }

    /// Whether connections are to close.
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Ends when connections are to close.
    pub(crate) async fn closing(&self) {
        let notified = self.close.notified();
        if !self.is_closing() {
            notified.await;
        }
    }

    /// A look-out for that moment.
    pub(crate) fn look_out(&self) -> LookOut<'_> {
        LookOut {
            drain: self,
            notified: Box::pin(self.close.notified()),
            is_registered: false,
        }
    }
}

/// Looks out, on behalf of one connection, for the moment when connections are to close.
#[derive(Debug)]
pub(crate) struct LookOut<'a> {
    drain: &'a Drain,
    notified: Pin<Box<Notified<'a>>>,
    is_registered: bool,
}

impl LookOut<'_> {
    /// Whether it has come. If not, the task is woken when it does.
    pub(crate) fn has_come(&mut self, cx: &mut Context<'_>) -> bool {
        // Registered once, because the waker is the task's own and stays the same; from then on a load tells
        // whether it was for this that the task was woken.
        if !self.is_registered {
            let _not_yet = self.notified.as_mut().poll(cx);
            self.is_registered = true;
        }
        self.drain.is_closing()
    }
}
