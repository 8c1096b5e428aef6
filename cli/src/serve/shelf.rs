//! What each file last gave. A file that is empty or does not parse gives nothing new: what it gave before
//! stays. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weir_policy::document::{count, unparsable};

use crate::files::{self, Input};

/// The texts in use.
#[derive(Debug, Default)]
pub(super) struct Shelf(BTreeMap<PathBuf, String>);

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// Something new.
    New,
    /// What it gave before.
    Same,
    /// Nothing that could be used, and why.
    Unusable(String),
}

impl Shelf {
    /// Takes in what `path` reads now, or why it can't be read.
    pub(super) fn put(&mut self, path: &Path, text: Result<String, String>) -> Given {
        let text = match text.and_then(usable) {
            Ok(text) => text,
            Err(why) => return Given::Unusable(why),
        };
        if self.0.get(path) == Some(&text) {
            return Given::Same;
        }
        self.0.insert(path.to_owned(), text);
        Given::New
    }

    /// Takes out what `path` gave.
    pub(super) fn forget(&mut self, path: &Path) -> Given {
        self.0.remove(path).map_or(Given::Same, |_| Given::New)
    }

    /// Everything in use, in the order of the paths.
    pub(super) fn inputs(&self) -> Vec<Input> {
        let input = |(path, text): (&PathBuf, &String)| Input {
            name: files::name(path),
            text: text.clone(),
        };
        self.0.iter().map(input).collect()
    }
}

fn usable(text: String) -> Result<String, String> {
    if count(&text) == 0 {
        return Err("it is empty".to_owned());
    }
    match unparsable(&text) {
        Some(why) => Err(format!("it does not parse: {why}")),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Given, Shelf};

    const TEXT: &str = "kind: X\n";

    fn put(shelf: &mut Shelf, text: &str) -> Given {
        shelf.put(Path::new("a"), Ok(text.to_owned()))
    }

    fn texts(shelf: &Shelf) -> Vec<String> {
        shelf.inputs().into_iter().map(|input| input.text).collect()
    }

    #[test]
    fn the_same_text_again_is_nothing_new() {
        let mut shelf = Shelf::default();
        assert_eq!(put(&mut shelf, TEXT), Given::New);
        assert_eq!(put(&mut shelf, TEXT), Given::Same);
        assert_eq!(put(&mut shelf, "kind: Y\n"), Given::New);
    }

    #[test]
    fn what_can_not_be_used_leaves_what_there_was() {
        let mut shelf = Shelf::default();
        put(&mut shelf, TEXT);
        for (bad, why) in [
            ("", "empty"),
            ("# only a comment\n---\n", "empty"),
            ("kind: [\n", "parse"),
        ] {
            let given = put(&mut shelf, bad);
            assert!(
                matches!(&given, Given::Unusable(told) if told.contains(why)),
                "{given:?}"
            );
            assert_eq!(texts(&shelf), [TEXT]);
        }
        let given = shelf.put(Path::new("a"), Err("permission denied".to_owned()));
        assert_eq!(given, Given::Unusable("permission denied".to_owned()));
        assert_eq!(texts(&shelf), [TEXT]);
    }

    #[test]
    fn what_is_gone_is_gone() {
        let mut shelf = Shelf::default();
        put(&mut shelf, TEXT);
        assert_eq!(shelf.forget(Path::new("a")), Given::New);
        assert_eq!(shelf.forget(Path::new("a")), Given::Same);
        assert!(texts(&shelf).is_empty());
    }
}
