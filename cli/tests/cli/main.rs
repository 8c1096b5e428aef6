//! The real `weir` binary, from its command line to its exit code.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

mod access;
mod check;
mod command;
mod demo;
mod explain;
mod http;
mod probe;
mod run;
mod serve;
mod serving;
mod simulate;
mod upstream;
