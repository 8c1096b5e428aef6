//! What `strace -c` says, and what it means for a request. Pure.

use anyhow::{Result, ensure};

use crate::markdown::table;
use crate::stats::float;

/// The call that waits for a lock, or wakes who waits.
const FUTEX: &str = "futex";

/// A system call and how often it was made.
pub(super) type Calls = (String, u64);

/// The calls in a summary, most frequent first; of `futex` also if there was none.
pub(super) fn read(summary: &str) -> Result<Vec<Calls>> {
    let mut calls: Vec<Calls> = summary.lines().filter_map(call).collect();
    ensure!(!calls.is_empty(), "strace counted nothing");
    if !calls.iter().any(|(name, _)| name == FUTEX) {
        calls.push((FUTEX.to_owned(), 0));
    }
    calls.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    Ok(calls)
}

/// One line: share, seconds, microseconds for each call, calls, errors if there were any, and the name.
fn call(line: &str) -> Option<Calls> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, count) = (words.last()?, words.get(3)?);
    let is_call = *name != "total" && words.len() >= 5;
    is_call.then_some(((*name).to_owned(), count.parse().ok()?))
}

/// The calls that at least one in a thousand requests makes, and `futex` in any case.
pub(super) fn table_of(calls: &[Calls], requests: u64) -> String {
    let per_thousand = |count: u64| float(count) * 1_000.0 / float(requests.max(1));
    let told = calls
        .iter()
        .filter(|(name, count)| name == FUTEX || per_thousand(*count) >= 1.0);
    let rows: Vec<Vec<String>> = told
        .map(|(name, count)| {
            vec![
                name.clone(),
                count.to_string(),
                format!("{:.1}", per_thousand(*count)),
            ]
        })
        .collect();
    table(&["system call", "calls", "per 1,000 requests"], &rows)
}

#[cfg(test)]
mod tests {
    use super::{read, table_of};

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
        let calls = read(SUMMARY).unwrap();
        let expected = "\
| system call | calls | per 1,000 requests |
| ----------- | ----- | ------------------ |
| recvfrom    | 20010 | 2001.0             |
| writev      | 20000 | 2000.0             |
| futex       | 0     | 0.0                |
";
        assert_eq!(table_of(&calls, 10_000), expected);
    }

    #[test]
    fn a_trace_of_nothing_is_an_error() {
        assert!(read("strace: attach: ptrace(PTRACE_SEIZE): Operation not permitted").is_err());
    }
}
