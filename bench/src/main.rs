//! Measures what forwarding costs, side by side in one run. Nothing here knows Weir's insides: it is asked
//! over HTTP like every other gateway, also where its instructions are counted.

mod accounting;
mod answers;
mod args;
mod bodies;
mod caller;
mod contention;
mod criterion;
mod dialect;
mod exchange;
mod fed;
mod figures;
mod found;
mod goal;
mod http;
mod instructions;
mod load;
mod machine;
mod markdown;
mod memory;
mod nginx;
mod pace;
mod process;
mod report;
mod run;
mod scenario;
mod stats;
mod summary;
mod swaps;
mod target;
mod translation;
mod upstream;
mod way;
mod weir;

use std::io::{Write as _, stdout};

use anyhow::{Result, bail};
use args::{Args, Command, Format};
use clap::Parser as _;
use tokio::signal::ctrl_c;
use tokio::task::LocalSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let tasks = LocalSet::new();
    match &args.command {
        Some(Command::Instructions(instructions)) => instructions.run(),
        Some(Command::Contention(contention)) => until_interrupted(tasks.run_until(contention.run())).await,
        Some(Command::Criterion(criterion)) => criterion.run(),
        Some(Command::Memory(memory)) => until_interrupted(tasks.run_until(memory.run())).await,
        Some(Command::Translation(translation)) => {
            until_interrupted(tasks.run_until(translation.run())).await
        }
        Some(Command::Swaps(swaps)) => until_interrupted(tasks.run_until(swaps.run())).await,
        None => compare(&args, tasks).await,
    }
}

/// Dropping the `work` ends what it has started.
async fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        _ = ctrl_c() => bail!("interrupted"),
    }
}

async fn compare(args: &Args, tasks: LocalSet) -> Result<()> {
    let report = until_interrupted(tasks.run_until(run::run(args))).await?;
    let text = match args.output {
        Format::Table if args.brief => report.brief(),
        Format::Table => report.table(),
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
    };
    Ok(stdout().write_all(text.as_bytes())?)
}
