//! The charts as Helm renders them, without a cluster: what is rendered, and what is refused.
//!
//! `UPDATE_GOLDEN=1` writes the golden files anew. What only an API server can judge is in `cases/charts.rs`.

mod arguments;
mod chart;
mod definitions;
mod golden;
mod hooks;
mod notes;
mod pods;
mod refused;
mod rendered;
mod rights;
mod score;
