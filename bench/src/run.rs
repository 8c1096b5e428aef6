//! The order of a run: start everything, measure the targets in turns, end everything.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use crate::accounting::{machine_time, own_time, processor_time, resident_mib};
use crate::args::{Args, Own};
use crate::dialect::Dialect;
use crate::figures::{Measured, Rounds, Sample};
use crate::machine::Machine;
use crate::report::{Report, UnderLoad};
use crate::scenario::{Name, Scenario};
use crate::target::{Scratch, Target};
use crate::upstream::Upstream;
use crate::{load, micro, nginx, process, weir};

/// Everything that runs while it is measured.
#[derive(Debug)]
struct Bench {
    upstream: Upstream,
    /// The targets, and what each had resident when it first answered.
    targets: Vec<(Target, Option<f64>)>,
    _scratch: Scratch,
}

/// Measures what `args` say.
pub(crate) async fn run(args: &Args) -> Result<Report> {
    args.check()?;
    let under_load = match loads(args) {
        loads if loads.is_empty() => None,
        loads => Some(measure(args, loads).await?),
    };
    Ok(Report {
        machine: Machine::look(),
        reps: args.reps,
        seconds: args.window().as_secs_f64(),
        under_load,
        choices: args
            .scenarios()
            .contains(&Name::Micro)
            .then(|| micro::run(args.reps)),
    })
}

async fn measure(args: &Args, loads: Vec<Scenario>) -> Result<UnderLoad> {
    let weir = match &args.weir {
        _ if args.without.contains(&Own::Weir) => None,
        Some(program) => Some(program.clone()),
        None => Some(weir::built()?),
    };
    process::pin(std::process::id(), args.load_core)?;
    let bench = Bench::start(args, weir.as_deref()).await?;
    let (begun, others) = (Instant::now(), bench.others()?);
    let mut scenarios = Vec::new();
    for scenario in loads {
        scenarios.push(bench.measure(scenario, args).await?);
    }
    let others = bench.others()?.saturating_sub(others);
    Ok(UnderLoad {
        foreign: others.as_secs_f64() / begun.elapsed().as_secs_f64(),
        scenarios,
    })
}

fn loads(args: &Args) -> Vec<Scenario> {
    args.scenarios()
        .iter()
        .copied()
        .filter_map(Scenario::of)
        .collect()
}

impl Bench {
    async fn start(args: &Args, weir: Option<&Path>) -> Result<Self> {
        let scratch = Scratch::new()?;
        let upstream = Upstream::start(args.upstream).await?;
        let mut targets = vec![Target::direct(upstream.address)];
        if !args.without.contains(&Own::Nginx) {
            targets.push(nginx::start(scratch.path(), args.proxy_core, upstream.address).await?);
        }
        if let Some(program) = weir {
            let weir = weir::start(scratch.path(), args.proxy_core, upstream.address, program).await?;
            let translating = Dialect::TRANSLATED.map(|dialect| weir.translating(dialect));
            targets.push(weir);
            targets.extend(translating);
        }
        for other in args.others.clone() {
            let target = Target::from(other);
            target
                .pid
                .iter()
                .try_for_each(|pid| process::pin(*pid, args.proxy_core))?;
            targets.push(target);
        }
        let mut ready = Vec::new();
        for mut target in targets {
            let idle = target.ready().await?;
            ready.push((target, idle));
        }
        Ok(Self {
            upstream,
            targets: ready,
            _scratch: scratch,
        })
    }

    /// What the machine has done that is none of this run's.
    fn others(&self) -> Result<Duration> {
        let mut own = own_time()?;
        for pid in self.targets.iter().filter_map(|(target, _)| target.own_pid()) {
            own += processor_time(pid)?;
        }
        Ok(machine_time()?.saturating_sub(own))
    }

    /// One scenario: every target in each round.
    async fn measure(&self, scenario: Scenario, args: &Args) -> Result<Measured> {
        self.upstream.answer(scenario.answer);
        let targets = self
            .targets
            .iter()
            .filter(|(target, _)| target.is_asked(&scenario));
        let mut rounds: Vec<Rounds> = targets.clone().map(empty).collect();
        for round in 1..=args.reps {
            eprint!("\r{}: {} of {} ", scenario.name, round, args.reps);
            for ((target, _), rounds) in targets.clone().zip(&mut rounds) {
                let sample = sample(scenario, target, args).await;
                rounds
                    .samples
                    .push(sample.with_context(|| format!("{}: {}", scenario.name, target.name))?);
            }
        }
        eprintln!();
        Ok(Measured::of(&scenario, &rounds))
    }
}

fn empty((target, idle_mib): &(Target, Option<f64>)) -> Rounds {
    Rounds {
        target: target.name.clone(),
        idle_mib: *idle_mib,
        samples: Vec::new(),
    }
}

async fn sample(scenario: Scenario, target: &Target, args: &Args) -> Result<Sample> {
    let request = target.request(&scenario);
    let counted = load::run(scenario, target.address, request, target.pid, args.window()).await?;
    Ok(Sample::of(&counted, target.pid.map(resident_mib).transpose()?))
}
