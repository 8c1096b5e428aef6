//! The tables of `docs/rights.md`, as a real API server tells them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use weir_table::credential::{secret_name, shards};
use weir_tests::{
    identity::{OPERATOR, ROUTER, SYSTEM},
    rights::{Right, listed},
    tools::repository,
};

use super::uses::{Use, names, of_operator, of_router};
use crate::context::Context;

const BEGIN: &str = "<!-- rights: made by the tests -->\n";
const END: &str = "<!-- rights: end -->\n";

pub(crate) async fn every_right_is_documented(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("rights").await?;
    cluster.install().await?;
    let elsewhere = cluster.namespace("elsewhere").await?;
    let mut tables = String::new();
    for (account, of) in [
        (OPERATOR, of_operator as fn(&Right) -> Option<Use>),
        (ROUTER, of_router),
    ] {
        let everywhere = gathered(&listed(&cluster.kubectl, account, &elsewhere).await?);
        let here = gathered(&listed(&cluster.kubectl, account, SYSTEM).await?);
        let own = here.difference(&everywhere).cloned().collect();
        write!(tables, "\n## {account}\n\n")?;
        table(&mut tables, "In every namespace that is watched", &everywhere, of)?;
        table(&mut tables, "In its own namespace", &own, of)?;
    }
    compare(&tables)
}

/// The same with the gathered Secrets, each of which is told alone, as one.
fn gathered(rights: &BTreeSet<Right>) -> BTreeSet<Right> {
    let all: Vec<String> = shards().map(secret_name).collect();
    let one = |right: &Right, name: &String| Right {
        names: vec![name.clone()],
        ..right.clone()
    };
    let complete = |right: &Right| all.iter().all(|name| rights.contains(&one(right, name)));
    let joined = |right: &Right| match right.names.as_slice() {
        [name] if all.contains(name) && complete(right) => Right {
            names: all.clone(),
            ..right.clone()
        },
        _ => right.clone(),
    };
    rights.iter().map(joined).collect()
}

/// One row for each resource and what it is about; its verbs with what they are for.
fn table(
    into: &mut String,
    place: &str,
    rights: &BTreeSet<Right>,
    of: fn(&Right) -> Option<Use>,
) -> Result<()> {
    if rights.is_empty() {
        return Ok(());
    }
    write!(
        into,
        "{place}:\n\n| Resource | Names | Verb | For |\n|---|---|---|---|\n"
    )?;
    for right in rights {
        let Use { why, .. } = of(right).with_context(|| format!("{right:?}: nothing needs it"))?;
        let names = Some(names(right)).filter(|names| !names.is_empty());
        let names = names.unwrap_or_else(|| "all".to_owned());
        writeln!(into, "| {} | {names} | {} | {why} |", right.resource, right.verb)?;
    }
    into.push('\n');
    Ok(())
}

/// Compares with the documentation, or writes it where `UPDATE_DOCS` is set.
fn compare(tables: &str) -> Result<()> {
    let file = repository().join("docs/rights.md");
    let text = std::fs::read_to_string(&file)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("docs/rights.md has no place for the tables")?;
    let (documented, after) = rest
        .split_once(END)
        .context("docs/rights.md has no end of the tables")?;
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}{tables}{END}{after}"))?;
        return Ok(());
    }
    ensure!(
        documented == tables,
        "docs/rights.md says otherwise; UPDATE_DOCS=1 writes it anew, look at the difference:\n{tables}"
    );
    Ok(())
}
