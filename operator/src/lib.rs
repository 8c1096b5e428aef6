//! Every Kubernetes write of Weir: watch, compile, publish, report.
//!
//! In the order in which a change passes: [`observe`], [`config_map`] and [`endpoints`] (API objects to values
//! and back), [`index`] (all that is known), [`debounce`] (when to look again).
//!
//! Compiling is `weir-policy`'s business: nothing here decides what a policy means.

pub mod config_map;
pub mod debounce;
pub mod endpoints;
pub mod index;
pub mod observe;
pub mod secret;

/// The name under which the operator writes: field manager, label value and reporter of Events.
pub const MANAGER: &str = "weir-operator";
