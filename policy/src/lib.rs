//! api

pub mod api;
pub mod catalogue;
pub mod crds;
