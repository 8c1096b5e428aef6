//! What forwarding costs in instructions, which do not wobble: the real router under callgrind, asked one thing at
//! a time over loopback. What it executes outside the kernel for a request, or for an event of a stream, is compared
//! with the committed figure. Start-up is taken out by counting twice, with different numbers of requests.

mod counted;
mod figures;
mod sequence;

use std::io::{Write as _, stdout};
use std::path::Path;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::exchange::request;
use crate::markdown::table;
use crate::scenario::{EVENTS, Name, Scenario};
use crate::target::{MODEL, PATH};
use counted::Program;
use figures::{Figures, Verdict, judge};

/// What is counted, and by how many requests the two counts differ.
const CASES: [(Name, u32); 3] = [(Name::Sat, 2_000), (Name::Big, 1_000), (Name::Burst, 60)];

/// How many requests each count begins with: until connections, pools and caches are warm.
const WARM: u32 = 20;

/// Counts the instructions of a request, and of a stream's event, and compares them with the committed figures.
///
/// Needs valgrind (Debian: `apt-get install valgrind`). Other work on the machine does not matter. The figures are
/// those of the release build with the pinned toolchain; fails where one has grown by more than 3 %.
#[derive(Debug, Args)]
pub(crate) struct Instructions {
    /// Write what was counted into bench/instructions.json instead of comparing: commit it with the reason.
    #[arg(long)]
    update: bool,
    /// Only this one; may be repeated.
    #[arg(short, long = "scenario", value_name = "NAME")]
    scenarios: Vec<Name>,
}

impl Instructions {
    /// Counts, and says what became of each figure.
    pub(crate) fn run(&self) -> Result<()> {
        let program = Program::built()?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json");
        let mut committed = Figures::read(&file)?;
        let (mut rows, mut grown) = (Vec::new(), Vec::new());
        for (name, more) in CASES.into_iter().filter(|(name, _)| self.wants(*name)) {
            let scenario = Scenario::of(name);
            let counted = count(&program, &scenario, more)?;
            let verdict = judge(committed.of(scenario.name), counted);
            if matches!(verdict, Verdict::Grown | Verdict::New) {
                grown.push(scenario.name);
            }
            rows.push(row(&scenario, counted, committed.of(scenario.name), verdict));
            committed.set(scenario.name, counted);
        }
        let heads = ["", "instructions", "committed", ""];
        stdout().write_all(table(&heads, &rows).as_bytes())?;
        if self.update {
            return committed.write(&file);
        }
        if !grown.is_empty() {
            bail!(
                "{} costs more instructions than is committed, or nothing is: make it cheap again, or, where it is worth them, commit what \
                 `cargo run --release -p weir-bench -- instructions --update` writes",
                grown.join(", ")
            );
        }
        Ok(())
    }

    fn wants(&self, name: Name) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&name)
    }
}

/// Instructions for each request, or each event.
fn count(program: &Program, scenario: &Scenario, more: u32) -> Result<u64> {
    let few = counted::run(program, scenario, WARM)?;
    let many = counted::run(program, scenario, WARM + more)?;
    ensure!(many > few, "more requests took fewer instructions");
    let units = if scenario.is_streamed() {
        more * EVENTS
    } else {
        more
    };
    Ok((many - few) / u64::from(units))
}

fn row(scenario: &Scenario, counted: u64, committed: Option<u64>, verdict: Verdict) -> Vec<String> {
    vec![
        format!("{} ({}, per {})", scenario.name, scenario.title, scenario.unit()),
        counted.to_string(),
        committed.map_or_else(|| "–".to_owned(), |committed| committed.to_string()),
        verdict.to_string(),
    ]
}

/// What is asked again and again.
fn asked(scenario: &Scenario) -> Vec<u8> {
    // The address is only a name here; one that is always as long makes heads that are.
    request(scenario, ([127, 0, 0, 1], 8_080).into(), PATH, MODEL)
}
