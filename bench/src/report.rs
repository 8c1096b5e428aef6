//! The figures for people (Markdown, so that they can be kept) and for programs (JSON). It decides nothing
//! but what is worth a warning.

use serde::Serialize;

use crate::figures::{Measured, Row, Verdict};
use crate::machine::Machine;
use crate::markdown::table;
use crate::micro::Choice;
use crate::scenario::Goal;
use crate::stats::{Ratio, Spread};

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
    pub(crate) under_load: Option<UnderLoad>,
    /// The choices alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) choices: Option<Vec<Choice>>,
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
    /// It as Markdown.
    pub(crate) fn table(&self) -> String {
        let (machine, seconds) = (self.machine.describe(), self.seconds);
        let mut text = format!(
            "{machine}. {} rounds of {seconds} s for each target, in turns.\n",
            self.reps
        );
        if let Some(UnderLoad { foreign, scenarios }) = &self.under_load {
            text += &quiet(*foreign);
            text.extend(scenarios.iter().map(scenario));
            if scenarios.len() > 1 {
                text += &overview(scenarios);
            }
        }
        text + &self.choices.as_deref().map(choices).unwrap_or_default()
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
        "p50, p99 µs",
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
    text += &translated(&measured.rows);
    let held_up = measured.rows.iter().filter(|row| is_held_up(row));
    text.extend(held_up.map(|row| format!("\nHere the load generator was the limit, not {}.\n", row.target)));
    text + &measured.verdict.as_ref().map(goal).unwrap_or_default()
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
        format!("{}, {}", least(row.p50_us), least(row.p99_us)),
        format!("{}, {}", least(row.added_p50_us), least(row.added_p99_us)),
        format!("{}, {}", either(row.idle_mib, 1), either(row.loaded_mib, 1)),
    ]
}

/// What each takes as a multiple of passing through, where something is translated.
fn translated(rows: &[Row]) -> String {
    let told: Vec<Vec<String>> = rows
        .iter()
        .filter_map(|row| Some(vec![row.target.clone(), ratio(row.cpu_to_untranslated?)]))
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let heads = [
        "",
        "CPU time to weir's, which passes through (rounds: min, median, max)",
    ];
    format!("\n{}", table(&heads, &told))
}

/// Whether a target had time left while the load generator had none.
fn is_held_up(row: &Row) -> bool {
    let had_time = row.busy.is_some_and(|busy| busy.median < TARGET_IDLE);
    had_time && row.load_busy.is_some_and(|busy| busy.median > LOAD_BUSY)
}

fn goal(Verdict { goal, found, reached }: &Verdict) -> String {
    let goal = match goal {
        Goal::Cpu(limit) => format!("CPU time at most {limit} times nginx's"),
        Goal::AddedLatency(limit) => format!("an added p50 of at most {limit} times nginx's"),
        Goal::Memory(idle, loaded) => format!("at most {idle} MiB idle and {loaded} MiB under load"),
    };
    let found: Vec<String> = found.iter().map(|figure| format!("{figure:.2}")).collect();
    let found = found.join(" and ");
    match reached {
        Some(true) => format!("\nGoal for Weir: {goal}. Reached: {found}.\n"),
        Some(false) => format!("\nGoal for Weir: {goal}. **Missed**: {found}.\n"),
        None => format!("\nGoal for Weir: {goal}. Not known, as something was left out.\n"),
    }
}

/// One line for each target, one column for each scenario.
fn overview(scenarios: &[Measured]) -> String {
    let names = scenarios.iter().map(|measured| measured.scenario);
    let heads: Vec<&str> = [""].into_iter().chain(names).chain(["MiB idle, most"]).collect();
    let rows: Vec<Vec<String>> = targets(scenarios)
        .into_iter()
        .map(|target| across(scenarios, target))
        .collect();
    format!(
        "\n**CPU time as a multiple of nginx's** (ratios of minima)\n\n{}",
        table(&heads, &rows)
    )
}

/// The targets, in the order in which they were first asked.
fn targets(scenarios: &[Measured]) -> Vec<&str> {
    let mut targets: Vec<&str> = Vec::new();
    for row in scenarios.iter().flat_map(|measured| &measured.rows) {
        if !targets.contains(&&*row.target) {
            targets.push(&row.target);
        }
    }
    targets
}

/// `target` in every scenario; not every one asks it.
fn across(scenarios: &[Measured], target: &str) -> Vec<String> {
    let rows: Vec<Option<&Row>> = scenarios
        .iter()
        .map(|measured| measured.rows.iter().find(|row| row.target == target))
        .collect();
    let asked = || rows.iter().copied().flatten();
    let idle = asked().find_map(|row| row.idle_mib);
    let most = asked().filter_map(|row| row.loaded_mib).reduce(f64::max);
    let ratios = rows.iter().map(|row| {
        either(
            row.and_then(|row| row.cpu_to_nginx).map(|ratio| ratio.of_minima),
            2,
        )
    });
    let memory = format!("{}, {}", either(idle, 1), either(most, 1));
    [target.to_owned()]
        .into_iter()
        .chain(ratios)
        .chain([memory])
        .collect()
}

fn choices(choices: &[Choice]) -> String {
    let row = |Choice {
                   targets,
                   nanoseconds: Spread { min, median, max },
                   goal,
               }: &Choice| {
        let word = if min <= goal { "reached" } else { "**missed**" };
        vec![
            targets.to_string(),
            format!("**{min:.0}** {median:.0} {max:.0}"),
            format!("at most {goal}: {word}"),
        ]
    };
    let rows: Vec<Vec<String>> = choices.iter().map(row).collect();
    let heads = ["targets", "ns: min, median, max", "goal"];
    format!("\n**micro**: choosing a target\n\n{}", table(&heads, &rows))
}

fn ratio(Ratio { of_minima, rounds }: Ratio) -> String {
    format!(
        "**{of_minima:.2}** ({:.2} {:.2} {:.2})",
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
