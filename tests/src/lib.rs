//! The harness of the end-to-end tests: it starts everything for real, and has no opinion on what is right.
//!
//! A [`site::Site`] is a cluster with Weir in it: API server, operator, routers and a fake provider, each a process
//! or a socket of its own. The cases, which hold the opinions, live in `cases/`.

pub mod audit;
pub mod client;
pub mod cluster;
pub mod command;
pub mod control_plane;
pub mod detour;
pub mod elder;
pub mod event_stream;
pub mod explain;
pub mod fake_provider;
pub mod fixtures;
pub mod git;
pub mod helm;
pub mod identity;
pub mod judge;
pub mod kubectl;
pub mod load;
pub mod netns;
pub mod node;
pub mod poll;
pub mod process;
pub mod referee;
pub mod rights;
pub mod schemas;
pub mod sdk;
pub mod site;
pub mod standalone;
pub mod timing;
pub mod tools;
