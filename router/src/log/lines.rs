//! Gathers log lines for a moment and writes them together. Each thread gathers its own, so that no request waits for
//! another's line: lines of one thread stay in their order, and those of two may change places within that moment.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use crate::worker::Apart;

/// How long a line may wait for others.
const GATHER: Duration = Duration::from_millis(100);

/// So much of one thread is written without waiting any longer.
const ENOUGH: usize = 64 * 1024;

/// The lines of this process that have not been written.
#[derive(Debug)]
pub(super) struct Lines {
    gathered: Gathered,
    /// `None` inside where there was no thread to be had: then nothing waits.
    writer: OnceLock<Option<Thread>>,
}

static LINES: Lines = Lines {
    gathered: Gathered(Mutex::new(Vec::new())),
    writer: OnceLock::new(),
};

thread_local! {
    static OWN: Arc<Own> = LINES.gathered.join();
}

/// The lines of every thread that has any.
#[derive(Debug, Default)]
struct Gathered(Mutex<Vec<Arc<Own>>>);

/// The lines of one thread. Nobody else locks it but whoever writes, for as long as it takes to take them.
type Own = Apart<Mutex<Vec<u8>>>;

impl Gathered {
    /// A place for the lines of one more thread.
    fn join(&self) -> Arc<Own> {
        let own = Arc::<Own>::default();
        lock(&self.0).push(own.clone());
        own
    }

    /// Hands all that was gathered to `write`, which nobody else is meanwhile in, and forgets threads that have ended.
    fn take(&self, write: impl FnOnce(Vec<u8>)) {
        let mut all = lock(&self.0);
        let mut lines = Vec::new();
        all.retain(|own| {
            let is_left = Arc::strong_count(own) > 1;
            let more = std::mem::take(&mut *lock(own));
            if lines.is_empty() {
                lines = more;
            } else {
                lines.extend(more);
            }
            is_left
        });
        write(lines);
    }
}

impl Lines {
    /// The lines of this process.
    pub(super) fn get() -> &'static Self {
        &LINES
    }

    /// Writes what has been gathered.
    pub(super) fn write_out(&self) {
        // There is nowhere left to say that this failed.
        self.gathered.take(|lines| drop(io::stderr().write_all(&lines)));
    }

    /// Takes a line that is written soon, together with others.
    pub(super) fn gather(&'static self, line: &[u8]) {
        // A thread at its very end gathers nothing any more.
        let gathered = OWN.try_with(|own| add(own, line)).unwrap_or(Added::Last);
        match gathered {
            Added::More => {}
            Added::First => match self.writer() {
                Some(writer) => writer.unpark(),
                None => self.write_out(),
            },
            Added::Enough => self.write_out(),
            Added::Last => drop(io::stderr().write_all(line)),
        }
    }

    /// The thread that writes: it sleeps until there is a first line, and a moment longer.
    fn writer(&'static self) -> Option<&'static Thread> {
        let run = move || {
            loop {
                thread::park();
                let until = Instant::now() + GATHER;
                // The next thread's first line ends no wait.
                while let Some(left) = until.checked_duration_since(Instant::now()) {
                    thread::park_timeout(left);
                }
                self.write_out();
            }
        };
        let start = || {
            let started = thread::Builder::new().name("weir-log".to_owned()).spawn(run);
            started.ok().map(|handle| handle.thread().clone())
        };
        self.writer.get_or_init(start).as_ref()
    }
}

/// What has become of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    /// It is the first of its thread.
    First,
    /// It is one of several.
    More,
    /// There are enough of them now.
    Enough,
    /// It has no place any more.
    Last,
}

fn add(own: &Own, line: &[u8]) -> Added {
    let mut gathered = lock(own);
    let first = gathered.is_empty();
    gathered.extend_from_slice(line);
    match gathered.len() {
        length if length > ENOUGH => Added::Enough,
        _ if first => Added::First,
        _ => Added::More,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one line, which is written at once, after what came before it.
#[derive(Debug)]
pub(super) struct AtOnce;

impl Write for AtOnce {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        Lines::get().gather(line);
        Lines::get().write_out();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for &'static Lines {
    type Writer = AtOnce;

    fn make_writer(&self) -> AtOnce {
        AtOnce
    }
}

#[cfg(test)]
mod tests {
    use super::{Added, ENOUGH, Gathered, add, lock};

    #[test]
    fn nothing_is_lost_of_threads_that_have_ended_and_they_are_forgotten() {
        let gathered = Gathered::default();
        let lives_on = gathered.join();
        assert_eq!(add(&lives_on, b"a\n"), Added::First);
        let ends = gathered.join();
        assert_eq!(
            (add(&ends, b"b\n"), add(&ends, b"c\n")),
            (Added::First, Added::More)
        );
        drop(ends);
        gathered.take(|lines| assert_eq!(lines, b"a\nb\nc\n"));
        assert_eq!(lock(&gathered.0).len(), 1);
        assert_eq!(add(&lives_on, b"d\n"), Added::First);
        gathered.take(|lines| assert_eq!(lines, b"d\n"));
    }

    #[test]
    fn many_lines_do_not_wait() {
        let own = Gathered::default().join();
        assert_eq!(add(&own, &vec![b'x'; ENOUGH]), Added::First);
        assert_eq!(add(&own, b"x"), Added::Enough);
    }
}
