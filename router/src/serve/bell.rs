//! Wake-ups that a task gives itself. hyper wakes the task of a connection whenever one half of it has something for
//! the other, although both are being polled at that very moment; each time the task would be scheduled once more, to
//! find that nothing is left to do. A bell notes such wake-ups instead, and whoever polls looks again before it waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Release, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// How often is looked again at once. What rings on is let wait for its turn, as others do.
const AGAIN: u32 = 2;

/// The bell of one task.
#[derive(Debug)]
pub(super) struct Bell {
    ringer: Arc<Ringer>,
    /// The same as a waker.
    waker: Waker,
}

#[derive(Debug)]
struct Ringer {
    task: Waker,
    /// Whether the task is polling.
    listened_to: AtomicBool,
    /// Whether it was rung since somebody last looked.
    rung: AtomicBool,
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order, and the other way round where it is listened to: one of both sees the other.
        self.rung.store(true, SeqCst);
        if !self.listened_to.load(SeqCst) {
            self.task.wake_by_ref();
        }
    }
}

impl Bell {
    /// The bell of the task that `task` wakes.
    pub(super) fn of(task: &Waker) -> Self {
        let ringer = Arc::new(Ringer {
            task: task.clone(),
            listened_to: AtomicBool::new(false),
            rung: AtomicBool::new(false),
        });
        Self {
            waker: Waker::from(ringer.clone()),
            ringer,
        }
    }

    /// Makes `kept` the bell of the task of `cx`, if it is not already.
    pub(super) fn for_task<'b>(kept: &'b mut Option<Self>, cx: &Context<'_>) -> &'b Self {
        if kept
            .as_ref()
            .is_some_and(|bell| !bell.ringer.task.will_wake(cx.waker()))
        {
            *kept = None;
        }
        kept.get_or_insert_with(|| Self::of(cx.waker()))
    }

    /// Polls `poll` until it is ready, or nothing rings any more while it is not.
    pub(super) fn listen<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let mut cx = Context::from_waker(&self.waker);
        for _ in 0..=AGAIN {
            // What rang before is seen by the poll that follows.
            self.ringer.rung.swap(false, SeqCst);
            self.ringer.listened_to.store(true, Release);
            let polled = poll(&mut cx);
            self.ringer.listened_to.store(false, SeqCst);
            if polled.is_ready() || !self.ringer.rung.load(SeqCst) {
                return polled;
            }
        }
        self.ringer.task.wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::task::{Poll, Wake, Waker};

    use super::{AGAIN, Bell};

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicU32);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn bell() -> (Arc<Task>, Bell) {
        let task = Arc::new(Task::default());
        let bell = Bell::of(&Waker::from(task.clone()));
        (task, bell)
    }

    #[test]
    fn who_wakes_itself_is_polled_again_and_not_woken() {
        let (task, bell) = bell();
        let mut polls = 0;
        let polled = bell.listen(|cx| {
            polls += 1;
            if polls == 1 {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert_eq!((polled, polls, task.0.load(SeqCst)), (Poll::Pending, 2, 0));
    }

    #[test]
    fn a_wake_up_while_nobody_listens_is_passed_on() {
        let (task, bell) = bell();
        let mut kept = None;
        let _pending: Poll<()> = bell.listen(|cx| {
            kept = Some(cx.waker().clone());
            Poll::Pending
        });
        kept.unwrap().wake();
        assert_eq!(task.0.load(SeqCst), 1);
    }

    #[test]
    fn what_rings_for_ever_is_left_to_the_scheduler() {
        let (task, bell) = bell();
        let mut polls = 0;
        let polled: Poll<()> = bell.listen(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!(
            (polled, polls, task.0.load(SeqCst)),
            (Poll::Pending, AGAIN + 1, 1)
        );
    }
}
