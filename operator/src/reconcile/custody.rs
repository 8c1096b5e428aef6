//! What is known of the gathered Secrets, which of them can't be written now, and when they are read again. Pure.
//!
//! One that could not be written keeps nothing else waiting than the tables that need what is not in it yet. It is
//! read before it is written again: the failed attempt may have arrived. Of a reading that fails in part, the rest
//! is kept, and only what is missing is read anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use weir_table::credential::shards;

use crate::credentials::{Shard, ShardWrite, Vault};
use crate::health::Tidings;
use crate::publish::Failure;
use crate::setback::Setbacks;

/// How often the gathered Secrets are read, in case someone else has changed them.
const ROUND: Duration = Duration::from_mins(1);
/// How soon the missing ones are read again where others could be read. Each time there are fewer, so that this ends.
const REST: Duration = Duration::from_millis(500);

/// The gathered Secrets as they stand, and what stands in their way.
#[derive(Debug)]
pub(super) struct Custody {
    /// `None` until they have been read.
    vault: Option<Vault>,
    /// What has been read since all were read last.
    part: Vault,
    /// When they are to be read again: nothing tells when someone else changes them.
    due: Instant,
    unread: Setbacks<()>,
    unwritten: Setbacks<char>,
    /// Those that must be read before they are written.
    held_back: BTreeSet<char>,
}

impl Custody {
    /// Nothing is known.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            vault: None,
            part: Vault::new(),
            due: now,
            unread: Setbacks::default(),
            unwritten: Setbacks::default(),
            held_back: BTreeSet::new(),
        }
    }

    /// When they are to be read.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// What they hold.
    pub(super) fn vault(&self) -> Option<&Vault> {
        self.vault.as_ref()
    }

    /// Those that are to be read then.
    pub(super) fn missing(&self) -> BTreeSet<char> {
        shards().filter(|shard| !self.part.contains_key(shard)).collect()
    }

    /// All that were missing were read.
    pub(super) fn read(&mut self, rest: Vault, now: Instant) {
        self.part.extend(rest);
        self.vault = Some(std::mem::take(&mut self.part));
        self.due = now + ROUND;
        self.unread.clear(&());
        self.held_back.clear();
    }

    /// Only `part` of them could be read. Until all are, what was known of them holds.
    pub(super) fn not_read(&mut self, part: Vault, failure: &Failure, now: Instant) -> Tidings {
        let (tidings, wait) = self.unread.note(&(), failure);
        self.due = now + if part.is_empty() { wait } else { REST };
        self.part.extend(part);
        tidings
    }

    /// One was written, and holds this.
    pub(super) fn written(&mut self, shard: char, content: Option<Shard>) {
        self.unwritten.clear(&shard);
        self.part.remove(&shard);
        if let Some(vault) = &mut self.vault {
            vault.insert(shard, content);
        }
    }

    /// One could not be written.
    pub(super) fn not_written(&mut self, shard: char, failure: &Failure, now: Instant) -> Tidings {
        let (tidings, wait) = self.unwritten.note(&shard, failure);
        self.held_back.insert(shard);
        self.part.remove(&shard);
        self.due = self.due.min(now + wait);
        tidings
    }

    /// Those of `writes` that may be made now, and the credentials that wait for the others.
    pub(super) fn part(
        &self,
        writes: BTreeMap<char, ShardWrite>,
    ) -> (BTreeMap<char, ShardWrite>, BTreeSet<String>) {
        let is_held_back = |shard: &char| self.held_back.contains(shard);
        let (later, now): (BTreeMap<_, _>, BTreeMap<_, _>) =
            writes.into_iter().partition(|(shard, _)| is_held_back(shard));
        (now, later.into_values().flat_map(|write| write.news).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Custody, REST, ROUND};
    use crate::credentials::{Shard, ShardWrite, Vault};
    use crate::health::Tidings;
    use crate::publish::Failure;

    fn writes() -> BTreeMap<char, ShardWrite> {
        let write = |news: &str| ShardWrite {
            content: Shard::new(),
            news: [news.to_owned()].into(),
        };
        [('0', write("zero")), ('1', write("one"))].into()
    }

    #[test]
    fn what_could_not_be_written_waits_for_the_next_reading_and_the_rest_does_not() {
        let now = Instant::now();
        let mut custody = Custody::new(now);
        custody.read(Vault::new(), now);
        assert_eq!(custody.not_written('0', &Failure::Timeout, now), Tidings::New);
        let (write, waiting) = custody.part(writes());
        assert_eq!(write.into_keys().collect::<String>(), "1");
        assert_eq!(waiting, ["zero".to_owned()].into());
        assert_eq!(custody.due(), now + Duration::from_secs(1));
        custody.read(Vault::new(), now);
        assert_eq!(custody.part(writes()).0.len(), 2);
    }

    #[test]
    fn each_attempt_waits_longer_and_a_cause_is_told_once() {
        let now = Instant::now();
        let mut custody = Custody::new(now);
        let mut waits = Vec::new();
        for attempt in 0..6 {
            custody.read(Vault::new(), now);
            let tidings = custody.not_written('0', &Failure::Timeout, now);
            assert_eq!(tidings == Tidings::New, attempt == 0);
            waits.push(custody.due().duration_since(now).as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        custody.written('0', Some(Shard::new()));
        custody.read(Vault::new(), now);
        assert_eq!(custody.due(), now + ROUND);
        assert_eq!(custody.not_written('0', &Failure::Timeout, now), Tidings::New);
    }

    #[test]
    fn what_is_known_survives_a_reading_that_fails() {
        let now = Instant::now();
        let mut custody = Custody::new(now);
        let fail = |custody: &mut Custody| custody.not_read(Vault::new(), &Failure::Timeout, now);
        assert_eq!(fail(&mut custody), Tidings::New);
        assert!(custody.vault().is_none());
        custody.read(Vault::new(), now);
        assert_eq!(fail(&mut custody), Tidings::New);
        assert!(custody.vault().is_some());
        assert_eq!(fail(&mut custody), Tidings::Old);
    }

    #[test]
    fn what_was_read_is_not_read_again_until_all_is_known_unless_it_was_written_since() {
        let now = Instant::now();
        let mut custody = Custody::new(now);
        let read = |shards: &str| shards.chars().map(|shard| (shard, None)).collect::<Vault>();
        let missing = |custody: &Custody| custody.missing().into_iter().collect::<String>();
        custody.not_read(read("012345678abcdef"), &Failure::Timeout, now);
        assert_eq!((missing(&custody).as_str(), custody.due()), ("9", now + REST));
        assert!(custody.vault().is_none(), "nothing may be written yet");
        custody.read(read("9"), now);
        assert_eq!(custody.vault().map(Vault::len), Some(16));
        assert_eq!(missing(&custody).len(), 16);
        custody.not_read(read("0123"), &Failure::Timeout, now);
        custody.written('0', None);
        custody.not_written('1', &Failure::Timeout, now);
        assert_eq!(missing(&custody), "01456789abcdef");
    }
}
