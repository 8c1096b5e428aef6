//! The values reference of a chart's README: a table of what the comments of `values.yaml` say.
//!
//! A comment that begins with `# --` explains the key below it. Its default is the value there, as JSON.

use std::fmt::Write as _;

use serde_json::Value;

const BEGIN: &str = "<!-- Generated from values.yaml by `cargo xtask generate`. -->\n";
const END: &str = "<!-- End of what is generated. -->";

/// A value that a comment explains.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// From the root of the values.
    path: Vec<String>,
    /// What the comment says.
    text: String,
}

/// `readme` with the table of `values` between its marks; as it is where it has none.
pub(super) fn fill(readme: &str, values: &str) -> String {
    let Some((head, rest)) = readme.split_once(BEGIN) else {
        return readme.to_owned();
    };
    let tail = rest.split_once(END).map_or("", |(_, tail)| tail);
    format!("{head}{BEGIN}{}{END}{tail}", table(values))
}

fn table(values: &str) -> String {
    let defaults: Value = serde_saphyr::from_str(values).unwrap_or_default();
    let mut table = "\n| Value | Default | What it is |\n|---|---|---|\n".to_owned();
    for Entry { path, text } in entries(values) {
        let default = path.iter().fold(&defaults, |value, key| &value[key]);
        let (path, text) = (path.join("."), escaped(&text));
        // Writing to a String can't fail.
        let _ = writeln!(
            table,
            "| `{path}` | `{}` | {text} |",
            escaped(&default.to_string())
        );
    }
    table.push('\n');
    table
}

/// A bar would end the cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Every explained value, in the order of the file.
fn entries(values: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut text: Option<String> = None;
    for line in values.lines() {
        if let Some(comment) = line.trim_start().strip_prefix("# ") {
            text = continued(text, comment);
        } else if let Some((indent, key)) = key(line) {
            path.retain(|(outer, _)| *outer < indent);
            path.push((indent, key.to_owned()));
            let path = path.iter().map(|(_, key)| key.clone()).collect();
            entries.extend(text.take().map(|text| Entry { path, text }));
        } else {
            text = None;
        }
    }
    entries
}

/// A comment that begins with `--` begins a text; another one goes on with it, if there is one.
fn continued(text: Option<String>, comment: &str) -> Option<String> {
    match comment.strip_prefix("-- ") {
        Some(begin) => Some(begin.to_owned()),
        None => text.map(|text| format!("{text} {comment}")),
    }
}

/// The indent and the key of a line that has one.
fn key(line: &str) -> Option<(usize, &str)> {
    let (key, _) = line.trim_start().split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_key.then(|| (line.len() - line.trim_start().len(), key))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::CHARTS;
    use super::{BEGIN, END, entries, fill};

    const VALUES: &str = "\
# Not explained.

a:
  # -- One |
  # or two.
  b: [1]
#  example: 1
# -- All of it.
c:
  d: 1
";

    #[test]
    fn a_comment_explains_the_value_below_it() {
        let readme = format!("head\n{BEGIN}old\n{END}\ntail\n");
        let filled = fill(&readme, VALUES);
        let rows: Vec<&str> = filled.lines().filter(|line| line.starts_with("| `")).collect();
        let expected = [
            "| `a.b` | `[1]` | One \\| or two. |",
            "| `c` | `{\"d\":1}` | All of it. |",
        ];
        assert_eq!(rows, expected);
        assert!(
            filled.starts_with("head\n") && filled.ends_with("\ntail\n"),
            "{filled}"
        );
        assert_eq!(fill(&filled, VALUES), filled);
    }

    /// Calls `visit` with the path of everything that is not a map with content.
    fn leaves(path: &[String], value: &Value, visit: &mut impl FnMut(&[String])) {
        match value.as_object().filter(|map| !map.is_empty()) {
            None => visit(path),
            Some(map) => map.iter().for_each(|(key, value)| {
                leaves(&[path, std::slice::from_ref(key)].concat(), value, visit);
            }),
        }
    }

    #[test]
    fn every_value_of_the_charts_is_explained() {
        for chart in CHARTS {
            let explained: Vec<_> = entries(chart.values)
                .into_iter()
                .map(|entry| entry.path)
                .collect();
            let values: Value = serde_saphyr::from_str(chart.values).unwrap();
            leaves(&[], &values, &mut |path| {
                let is_explained = explained.iter().any(|explained| path.starts_with(explained));
                assert!(is_explained, "{}: {} has no comment", chart.name, path.join("."));
            });
            assert!(
                chart.readme.contains(BEGIN) && chart.readme.contains(END),
                "{}",
                chart.name
            );
        }
    }
}
