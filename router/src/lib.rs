//! The router: every byte of Weir's traffic. Data flows one way: [`source`] reports tables, `state` proves
//! them and swaps them in, `access` tells who calls, `route` and `walk` choose a target, `forward` asks it, `observe` watches.
//!
//! A process runs it as [`Router::bind`] and [`Router::run`], fed by one of the sources. What has sockets
//! of its own, or none, runs the [`Engine`] alone.

mod access;
mod admin;
pub mod args;
#[cfg(feature = "bench")]
pub mod bench;
mod body;
mod classify;
mod clock;
pub mod config;
mod engine;
mod error;
mod fallback;
mod forward;
mod health;
mod key;
pub mod log;
mod observe;
mod operation;
mod places;
pub mod process;
mod route;
mod router;
#[cfg(test)]
mod samples;
mod secret;
mod serve;
pub mod source;
mod state;
pub mod surroundings;
mod walk;
mod worker;

pub use access::Admission;
pub use config::{AdminToken, Config};
pub use engine::Engine;
pub use router::{Router, RunError};
pub use secret::Secret;
