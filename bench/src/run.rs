//! The order of a run: start everything, measure the targets in turns, end everything.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use crate::accounting::{machine_time, own_time, processor_time, resident_mib};
use crate::args::{Args, Own};
use crate::figures::{Measured, Rounds, Sample};
use crate::machine::Machine;
use crate::report::{Report, UnderLoad};
use crate::scenario::Scenario;
use crate::target::{Scratch, Target};
use crate::upstream::Upstream;
use crate::way::Way;
use crate::weir::Setup;
use crate::{load, nginx, process, weir};

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
    Ok(Report {
        machine: Machine::look(),
        reps: args.reps,
        seconds: args.window().as_secs_f64(),
        under_load: measure(args).await?,
    })
}

async fn measure(args: &Args) -> Result<UnderLoad> {
    let loads: Vec<Scenario> = args.scenarios().into_iter().map(Scenario::of).collect();
    let weir = match &args.weir {
        _ if args.without.contains(&Own::Weir) => None,
        Some(program) => Some(program.clone()),
        None => Some(weir::built()?),
    };
    process::pin(std::process::id(), args.load_core)?;
    let ways: Vec<Way> = loads.iter().flat_map(|load| load.ways).copied().collect();
    let bench = Bench::start(args, weir.as_deref(), &ways).await?;
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

impl Bench {
    /// Starts what is asked on `ways`.
    async fn start(args: &Args, weir: Option<&Path>, ways: &[Way]) -> Result<Self> {
        let scratch = Scratch::new()?;
        let upstream = Upstream::start(args.upstream).await?;
        let mut ready = Vec::new();
        for mut target in targets(args, weir, ways, &upstream, scratch.path()).await? {
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
        // A process that is asked in several ways counts once.
        let pids: BTreeSet<u32> = self.targets.iter().filter_map(|(target, _)| target.pid).collect();
        for pid in pids {
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
            .filter(|(target, _)| scenario.ways.contains(&target.way));
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

/// Everything that is asked on `ways`, started where it does not run yet.
async fn targets(
    args: &Args,
    weir: Option<&Path>,
    ways: &[Way],
    upstream: &Upstream,
    scratch: &Path,
) -> Result<Vec<Target>> {
    let secure = if ways.iter().any(|way| way.is_secure()) {
        Some(upstream.secure().await?)
    } else {
        None
    };
    let (core, secure) = (args.proxy_core.to_string(), secure.as_ref());
    let direct = Target::direct(upstream.address);
    // What TLS adds to latency, it adds to what clear text takes.
    let mut targets = Vec::from([Way::Tls, Way::Http2Upstream].map(|way| direct.on(way)));
    targets.push(direct);
    if !args.without.contains(&Own::Nginx) {
        targets.extend(nginx::start(scratch, &core, upstream.address, secure).await?);
    }
    if let Some(program) = weir {
        let setup = Setup {
            scratch,
            program,
            upstream: upstream.address,
            secure,
        };
        targets.extend(weirs(&setup, args, ways).await?);
    }
    for other in args.others.clone() {
        let target = Target::from(other);
        target
            .pid
            .iter()
            .try_for_each(|pid| process::pin(*pid, args.proxy_core))?;
        targets.push(target);
    }
    targets.retain(|target| target.is_child() || ways.contains(&target.way));
    Ok(targets)
}

/// Weir, on each way that it can be asked on; with workers of its own only where they are asked for.
async fn weirs(setup: &Setup<'_>, args: &Args, ways: &[Way]) -> Result<Vec<Target>> {
    let weir = setup.start(&args.proxy_core.to_string()).await?;
    let mut targets: Vec<Target> = Way::OF_WEIR.iter().map(|way| weir.on(*way)).collect();
    targets.insert(0, weir);
    let both = format!("{},{}", args.proxy_core, args.load_core);
    for workers in [1, 2] {
        if ways.contains(&Way::Workers(workers)) {
            targets.push(setup.with_workers(&both, workers).await?);
        }
    }
    Ok(targets)
}

fn empty((target, idle_mib): &(Target, Option<f64>)) -> Rounds {
    Rounds {
        target: target.name.clone(),
        way: target.way,
        idle_mib: *idle_mib,
        samples: Vec::new(),
    }
}

async fn sample(scenario: Scenario, target: &Target, args: &Args) -> Result<Sample> {
    let scenario = target.load(scenario);
    let counted = load::run(scenario, target.asked(&scenario)?, args.window()).await?;
    Ok(Sample::of(&counted, target.pid.map(resident_mib).transpose()?))
}
