//! The figures for people (Markdown, so that they can be kept) and for programs (JSON). It decides nothing
//! but what is worth a warning.

use serde::Serialize;

use crate::figures::{Measured, Row};
use crate::machine::Machine;
use crate::markdown::table;
use crate::stats::{Ratio, Spread};
use crate::summary::summary;

/// Above this share of its core the load generator may be what limits a figure.
const LOAD_BUSY: f64 = 0.97;

/// Below this share of its core a target was not.
const TARGET_IDLE: f64 = 0.9;

/// From this share of one core on, other processes spoil the figures.
const FOREIGN: f64 = 0.1;

/// What a run showed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Where.
    pub(crate) machine: Machine,
    /// How often each target was measured in each scenario.
    pub(crate) reps: u32,
    /// For how many seconds.
    pub(crate) seconds: f64,
    /// The loads.
    #[serde(flatten)]
    pub(crate) under_load: UnderLoad,
}

/// What the loads showed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnderLoad {
    /// What other processes and the machine's host took meanwhile, as a share of one core.
    pub(crate) foreign: f64,
    /// The loads, in order.
    pub(crate) scenarios: Vec<Measured>,
}

impl Report {
    /// All of it as Markdown.
    pub(crate) fn table(&self) -> String {
        let loads = |UnderLoad { foreign, scenarios }: &UnderLoad| {
            let each: String = scenarios.iter().map(scenario).collect();
            quiet(*foreign) + &each + &summary(scenarios)
        };
        self.told(loads)
    }

    /// The summary alone, with what bears on how far to trust it.
    pub(crate) fn brief(&self) -> String {
        let loads = |UnderLoad { foreign, scenarios }: &UnderLoad| {
            let limits: String = scenarios.iter().map(held_up).collect();
            quiet(*foreign) + &summary(scenarios) + &limits
        };
        self.told(loads)
    }

    fn told(&self, loads: impl Fn(&UnderLoad) -> String) -> String {
        let (machine, seconds, reps) = (self.machine.describe(), self.seconds, self.reps);
        format!("{machine}. {reps} rounds of {seconds} s for each target, in turns.\n")
            + &loads(&self.under_load)
    }
}

fn quiet(foreign: f64) -> String {
    let advice = if foreign < FOREIGN {
        ""
    } else {
        " **That is too much: these figures are for trying only.**"
    };
    let percent = foreign * 100.0;
    format!("Meanwhile everything else on the machine used {percent:.0} % of a core.{advice}\n")
}

fn scenario(measured: &Measured) -> String {
    let unit = measured.unit;
    let heads = [
        "",
        &format!("CPU µs per {unit}: min, median, max"),
        "to nginx (rounds: min, median, max)",
        &format!("{unit}s/s"),
        "busy: core, load",
        "p50, p99, slowest µs",
        "added p50, p99",
        "MiB idle, loaded",
    ];
    let rows: Vec<Vec<String>> = measured.rows.iter().map(figures).collect();
    let mut text = format!(
        "\n**{}**: {}\n\n{}",
        measured.scenario,
        measured.title,
        table(&heads, &rows)
    );
    text += &beside(measured);
    text + &held_up(measured)
}

fn figures(row: &Row) -> Vec<String> {
    let least = |spread: Option<Spread>| either(spread.map(|spread| spread.min), 0);
    vec![
        row.target.clone(),
        row.cpu_us.map_or_else(none, |cpu| {
            format!("**{:.1}** {:.1} {:.1}", cpu.min, cpu.median, cpu.max)
        }),
        row.cpu_to_nginx.map_or_else(none, ratio),
        either(row.per_second.map(|spread| spread.median), 0),
        format!("{}, {}", percent(row.busy), percent(row.load_busy)),
        format!(
            "{}, {}, {}",
            least(row.p50_us),
            least(row.p99_us),
            either(row.worst_us.map(|spread| spread.max), 0)
        ),
        format!("{}, {}", least(row.added_p50_us), least(row.added_p99_us)),
        format!("{}, {}", either(row.idle_mib, 1), either(row.loaded_mib, 1)),
    ]
}

/// What each takes and gets done as a multiple of the base's, where there is one.
fn beside(measured: &Measured) -> String {
    let Some(base) = &measured.base else {
        return String::new();
    };
    let told: Vec<Vec<String>> = measured
        .rows
        .iter()
        .filter_map(|row| Some((&row.target, row.cpu_to_base?, row.rate_to_base?)))
        .map(|(target, cpu, rate)| vec![target.clone(), ratio(cpu), ratio(rate)])
        .collect();
    let heads = [
        &*format!("beside {base} (rounds: min, median, max)"),
        "CPU time",
        &format!("{}s/s", measured.unit),
    ];
    format!("\n{}", table(&heads, &told))
}

/// The targets for which the load generator was the limit.
fn held_up(measured: &Measured) -> String {
    let rows = measured.rows.iter().filter(|row| is_held_up(row));
    let lines = rows.map(|row| {
        let (scenario, target) = (measured.scenario, &row.target);
        format!("\nIn `{scenario}` the load generator was the limit, not {target}.\n")
    });
    let lines = lines.collect();
    if measured.saturating { lines } else { String::new() }
}

/// Whether a target had time left while the load generator had none.
fn is_held_up(row: &Row) -> bool {
    let had_time = row.busy.is_some_and(|busy| busy.median < TARGET_IDLE);
    had_time && row.load_busy.is_some_and(|busy| busy.median > LOAD_BUSY)
}

fn ratio(Ratio { of_best, rounds }: Ratio) -> String {
    format!(
        "**{of_best:.2}** ({:.2} {:.2} {:.2})",
        rounds.min, rounds.median, rounds.max
    )
}

fn percent(share: Option<Spread>) -> String {
    share.map_or_else(none, |share| format!("{:.0} %", share.median * 100.0))
}

fn either(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(none, |figure| format!("{figure:.digits$}"))
}

fn none() -> String {
    "–".to_owned()
}
