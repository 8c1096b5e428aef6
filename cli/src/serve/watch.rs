//! When a file is to be read: once it has been still for a while. Pure: it is told what was seen and when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::scan::{Scan, Stamp};

/// How long a file must have been still: long enough for an editor's write, or its delete and rename.
const STILL: Duration = Duration::from_millis(100);

/// The files that are known, and what each was last seen as.
#[derive(Debug, Default)]
pub(super) struct Watch(BTreeMap<PathBuf, Tracked>);

#[derive(Debug, Clone, Copy)]
struct Tracked {
    sight: Sight,
    since: Instant,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    There(Stamp),
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It may still be changing.
    Settling,
    /// It was handed out as it is.
    Settled,
}

/// What is to be done about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// Read it.
    Read(PathBuf),
    /// Forget it: it is gone.
    Forget(PathBuf),
}

impl Watch {
    /// Takes in what was seen at `now`, and says what is due. A file whose folder can't be looked at stays
    /// what it was.
    pub(super) fn observe(&mut self, scan: &Scan, now: Instant) -> Vec<Due> {
        for (path, stamp) in &scan.files {
            self.see(path, Sight::There(*stamp), now);
        }
        let known: Vec<PathBuf> = self.0.keys().cloned().collect();
        for path in known {
            if !scan.files.contains_key(&path) && !scan.is_out_of_sight(&path) {
                self.see(&path, Sight::Gone, now);
            }
        }
        let due = self
            .0
            .iter_mut()
            .filter_map(|(path, tracked)| tracked.due(path, now))
            .collect();
        self.0
            .retain(|_, tracked| (tracked.sight, tracked.stage) != (Sight::Gone, Stage::Settled));
        due
    }

    /// Whether nothing is settling.
    pub(super) fn is_settled(&self) -> bool {
        self.0.values().all(|tracked| tracked.stage == Stage::Settled)
    }

    fn see(&mut self, path: &Path, sight: Sight, now: Instant) {
        let fresh = Tracked {
            sight,
            since: now,
            stage: Stage::Settling,
        };
        let tracked = self.0.entry(path.to_owned()).or_insert(fresh);
        if tracked.sight != sight {
            *tracked = fresh;
        }
    }
}

impl Tracked {
    fn due(&mut self, path: &Path, now: Instant) -> Option<Due> {
        if self.stage == Stage::Settled || now.duration_since(self.since) < STILL {
            return None;
        }
        self.stage = Stage::Settled;
        Some(match self.sight {
            Sight::There(_) => Due::Read(path.to_owned()),
            Sight::Gone => Due::Forget(path.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use super::{Due, Watch};
    use crate::serve::scan::{Scan, Stamp};

    /// A watch on a clock that only moves when told to.
    struct Bench {
        watch: Watch,
        begun: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                watch: Watch::default(),
                begun: Instant::now(),
            }
        }

        fn at(&mut self, millis: u64, files: &[(&str, u64)]) -> Vec<Due> {
            let files = files
                .iter()
                .map(|(path, size)| (PathBuf::from(path), Stamp::of_size(*size)));
            let scan = Scan {
                files: files.collect(),
                missing: BTreeMap::new(),
            };
            self.watch
                .observe(&scan, self.begun + Duration::from_millis(millis))
        }
    }

    fn read(path: &str) -> Due {
        Due::Read(path.into())
    }

    #[test]
    fn a_file_is_read_once_it_has_been_still_and_only_once() {
        let mut bench = Bench::new();
        assert_eq!(bench.at(0, &[("a", 1)]), []);
        assert_eq!(bench.at(99, &[("a", 1)]), []);
        assert!(!bench.watch.is_settled());
        assert_eq!(bench.at(100, &[("a", 1)]), [read("a")]);
        assert_eq!(bench.at(500, &[("a", 1)]), []);
        assert!(bench.watch.is_settled());
    }

    #[test]
    fn every_change_begins_the_wait_anew() {
        let mut bench = Bench::new();
        bench.at(0, &[("a", 1)]);
        assert_eq!(bench.at(90, &[("a", 2)]), []);
        assert_eq!(bench.at(180, &[("a", 3)]), []);
        assert_eq!(bench.at(279, &[("a", 3)]), []);
        assert_eq!(bench.at(280, &[("a", 3)]), [read("a")]);
    }

    #[test]
    fn a_file_that_never_rests_holds_up_no_other() {
        let mut bench = Bench::new();
        bench.at(0, &[("a", 1), ("log", 1)]);
        assert_eq!(bench.at(100, &[("a", 1), ("log", 2)]), [read("a")]);
    }

    #[test]
    fn a_rename_gives_and_takes_at_the_same_moment() {
        let mut bench = Bench::new();
        bench.at(0, &[("a", 1)]);
        bench.at(100, &[("a", 1)]);
        assert_eq!(bench.at(150, &[("b", 1)]), []);
        assert_eq!(bench.at(250, &[("b", 1)]), [Due::Forget("a".into()), read("b")]);
    }

    #[test]
    fn an_editor_that_deletes_before_it_writes_takes_nothing_away() {
        let mut bench = Bench::new();
        bench.at(0, &[("a", 1)]);
        bench.at(100, &[("a", 1)]);
        assert_eq!(bench.at(150, &[]), []);
        assert_eq!(bench.at(200, &[("a", 2)]), []);
        assert_eq!(bench.at(300, &[("a", 2)]), [read("a")]);
    }

    #[test]
    fn what_lies_in_a_folder_that_is_away_stays_what_it_was() {
        let mut bench = Bench::new();
        bench.at(0, &[("folder/a", 1)]);
        bench.at(100, &[("folder/a", 1)]);
        let away = Scan {
            files: BTreeMap::new(),
            missing: [(Path::new("folder").to_owned(), "away".to_owned())].into(),
        };
        for millis in [200, 400] {
            let due = bench
                .watch
                .observe(&away, bench.begun + Duration::from_millis(millis));
            assert_eq!(due, []);
        }
    }
}
