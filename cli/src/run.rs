//! From the command line to the command that it names.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::args::{Cli, Command};
use crate::error::{Error, Outcome};
use crate::out::Out;
use crate::{check, demo, explain, probe, serve, simulate};

/// Runs what `arguments` ask for; the first of them is the program's own name.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<Outcome, Error> {
    let name = called(&arguments);
    let matches = Cli::command().bin_name(name).get_matches_from(arguments);
    let Cli { command } = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Completion { shell } => completion(shell),
        Command::Version => version(),
    }
}

/// What the user typed: kubectl runs a plugin by the name of its file.
fn called(arguments: &[OsString]) -> &'static str {
    let file = arguments.first().map(Path::new).and_then(Path::file_stem);
    match file {
        Some(file) if file == "kubectl-weir" => "kubectl weir",
        _ => "weir",
    }
}

/// The script is made in memory, because its maker panics when a pipe breaks.
fn completion(shell: clap_complete::Shell) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "weir", &mut script);
    let mut out = Out::stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Outcome::Good)
}

fn version() -> Result<Outcome, Error> {
    let mut out = Out::stdout();
    writeln!(out, "weir {}", env!("CARGO_PKG_VERSION"))?;
    out.flush()?;
    Ok(Outcome::Good)
}
