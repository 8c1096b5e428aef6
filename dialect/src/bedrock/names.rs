//! Names that Bedrock is particular about: ids of calls and names of documents. What does not fit gets a name
//! that depends on its place in the conversation alone, so that a longer conversation begins with the same bytes
//! and its cache holds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The longest id of a call.
const LONGEST_ID: usize = 64;

/// The longest name of a document, and room for a number behind it.
const LONGEST_NAME: usize = 200 - 8;

/// The names given so far. Each is found without a look at all others: a caller may send very many.
#[derive(Default)]
pub(super) struct Names<'f> {
    /// Ids that do not fit, and the place that is the new name of each.
    ids: BTreeMap<&'f str, usize>,
    documents: BTreeSet<String>,
    /// The last number behind each name.
    numbers: BTreeMap<String, u32>,
}

impl<'f> Names<'f> {
    /// The id of a call: `[a-zA-Z0-9_.:-]{1,64}`. The same id is always the same.
    pub(super) fn call(&mut self, id: &'f str) -> Cow<'f, str> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(fits) {
            return Cow::Borrowed(id);
        }
        let next = self.ids.len();
        let place = self.ids.entry(id).or_insert(next);
        Cow::Owned(format!("weir_{place}"))
    }

    /// The name of a document, unique in the request: letters, digits, single spaces, hyphens, parentheses and
    /// square brackets.
    pub(super) fn document(&mut self, name: Option<&str>) -> String {
        let name = name.map(plain).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "document".to_owned());
        let mut unique = name.clone();
        let number = self.numbers.entry(name.clone()).or_insert(1);
        while !self.documents.insert(unique.clone()) {
            *number += 1;
            unique = format!("{name} ({number})");
        }
        unique
    }
}

fn plain(name: &str) -> String {
    let shown = |c: char| {
        if c.is_ascii_alphanumeric() || "-()[]".contains(c) {
            c
        } else {
            ' '
        }
    };
    let spaced: String = name.chars().map(shown).collect();
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut plain = words.join(" ");
    plain.truncate(LONGEST_NAME);
    plain
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Names;

    /// Were each compared with all others, this would not end.
    #[test]
    fn very_many_of_one_name_and_of_unfit_ids_are_named_at_once() {
        const MANY: usize = 50_000;
        let ids: Vec<String> = (0..MANY).map(|at| format!("call/{at}")).collect();
        let mut names = Names::default();
        let documents: BTreeSet<String> = (0..MANY).map(|_| names.document(Some("a"))).collect();
        assert_eq!(documents.len(), MANY);
        assert!(documents.contains("a") && documents.contains("a (50000)"));
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(names.call(id), format!("weir_{at}"));
        }
        assert_eq!(names.call("call/7"), "weir_7");
    }
}
