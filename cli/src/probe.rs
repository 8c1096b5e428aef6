//! `weir probe`: real requests through a router, and what they prove. Asks, judges and reports; it needs no file
//! but the one with the key, and writes none.

mod check;
mod client;
mod expectation;
mod report;
mod router;
mod stream;
mod tries;

use std::io::Write as _;
use std::path::Path;

use tokio::time::Instant;

use self::check::Check;
use self::expectation::Expectation;
use self::report::{Finding, Report};
pub(crate) use self::router::RouterUrl;
use crate::args::{Format, Probe};
use crate::error::{Error, Outcome};
use crate::out::Out;
use crate::process;

/// Where a key is looked for if no file is named.
const KEY_VARIABLE: &str = "WEIR_KEY";

/// Runs every check, and says how each ended.
pub(crate) fn run(args: &Probe) -> Result<Outcome, Error> {
    let expectation = Expectation {
        model: args.model.to_string(),
        policy: args.model.name.clone(),
        text: args.expect.clone(),
        target: args.expect_model.clone(),
        key: key(args.key_file.as_deref())?,
    };
    let findings = process::block_on(all(args, &expectation))?;
    let report = Report::new(&args.url, &expectation.model, findings);
    let mut out = Out::stdout();
    match args.output {
        Format::Human => report.write(out.paint(), &mut out)?,
        Format::Json => report.write_json(&mut out)?,
    }
    out.flush()?;
    Ok(if report.passed {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

/// The checks in their order, within one time for all; none is made after one that failed.
async fn all(args: &Probe, expectation: &Expectation) -> Vec<Finding> {
    let deadline = Instant::now() + args.timeout;
    let mut findings: Vec<Finding> = Vec::new();
    for check in Check::ALL {
        let finding = if findings.iter().any(Finding::failed) {
            Finding::skipped(check, "an earlier check failed")
        } else if check == Check::WrongKey && expectation.key.is_none() {
            Finding::skipped(check, "no key was given, so the router may let everybody in")
        } else {
            tries::run(check, &args.url, expectation, deadline).await
        };
        findings.push(finding);
    }
    findings
}

/// The key to present, without the white space around it.
fn key(file: Option<&Path>) -> Result<Option<String>, Error> {
    let Some(path) = file else {
        let key = std::env::var(KEY_VARIABLE).unwrap_or_default();
        return presentable(&key, KEY_VARIABLE).map(|key| (!key.is_empty()).then_some(key));
    };
    let named = format!("--key-file {}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| Error::Usage(format!("{named}: {error}")))?;
    match presentable(&text, &named)? {
        key if key.is_empty() => Err(Error::Usage(format!(
            "{named}: the file is empty; it must hold the key of an AccessKey"
        ))),
        key => Ok(Some(key)),
    }
}

/// A key must fit into one line of a request's head. What it is, no message says.
fn presentable(text: &str, named: &str) -> Result<String, Error> {
    let key = text.trim_ascii();
    if key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(key.to_owned());
    }
    Err(Error::Usage(format!(
        "{named}: a key must be one line of printable ASCII without blanks"
    )))
}

#[cfg(test)]
mod tests {
    use super::presentable;

    #[test]
    fn what_can_be_no_key_is_refused_without_being_said() {
        assert_eq!(presentable(" k-1\n", "x").unwrap(), "k-1");
        let told = presentable("canary one\ncanary two", "--key-file k").unwrap_err();
        assert!(told.to_string().contains("--key-file k"), "{told}");
        assert!(!told.to_string().contains("canary"), "{told}");
    }
}
