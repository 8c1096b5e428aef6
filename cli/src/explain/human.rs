//! An explanation for people: a table per draw, a list per order, indented by depth.

use std::collections::BTreeMap;
use std::io::{self, Write};

use weir_table::Model;

use super::arrival::Arrival;
use super::trace::{Candidate, Draw, Order, Rung, Standing, Step};
use crate::out::{Paint, Tone};

/// Writes why `key` arrives where it does.
pub(super) fn write(
    key: &str,
    step: &Step<'_>,
    arrival: &Arrival<'_, '_>,
    paint: Paint,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "key {key:?}\n")?;
    level(step, paint, "", out)?;
    let end = paint.word(Tone::Good, &arrival.model.model);
    writeln!(
        out,
        "\n→ {end} ({}), by {}",
        behind(arrival.model),
        arrival.path()
    )
}

/// Writes how many keys each model got.
pub(super) fn tally(counts: &BTreeMap<&str, u64>, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let total: u64 = counts.values().sum();
    for (model, count) in counts {
        let model = paint.word(Tone::Heading, model);
        writeln!(out, "{count:>9}  {:>6.2} %  {model}", percent(*count, total))?;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a percentage of counts far below 2⁵³")]
fn percent(count: u64, total: u64) -> f64 {
    count as f64 * 100.0 / total as f64
}

fn level(step: &Step<'_>, paint: Paint, indent: &str, out: &mut impl Write) -> io::Result<()> {
    match step {
        Step::Split(draw) => split(draw, paint, indent, out),
        Step::Chain(order) => chain(order, paint, indent, out),
        Step::Model(_) => Ok(()),
    }
}

fn split(draw: &Draw<'_>, paint: Paint, indent: &str, out: &mut impl Write) -> io::Result<()> {
    let Draw {
        policy,
        salt,
        candidates,
        next,
    } = draw;
    let name = paint.word(Tone::Heading, policy);
    writeln!(
        out,
        "{indent}{name} draws by weight (salt {salt:?}); the least score wins"
    )?;
    let width = candidates
        .iter()
        .map(|it| it.target.chars().count())
        .max()
        .unwrap_or_default()
        .max(6);
    writeln!(
        out,
        "{indent}    {:<width$}  {:>8}  {:>8}  {:<16}  score",
        "target", "weight", "share", "hash"
    )?;
    for candidate in candidates {
        let (mark, tone) = mark(candidate);
        let row = format!("{indent}  {mark} {}", row(candidate, width));
        writeln!(out, "{}", tone.map_or(row.clone(), |tone| paint.word(tone, &row)))?;
    }
    match next.as_deref() {
        Some(step) => level(step, paint, indent, out),
        None => Ok(()),
    }
}

fn mark(candidate: &Candidate<'_>) -> (char, Option<Tone>) {
    match candidate.standing {
        Standing::Wins => ('→', Some(Tone::Good)),
        Standing::Loses => (' ', None),
    }
}

fn row(candidate: &Candidate<'_>, width: usize) -> String {
    let Candidate {
        target,
        weight,
        share,
        hash,
        score,
        standing: _,
    } = candidate;
    let share = format!("{:.2} %", share * 100.0);
    let score = score.map_or("never".to_owned(), |score| format!("{score:.9}"));
    format!("{target:<width$}  {weight:>8}  {share:>8}  {hash}  {score}")
}

fn chain(order: &Order<'_>, paint: Paint, indent: &str, out: &mut impl Write) -> io::Result<()> {
    let Order { policy, rungs } = order;
    let name = paint.word(Tone::Heading, policy);
    writeln!(out, "{indent}{name} tries in this order")?;
    for (at, Rung { retries, step }) in rungs.iter().enumerate() {
        let number = at + 1;
        match step {
            Step::Model(model) => {
                writeln!(
                    out,
                    "{indent}  {number}. {} ({}), {}",
                    model.model,
                    behind(model),
                    again(*retries)
                )?;
            }
            Step::Split(Draw { policy, .. }) | Step::Chain(Order { policy, .. }) => {
                writeln!(out, "{indent}  {number}. policy/{policy}")?;
                level(step, paint, &format!("{indent}     "), out)?;
            }
        }
    }
    Ok(())
}

fn again(retries: u8) -> String {
    match retries {
        0 => "once".to_owned(),
        1 => "1 retry".to_owned(),
        _ => format!("{retries} retries"),
    }
}

fn behind(model: &Model) -> String {
    let Model {
        upstream,
        provider,
        region,
        ..
    } = model;
    match region {
        Some(region) => format!("{upstream} at provider {provider}, region {region}"),
        None => format!("{upstream} at provider {provider}"),
    }
}
