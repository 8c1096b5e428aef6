//! A report for people: what is wrong, by place, and one line of summary.

use std::io::{self, Write};

use super::report::{Finding, Level, Report, Summary};
use crate::load::NotChecked;
use crate::out::{Paint, Tone};

/// Writes `report`.
pub(crate) fn write(report: &Report, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let mut heading = None;
    for finding in &report.findings {
        if heading.replace((&finding.place, &finding.object)) != Some((&finding.place, &finding.object)) {
            writeln!(out, "{}", paint.word(Tone::Heading, &head(finding)))?;
        }
        writeln!(out, "  {}", line(finding, paint))?;
    }
    if !report.findings.is_empty() {
        writeln!(out)?;
    }
    if !report.not_checked.is_empty() {
        writeln!(out, "{}", not_checked(&report.not_checked))?;
    }
    writeln!(out, "{}", summary(report.summary, paint))
}

fn head(finding: &Finding) -> String {
    let place = finding.place.as_ref().map(ToString::to_string);
    let words: Vec<String> = place.into_iter().chain(finding.object.clone()).collect();
    if words.is_empty() {
        "the compiled table".to_owned()
    } else {
        words.join("  ")
    }
}

fn line(finding: &Finding, paint: Paint) -> String {
    let level = match finding.level {
        Level::Error => paint.word(Tone::Error, "error"),
        Level::Warning => paint.word(Tone::Warning, "warning"),
    };
    match &finding.path {
        Some(path) => format!("{level}: {path}: {}", finding.message),
        None => format!("{level}: {}", finding.message),
    }
}

fn not_checked(kinds: &[NotChecked]) -> String {
    let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    format!(
        "Not checked: references to {}, of which these files hold none (--strict-refs counts them as missing).",
        kinds.join(" and ")
    )
}

fn summary(summary: Summary, paint: Paint) -> String {
    let Summary {
        objects,
        errors,
        warnings,
    } = summary;
    if objects + errors == 0 {
        return "Nothing of Weir's is in these files.".to_owned();
    }
    let objects = counted(objects, "object");
    let warned = match warnings {
        0 => String::new(),
        _ => format!(", {}", counted(warnings, "warning")),
    };
    if errors == 0 {
        return format!("{}: {objects}{warned}.", paint.word(Tone::Good, "In order"));
    }
    let errors = paint.word(Tone::Error, &counted(errors, "error"));
    format!("{errors}{warned} in {objects}.")
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
