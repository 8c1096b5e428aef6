//! `weir check`: what the cluster would say of files. Reads, has it judged, and writes the report; the
//! judging is the compiler's.

mod human;
mod report;
mod rule;
mod sarif;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use weir_policy::compile::compile;

pub(crate) use self::report::{Finding, Level, Report, Subject};
use crate::args::{Check, ReportFormat, System};
use crate::error::{Error, Outcome};
use crate::files::{self, Input};
use crate::load::{self, References};
use crate::out::Out;

/// Checks what `args` name.
pub(crate) fn run(args: &Check) -> Result<Outcome, Error> {
    let inputs = files::read(&args.paths, args.depth()).map_err(|error| Error::Usage(error.to_string()))?;
    let report = judge(&inputs, &args.system, args.references(), unix_time());
    let mut out = Out::stdout();
    match args.output {
        ReportFormat::Human => human::write(&report, out.paint(), &mut out)?,
        ReportFormat::Json => json(&report, &mut out)?,
        ReportFormat::Sarif => json(&sarif::log(&report), &mut out)?,
    }
    out.flush()?;
    Ok(if report.is_in_order() {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

/// What is to be said of `inputs` at `now`, in seconds since 1970.
fn judge(inputs: &[Input], system: &System, references: References, now: i64) -> Report {
    let mut documents = load::documents(inputs, system);
    let not_checked = load::follow(&mut documents, references);
    let mut compiled = compile(&documents.snapshot, &BTreeMap::new());
    for compiled in compiled.values_mut() {
        let verdicts = std::mem::take(&mut compiled.verdicts);
        compiled.verdicts = verdicts.into_iter().map(|verdict| verdict.at(now)).collect();
    }
    Report::new(&documents, &compiled, not_checked)
}

/// The time, by which keys have expired or not.
fn unix_time() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn json(value: &impl serde::Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
