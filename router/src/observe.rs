//! What can be seen of the router: counts and the access log. It watches; it never decides.

mod metrics;
mod record;

pub(crate) use metrics::Metrics;
pub(crate) use record::Record;
