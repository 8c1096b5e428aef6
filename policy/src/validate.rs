//! One object alone: from the spec as written to a spec that is proven, or everything that is wrong with it.
//!
//! The API server refuses most of this by schema and CEL; files have no API server, and a definition may
//! have been loosened by hand. What an object refers to is not looked at here: see [`crate::resolve`].

pub(crate) mod access_key;
pub(crate) mod policy;
pub(crate) mod provider;

use weir_table::name::is_dns_label;

use crate::problem::{Cause, Problem};

/// The longest text of a name, model or salt, in bytes.
const MAX_TEXT: usize = 253;

/// The problems of one object as they are found.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Problem>);

impl Findings {
    /// Notes `message` about `path` unless `holds`.
    fn require(&mut self, holds: bool, path: &str, message: &str) {
        if !holds {
            self.0.push(Problem::new(path, Cause::Invalid, message));
        }
    }

    /// Notes that the text at `path` is empty or too long, if it is.
    fn text(&mut self, text: &str, path: &str) {
        let fits = (1..=MAX_TEXT).contains(&text.len());
        self.require(
            fits,
            path,
            &format!("must be 1 to {MAX_TEXT} bytes long, and is {}", text.len()),
        );
    }

    /// Notes that `namespaces` holds what is no namespace's name, if it does.
    fn namespaces(&mut self, namespaces: &[String], path: &str) {
        for (at, namespace) in namespaces.iter().enumerate() {
            self.require(
                is_dns_label(namespace),
                &format!("{path}[{at}]"),
                "must be the name of a namespace",
            );
        }
    }

    /// Notes that `value` lies outside `range`, if it does.
    fn within(&mut self, value: Option<i32>, range: std::ops::RangeInclusive<i32>, path: &str) {
        let holds = value.is_none_or(|value| range.contains(&value));
        self.require(
            holds,
            path,
            &format!("must be {} to {}", range.start(), range.end()),
        );
    }

    /// `proven`, if nothing was found.
    fn prove<T>(self, proven: Option<T>) -> Result<T, Vec<Problem>> {
        match proven {
            Some(proven) if self.0.is_empty() => Ok(proven),
            _ => Err(self.0),
        }
    }
}

/// A number of seconds, proven positive, as the table's milliseconds.
fn milliseconds(seconds: Option<i32>) -> Option<u64> {
    seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(|seconds| seconds * 1_000)
}
