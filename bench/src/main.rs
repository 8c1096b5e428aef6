//! Measures what forwarding costs, side by side in one run. Nothing here knows Weir's insides: it is asked
//! over HTTP like every other gateway, also where its instructions are counted.

mod accounting;
mod answers;
mod args;
mod dialect;
mod exchange;
mod figures;
mod http;
mod instructions;
mod load;
mod machine;
mod markdown;
mod micro;
mod nginx;
mod process;
mod report;
mod run;
mod scenario;
mod stats;
mod target;
mod upstream;
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
    if let Some(Command::Instructions(instructions)) = &args.command {
        return instructions.run();
    }
    let tasks = LocalSet::new();
    let report = tokio::select! {
        report = tasks.run_until(run::run(&args)) => report?,
        // Dropping the run ends what it has started.
        _ = ctrl_c() => bail!("interrupted"),
    };
    let text = match args.output {
        Format::Table => report.table(),
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
    };
    Ok(stdout().write_all(text.as_bytes())?)
}
