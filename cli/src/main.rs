//! The `weir` command, also usable as `kubectl weir`: wiring, and nothing that could be tested without a
//! process.

mod args;
mod check;
mod demo;
mod error;
mod explain;
mod files;
mod load;
mod out;
mod probe;
mod process;
mod run;
mod serve;
mod simulate;

use std::process::ExitCode;

/// musl's own allocator is slow where threads share it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    error::exit_code(run::run(std::env::args_os().collect()))
}
