//! Judges every status that an operator has written, after the fact: the API server's audit log says what was
//! written and when, the routers' logs say what each served and since when. Nothing is sampled, and nothing missed
//! while a watch was down.
//!
//! A rule is a plain function with a name: [`conditions`] judge a status by itself, [`places`] by the routers.

pub mod conditions;
pub mod places;
pub mod record;

use std::{fmt::Write as _, path::PathBuf};

use anyhow::{Result, bail};

use self::{
    places::Places,
    record::{Entry, Written},
};

/// How many breaches are told.
const TOLD: usize = 10;

/// Where the records of one site lie.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The API server's audit log.
    pub audit_log: PathBuf,
    /// The user as whom the operator writes.
    pub operator: String,
    /// The name and the log of each router.
    pub routers: Vec<(String, PathBuf)>,
}

impl Judge {
    /// Fails with the object, the write and the rule if any status ever broke one; else says how many there were.
    pub fn judge(&self) -> Result<usize> {
        let mut entries = record::read(&self.audit_log, &self.operator)?;
        entries.sort_by_key(Entry::time);
        let places = Places::read(&self.routers, &entries)?;
        sentence(&entries, |written| breaches(written, &places))
    }

    /// The same by the rules that hold of a status alone, whatever routers served.
    pub fn judge_alone(&self) -> Result<usize> {
        let entries = record::read(&self.audit_log, &self.operator)?;
        sentence(&entries, own_breaches)
    }
}

fn sentence(entries: &[Entry], breaches: impl Fn(&Written) -> Vec<String>) -> Result<usize> {
    let statuses = || {
        entries.iter().filter_map(|entry| match entry {
            Entry::Status(written) => Some(written),
            Entry::Place(_) => None,
        })
    };
    let breaches: Vec<String> = statuses().flat_map(breaches).collect();
    if breaches.is_empty() {
        return Ok(statuses().count());
    }
    bail!("{} statuses break a rule:{}", breaches.len(), shown(&breaches));
}

/// Every rule that one write breaks, with what was written.
fn breaches(written: &Written, places: &Places) -> Vec<String> {
    let served = places::programmed_means_served_everywhere(written, places).err();
    let served = served.map(|why| told(written, "programmed_means_served_everywhere", &why));
    own_breaches(written).into_iter().chain(served).collect()
}

fn own_breaches(written: &Written) -> Vec<String> {
    let rules = conditions::RULES.iter();
    rules
        .filter_map(|(name, rule)| Some(told(written, name, &rule(written).err()?)))
        .collect()
}

fn told(written: &Written, rule: &str, why: &str) -> String {
    format!("{written} breaks {rule}: {why}")
}

fn shown(breaches: &[String]) -> String {
    let mut text = String::new();
    for breach in breaches.iter().take(TOLD) {
        // Writing to a string does not fail.
        let _ = write!(text, "\n- {breach}");
    }
    text
}
