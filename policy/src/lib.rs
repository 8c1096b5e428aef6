//! The custom resources and the compiler: objects in, routing table and verdicts out.
//!
//! In the order in which an object passes: [`api`] (what people write), [`document`] (read from YAML),
//! [`snapshot`] (all objects of a cluster), [`validate`] (one object alone), [`resolve`] (what it names),
//! [`graph`] and [`tree`] (how policies hang together), [`holders`] (who has
//! which key), [`compile`] (the table), [`verdict`] (the status).
//! [`catalogue`] knows public models, [`crds`] are the definitions to install.
//!
//! Nothing here reads a clock, a file, a socket or a random number, and nothing logs. Validate and compile
//! are total functions: a bad object gets a verdict, never an error that would take its neighbours along.

pub mod api;
pub mod catalogue;
pub mod compile;
pub mod crds;
pub mod document;
mod graph;
pub mod holders;
pub mod object;
pub mod problem;
mod resolve;
pub mod snapshot;
mod tree;
mod validate;
pub mod verdict;
