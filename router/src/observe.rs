//! What can be seen of the router: counts and the access log. It watches; it never decides.

mod cost;
mod counts;
mod gen_ai;
mod histogram;
mod metrics;
mod record;
mod responses;
mod series;
mod shares;
mod tables;
mod targets;
mod task;
mod told;

pub(crate) use metrics::Metrics;
pub(crate) use record::Record;
pub(crate) use series::{Kept, SharedKept};
