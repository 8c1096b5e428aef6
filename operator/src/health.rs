//! How the watches do: which fail now, and why. Kept for `/readyz` and the metrics; nothing decides by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::metrics::Metrics;
use crate::territory::Part;
use crate::trouble::Trouble;

/// The watches that fail now.
#[derive(Debug, Clone)]
pub struct Health {
    failing: Arc<Mutex<BTreeMap<Part, Trouble>>>,
    metrics: Metrics,
}

/// Whether a failure is the first of its kind, and so worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tidings {
    /// It is.
    New,
    /// The watch fails as it did before.
    Old,
}

impl Health {
    /// All is well.
    pub fn new(metrics: Metrics) -> Self {
        Self {
            failing: Arc::default(),
            metrics,
        }
    }

    /// A watch has failed.
    pub fn failed(&self, part: &Part, trouble: Trouble) -> Tidings {
        self.metrics.watch_failed(part.kind, trouble);
        let before = self.failing().insert(part.clone(), trouble);
        if before == Some(trouble) {
            return Tidings::Old;
        }
        if let Some(before) = before {
            self.metrics.watch_recovers(part.kind, before);
        }
        self.metrics.watch_fails(part.kind, trouble);
        Tidings::New
    }

    /// A watch has delivered something, or has not failed for a while.
    pub fn is_well(&self, part: &Part) -> Tidings {
        let Some(before) = self.failing().remove(part) else {
            return Tidings::Old;
        };
        self.metrics.watch_recovers(part.kind, before);
        Tidings::New
    }

    /// One line for each watch that fails.
    pub fn lines(&self) -> String {
        let line = |(part, trouble): (&Part, &Trouble)| {
            let place = part
                .namespace
                .as_ref()
                .map(|namespace| format!(" in {namespace}"));
            let (place, word) = (place.unwrap_or_default(), trouble.word());
            format!("{}{place}: {word}: {}\n", part.kind, trouble.meaning())
        };
        self.failing().iter().map(line).collect()
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<Part, Trouble>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, Tidings};
    use crate::metrics::Metrics;
    use crate::territory::Part;
    use crate::trouble::Trouble;

    fn policies(namespace: &str) -> Part {
        Part {
            kind: "FallbackPolicy",
            namespace: Some(namespace.to_owned()),
        }
    }

    fn failing(metrics: &Metrics, reason: &str) -> Option<String> {
        let head = format!(r#"weir_operator_watches_failing{{kind="FallbackPolicy",reason="{reason}"}} "#);
        let text = metrics.render();
        text.lines()
            .find_map(|line| line.strip_prefix(&head))
            .map(ToOwned::to_owned)
    }

    #[test]
    fn a_watch_fails_until_it_delivers_and_is_told_once() {
        let metrics = Metrics::default();
        let health = Health::new(metrics.clone());
        assert_eq!(health.failed(&policies("a"), Trouble::Forbidden), Tidings::New);
        assert_eq!(health.failed(&policies("a"), Trouble::Forbidden), Tidings::Old);
        health.failed(&policies("b"), Trouble::Forbidden);
        assert_eq!(failing(&metrics, "Forbidden").as_deref(), Some("2"));
        assert!(health.lines().starts_with("FallbackPolicy in a: Forbidden: "));
        assert_eq!(health.failed(&policies("a"), Trouble::NotInstalled), Tidings::New);
        assert_eq!(failing(&metrics, "Forbidden").as_deref(), Some("1"));
        assert_eq!(health.is_well(&policies("a")), Tidings::New);
        health.is_well(&policies("b"));
        assert_eq!(health.is_well(&policies("b")), Tidings::Old);
        assert_eq!(failing(&metrics, "NotInstalled").as_deref(), Some("0"));
        assert_eq!(health.lines(), "");
    }
}
