//! `cargo xtask`: what the repository does to itself. It is a tool of those who build Weir; nothing of it ships.

mod generate;
mod root;

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
    /// Writes every generated file, such as those of `crds/`.
    Generate(generate::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().task {
        Task::Generate(args) => generate::run(&args),
    }
}
