//! `cargo xtask`: what the repository does to itself. It is a tool of those who build Weir; nothing of it ships.

mod generate;
mod images;
mod root;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What the repository does to itself.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Writes every generated file: `crds/`, and what is made of it.
    Generate(generate::Args),
    /// Builds the container images, without a container engine.
    Images(images::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Generate(args) => generate::run(&args),
        Task::Images(args) => images::run(&args),
    };
    let Err(error) = done else {
        return ExitCode::SUCCESS;
    };
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}
