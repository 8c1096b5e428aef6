//! The contract between the operator and the router: what a routing table is, how it is written down,
//! what must hold for it, and how a target is selected from it.
//!
//! In the order in which a table lives: [`model`] (its parts), [`codec`] and [`format`] (bytes and digest), [`check`]
//! (invariants; run before publishing and after loading), [`select`] (which target a key gets).
//! Around them: [`failure`] (the closed vocabulary), [`credential`] (how a secret is named without being
//! held), [`access`] (how callers are known without their keys), [`base_url`] and [`name`] (the two kinds of
//! text with rules of their own), [`price`] (what tokens cost), `share` (what is equal is held once).
//!
//! This crate must not know Kubernetes, sockets, clocks or random numbers: values in, values out.

pub mod access;
pub mod base_url;
pub mod check;
pub mod codec;
pub mod credential;
pub mod failure;
pub mod format;
pub mod model;
pub mod name;
pub mod price;
pub mod select;
mod share;

pub use access::{AccessKey, Allowed, KeyHash, Names, UnfitKey, Validity};
pub use base_url::BaseUrl;
pub use check::{Checked, Violation};
pub use codec::Digest;
pub use credential::{Credential, CredentialId};
pub use failure::{FailureClass, Origin};
pub use format::Format;
pub use model::{
    Backoff, Chain, Connections, Dialect, DirectModel, KeySource, Lack, Model, ModelKind, Node, Owner,
    Policy, Provider, ProviderEntry, Rung, Scope, Split, SplitTarget, Table, Timeouts,
};
pub use price::Prices;
