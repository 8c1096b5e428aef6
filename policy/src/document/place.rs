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

/// Splits a text at its `---` lines; documents without content are left out. Each keeps its line numbers:
/// it is padded with as many empty lines as came before it.
///
/// YAML ends a document at such a line whatever stands open (section 9.1.4 of version 1.2.2), so that no
/// parser is needed for this, and a document that does not parse can't hide its neighbours.
pub(super) fn documents<'a>(source: &'a str, text: &'a str) -> impl Iterator<Item = (Place, String)> + 'a {
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
            let padded = "\n".repeat(line - 1) + &lines.join("\n") + "\n";
            (
                Place {
                    source: source.to_owned(),
                    line: line + blank,
                },
                padded,
            )
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
