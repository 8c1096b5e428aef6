//! What `strace -c` says, and what it means for a request. Pure.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::markdown::table;
use crate::stats::float;

/// The call that waits for a lock, or wakes who waits.
const FUTEX: &str = "futex";

/// What is made less often in a thousand requests is not told.
const SELDOM: f64 = 10.0;

/// How often each system call was made, for each thousand requests.
#[derive(Debug)]
pub(super) struct Calls(BTreeMap<String, f64>);

impl Calls {
    /// Those in a summary of so many requests.
    pub(super) fn read(summary: &str, requests: u64) -> Result<Self> {
        let calls: BTreeMap<String, f64> = summary
            .lines()
            .filter_map(call)
            .map(|(name, count)| (name.to_owned(), float(count) * 1_000.0 / float(requests.max(1))))
            .collect();
        ensure!(!calls.is_empty(), "strace counted nothing");
        Ok(Self(calls))
    }

    fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// One line: share, seconds, microseconds for each call, calls, errors if there were any, and the name.
fn call(line: &str) -> Option<(&str, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, count) = (*words.last()?, words.get(3)?);
    let is_call = name != "total" && words.len() >= 5;
    Some((name, count.parse().ok()?)).filter(|_| is_call)
}

/// The calls under `heads`, most frequent first: those that are made often in any of `all`, and `futex`.
pub(super) fn table_of(all: &[Calls], heads: &[String]) -> String {
    let most = |name: &str| all.iter().map(|calls| calls.of(name)).fold(0.0, f64::max);
    let names = all.iter().flat_map(|calls| calls.0.keys().map(String::as_str));
    let often = names.filter(|name| most(name) >= SELDOM).chain([FUTEX]);
    let mut names: Vec<&str> = often.collect::<BTreeSet<_>>().into_iter().collect();
    names.sort_by(|left, right| most(right).total_cmp(&most(left)));
    let row = |name: &&str| {
        let each = all.iter().map(|calls| format!("{:.1}", calls.of(name)));
        std::iter::once((*name).to_owned()).chain(each).collect()
    };
    let rows: Vec<Vec<String>> = names.iter().map(row).collect();
    let heads: Vec<&str> = ["calls per 1,000 requests"]
        .into_iter()
        .chain(heads.iter().map(String::as_str))
        .collect();
    table(&heads, &rows)
}

#[cfg(test)]
mod tests {
    use super::{Calls, table_of};

    const SUMMARY: &str = "% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 51.10    0.120000          12     20000           writev
 48.00    0.110000          11     20010        10 recvfrom
  0.90    0.000100         100         2           mmap
------ ----------- ----------- --------- --------- ----------------
100.00    0.230100          11     40012        10 total
";

    #[test]
    fn calls_are_told_for_each_thousand_requests() {
        let waiting = SUMMARY.replace("mmap", "futex");
        let all = [
            Calls::read(SUMMARY, 10_000).unwrap(),
            Calls::read(&waiting, 1_000).unwrap(),
        ];
        let expected = "\
| calls per 1,000 requests | one    | two     |
| ------------------------ | ------ | ------- |
| recvfrom                 | 2001.0 | 20010.0 |
| writev                   | 2000.0 | 20000.0 |
| futex                    | 0.0    | 2.0     |
";
        assert_eq!(table_of(&all, &["one".to_owned(), "two".to_owned()]), expected);
    }

    #[test]
    fn a_trace_of_nothing_is_an_error() {
        let refused = "strace: attach: ptrace(PTRACE_SEIZE): Operation not permitted";
        assert!(Calls::read(refused, 1).is_err());
    }
}
