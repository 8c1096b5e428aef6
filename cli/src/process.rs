//! What every serving command needs of the process: a runtime, its end, and words for a port that is taken.

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use weir_router::RunError;

use crate::error::Error;

/// The exit code of a process that an interrupt ended, as shells count: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Runs `task` to its end on a runtime of its own.
pub(crate) fn block_on<T>(task: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Failed(format!("cannot start the runtime: {error}")))?;
    Ok(runtime.block_on(task))
}

/// Ends at the first SIGTERM or SIGINT; what runs is then drained. A second one ends the process at once.
pub(crate) async fn told_to_end() {
    one_signal().await;
    tokio::spawn(async {
        one_signal().await;
        std::process::exit(INTERRUPTED);
    });
}

/// A process that can't be told to end should not pretend to wait for it: it ends.
async fn one_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return tracing::error!("cannot listen for signals");
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Why the router has no socket, and what to do.
pub(crate) fn not_bound(error: &RunError) -> Error {
    let remedy = match error {
        RunError::Bind { error, .. } if error.kind() == std::io::ErrorKind::AddrInUse => {
            "\nAnother process has that port. Choose others, such as --listen 127.0.0.1:8081 --admin \
             127.0.0.1:9091; port 0 takes any that is free."
        }
        _ => "",
    };
    Error::Failed(format!("{error}{remedy}"))
}
