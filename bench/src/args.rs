//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};

use crate::contention::Contention;
use crate::criterion::Criterion;
use crate::instructions::Instructions;
use crate::memory::Memory;
use crate::scenario::{Group, Name};
use crate::swaps::Swaps;
use crate::target::Other;
use crate::translation::Translation;

/// Measures what forwarding costs: no proxy, nginx, Weir and other gateways, side by side in one run.
///
/// All targets are asked in turns, A B C A B C, for a second or so each. The proxies share one core, the
/// load generator and the mock upstream another one. What counts is the time that all threads of a proxy
/// have been on a core, from the kernel's books, divided by the requests (for streams, the events) that
/// ended meanwhile. Every answer is verified; a single bad one fails the run. Only loopback addresses are
/// ever asked.
///
/// nginx, the mock upstream and `weir serve` are started here and killed at the end. Run by cargo, it builds
/// `weir` first. Let the machine be quiet: what else runs is measured too.
#[derive(Debug, Parser)]
#[command(name = "weir-bench", version, max_term_width = 100, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What else to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// What to measure; may be repeated. Without it, and without a group: every goal about time.
    #[arg(short, long = "scenario", value_name = "NAME")]
    scenarios: Vec<Name>,
    /// Several things to measure; may be repeated.
    #[arg(short, long = "group", value_name = "NAME")]
    groups: Vec<Group>,
    /// Print the summary only: what everything costs beside nginx, and what became of each goal.
    #[arg(short, long, conflicts_with = "output")]
    pub(crate) brief: bool,
    /// How often each target is measured in each scenario. The figures quoted are minima: take seven or more.
    #[arg(short, long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) reps: u32,
    /// How long each time, in seconds, warm-up not counted.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=30))]
    seconds: u64,
    /// Another gateway that runs already, configured to send MODEL to the mock upstream (give that a port
    /// by --upstream); its process is moved to the proxies' core. May be repeated.
    #[arg(long = "other", value_name = "NAME=URL,PID[,MODEL]")]
    pub(crate) others: Vec<Other>,
    /// Leave one of the harness's own out. Without nginx there are no ratios.
    #[arg(long, value_name = "NAME")]
    pub(crate) without: Vec<Own>,
    /// The `weir` to measure, instead of the one built with this program.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) weir: Option<PathBuf>,
    /// Where the mock upstream listens, for --other; port 0 is any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) upstream: SocketAddr,
    /// The core that the proxies share.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) proxy_core: usize,
    /// The core of the load generator and the mock upstream.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) load_core: usize,
    /// How to print the figures; json has those of every repetition.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p weir-bench                                every goal about time
  cargo run --release -p weir-bench -- --brief                     the same, told in two small tables
  cargo run --release -p weir-bench -- --group tls --group http2   TLS to the upstream, HTTP/2 on either side
  cargo run --release -p weir-bench -- -s sat --reps 15            one scenario, better founded
  cargo run --release -p weir-bench -- -s sat --without weir       is nginx as fast as it should be?
  cargo run --release -p weir-bench -- --upstream 127.0.0.1:9999 --other envoy=http://127.0.0.1:10000,4711";

/// What is done instead of comparing.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Instructions(Instructions),
    Contention(Contention),
    Criterion(Criterion),
    Memory(Memory),
    Translation(Translation),
    Swaps(Swaps),
}

/// What the harness starts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Own {
    /// nginx as a reverse proxy.
    Nginx,
    /// `weir serve`.
    Weir,
}

/// How figures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown tables.
    Table,
    /// One JSON document.
    Json,
}

impl Args {
    /// What is to be measured.
    pub(crate) fn scenarios(&self) -> Vec<Name> {
        let grouped = self.groups.iter().flat_map(|group| group.names());
        let mut names: Vec<Name> = Vec::new();
        for name in self.scenarios.iter().chain(grouped) {
            if !names.contains(name) {
                names.push(*name);
            }
        }
        if names.is_empty() {
            names.extend(Name::USUAL);
        }
        names
    }

    /// How long a repetition is counted.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Fails if the cores or addresses make no sense on this machine.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            self.upstream.ip().is_loopback(),
            "--upstream {}: not a loopback address",
            self.upstream
        );
        ensure!(
            self.proxy_core != self.load_core,
            "--proxy-core and --load-core must differ: on one core the load would slow what it measures"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Args;
    use crate::scenario::Name;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_scenario_the_usual_ones_are_measured() {
        assert_eq!(Args::parse_from(["weir-bench"]).scenarios(), Name::USUAL);
        assert_eq!(
            Args::parse_from(["weir-bench", "-s", "sse"]).scenarios(),
            [Name::Sse]
        );
        assert_eq!(
            Args::parse_from(["weir-bench", "-s", "sse", "--group", "table", "-g", "cores"]).scenarios(),
            [Name::Sse, Name::Sat, Name::Big, Name::Burst, Name::C8, Name::Two],
            "each once"
        );
    }

    #[test]
    fn a_run_is_bounded() {
        assert!(Args::try_parse_from(["weir-bench", "--reps", "0"]).is_err());
        assert!(Args::try_parse_from(["weir-bench", "--seconds", "31"]).is_err());
    }

    #[test]
    fn load_and_proxy_need_a_core_each() {
        let args = Args::parse_from(["weir-bench", "--proxy-core", "1"]);
        assert!(args.check().unwrap_err().to_string().contains("must differ"));
        let args = Args::parse_from(["weir-bench", "--upstream", "0.0.0.0:0"]);
        assert!(args.check().unwrap_err().to_string().contains("loopback"));
    }
}
