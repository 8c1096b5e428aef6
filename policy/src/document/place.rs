//! Where documents stand in a text.

use std::fmt;

/// A file and the line, counted from 1, at which a document begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The source's name.
    pub source: String,
    /// The first line of the document.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

/// One document, and how many lines of its source stand above it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) place: Place,
    pub(super) text: String,
    above: usize,
}

impl Document {
    /// A document that has no lines of its own: it stands where `place` says.
    pub(super) fn inside(place: &Place, text: String) -> Self {
        Self {
            place: place.clone(),
            text,
            above: place.line - 1,
        }
    }

    /// The text below as many empty lines as stood above it, so that a parser counts as its source does.
    pub(super) fn padded(&self) -> String {
        "\n".repeat(self.above) + &self.text
    }
}

/// Splits a text at its `---` lines; documents without content are left out.
///
/// YAML ends a document at such a line whatever stands open (section 9.1.4 of version 1.2.2), so that no
/// parser is needed for this, and a document that does not parse can't hide its neighbours.
pub(super) fn documents<'a>(source: &'a str, text: &'a str) -> impl Iterator<Item = Document> + 'a {
    let mut parts: Vec<(usize, Vec<&str>)> = vec![(1, Vec::new())];
    for (at, line) in text.lines().enumerate() {
        match (is_separator(line), parts.last_mut()) {
            (false, Some((_, lines))) => lines.push(line),
            _ => parts.push((at + 2, Vec::new())),
        }
    }
    parts
        .into_iter()
        .filter(|(_, lines)| has_content(lines))
        .map(move |(line, lines)| {
            let blank = lines.iter().take_while(|line| !is_content(line)).count();
            Document {
                place: Place {
                    source: source.to_owned(),
                    line: line + blank,
                },
                text: lines.join("\n") + "\n",
                above: line - 1,
            }
        })
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('#'))
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn has_content(lines: &[&str]) -> bool {
    lines.iter().any(|line| is_content(line))
}
