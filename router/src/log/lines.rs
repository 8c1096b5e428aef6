//! Gathers log lines for a moment and writes them together.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait for others.
const GATHER: Duration = Duration::from_millis(100);

/// So much is written without waiting any longer.
const ENOUGH: usize = 64 * 1024;

/// The lines of this process that have not been written.
#[derive(Debug)]
pub(super) struct Lines {
    gathered: Mutex<Vec<u8>>,
    writer: Mutex<Option<Thread>>,
    started: Once,
}

static LINES: Lines = Lines {
    gathered: Mutex::new(Vec::new()),
    writer: Mutex::new(None),
    started: Once::new(),
};

impl Lines {
    /// The lines of this process.
    pub(super) fn get() -> &'static Self {
        &LINES
    }

    /// Writes what has been gathered.
    pub(super) fn write_out(&self) {
        let lines = std::mem::take(&mut *self.gathered());
        // There is nowhere left to say that this failed.
        let _written = io::stderr().write_all(&lines);
    }

    /// Takes a line that is written soon, together with others.
    pub(super) fn gather(&'static self, line: &[u8]) {
        self.started.call_once(|| self.start());
        let mut gathered = self.gathered();
        let first = gathered.is_empty();
        gathered.extend_from_slice(line);
        let enough = gathered.len() > ENOUGH;
        drop(gathered);
        if enough {
            self.write_out();
        } else if first && let Some(writer) = &*lock(&self.writer) {
            writer.unpark();
        }
    }

    /// The thread that writes: it sleeps until there is a first line, and a moment longer.
    fn start(&'static self) {
        let run = move || {
            loop {
                thread::park();
                thread::park_timeout(GATHER);
                self.write_out();
            }
        };
        let started = thread::Builder::new().name("weir-log".to_owned()).spawn(run);
        *lock(&self.writer) = started.ok().map(|handle| handle.thread().clone());
    }

    fn gathered(&self) -> MutexGuard<'_, Vec<u8>> {
        lock(&self.gathered)
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
