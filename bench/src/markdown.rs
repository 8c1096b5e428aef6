//! Tables that read well in a terminal and as Markdown. Pure: cells in, text out.

use std::fmt::Write as _;

/// The table of `rows` under `heads`; every column as wide as its widest cell.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| width(column, std::iter::once(&heads).chain(rows)))
        .collect();
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = String::new();
    for row in [&heads, &rule].into_iter().chain(rows) {
        line(&mut text, row, &widths);
    }
    text
}

fn width<'a>(column: usize, rows: impl Iterator<Item = &'a Vec<String>>) -> usize {
    let cells = rows.filter_map(|row| row.get(column));
    cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
}

fn line(text: &mut String, row: &[String], widths: &[usize]) {
    for (cell, width) in row.iter().zip(widths) {
        // Writing to a string does not fail.
        let _ok = write!(text, "| {cell:<width$} ");
    }
    text.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["a".to_owned(), "1–2".to_owned()],
            vec!["bcd".to_owned(), "3".to_owned()],
        ];
        let expected = "|     | µs  |\n| --- | --- |\n| a   | 1–2 |\n| bcd | 3   |\n";
        assert_eq!(table(&["", "µs"], &rows), expected);
    }
}
