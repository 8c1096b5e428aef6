//! The committed figures, and what they say of new ones. Pure but for one file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// By how much a figure may grow, in percent of the committed one.
const GROWTH: u64 = 3;

/// Instructions by scenario.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, u64>);

impl Figures {
    /// Those in `file`; none if there is no such file.
    pub(super) fn read(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(file)?;
        let figures = serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
        Ok(Self(figures))
    }

    /// The figure of `scenario`.
    pub(super) fn of(&self, scenario: &str) -> Option<u64> {
        self.0.get(scenario).copied()
    }

    /// Replaces the figure of `scenario`.
    pub(super) fn set(&mut self, scenario: &str, instructions: u64) {
        self.0.insert(scenario.to_owned(), instructions);
    }

    /// Writes them to `file`.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        Ok(fs::write(file, serde_json::to_string_pretty(&self.0)? + "\n")?)
    }
}

/// What a new figure is beside the committed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing was committed.
    New,
    /// About the same.
    Same,
    /// Less by more than may be added: to be committed, so that it is kept.
    Shrunk,
    /// More than may be added.
    Grown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Same => "as committed",
            Self::Shrunk => "fewer: commit it",
            Self::Grown => "**more**",
        })
    }
}

/// What `counted` is beside `committed`.
pub(super) fn judge(committed: Option<u64>, counted: u64) -> Verdict {
    let Some(committed) = committed else {
        return Verdict::New;
    };
    if counted * 100 > committed * (100 + GROWTH) {
        Verdict::Grown
    } else if counted * 100 < committed * (100 - GROWTH) {
        Verdict::Shrunk
    } else {
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};

    #[test]
    fn growth_beyond_three_percent_is_told_and_no_less() {
        assert_eq!(judge(Some(10_000), 10_300), Verdict::Same);
        assert_eq!(judge(Some(10_000), 10_301), Verdict::Grown);
        assert_eq!(judge(Some(10_000), 9_700), Verdict::Same);
        assert_eq!(judge(Some(10_000), 9_699), Verdict::Shrunk);
        assert_eq!(judge(None, 1), Verdict::New);
    }
}
