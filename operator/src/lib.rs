//! Every Kubernetes write of Weir: watch, compile, publish, report.
//!
//! In the order in which a change passes: [`territory`] (what is watched), [`watch`] (event streams), [`observe`], [`config_map`] and
//! [`endpoints`] (API objects to values and back), [`index`] (all that is known), [`debounce`] (when to look
//! again), [`reconcile`] (names the steps), [`work`] (what the objects compile to), [`credentials`] and
//! [`room`] (whose credentials fit), [`publish`] (what routers read), [`rollout`] (what routers say), [`report`] (what people read). Around
//! them: [`lease`] (who may write), [`token`] (what routers want to see), [`trouble`], [`health`]
//! [`setback`] and [`patience`] (what stands in the way), [`admin`] and [`metrics`], [`secret`],
//! [`args`] and [`run`].
//!
//! Compiling is `weir-policy`'s business: nothing here decides what a policy means.

pub mod admin;
#[cfg(test)]
mod api_mock;
pub mod args;
pub mod config_map;
pub mod credentials;
pub mod debounce;
pub mod endpoints;
pub mod health;
pub mod index;
pub mod lease;
pub mod metrics;
pub mod observe;
pub mod patience;
pub mod publish;
pub mod reconcile;
pub mod report;
pub mod rollout;
pub mod room;
pub mod run;
pub mod secret;
pub mod setback;
pub mod territory;
pub mod token;
pub mod trouble;
pub mod watch;
pub mod work;

/// The name under which the operator writes: field manager, label value and reporter of Events.
pub const MANAGER: &str = "weir-operator";
