//! The router as its callers and providers see it: real sockets on loopback, tables pushed in-process, and
//! providers that do byte for byte what a test tells them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod access;
mod bad_input;
mod callers;
mod connections;
mod drain;
mod fallback;
mod http2;
mod lifecycle;
mod metrics;
mod operations;
mod pass_through;
mod rig;
mod sockets;
mod streams;
mod tables;
mod tls;
mod translation;
mod upstream;
mod wires;
mod workers;
