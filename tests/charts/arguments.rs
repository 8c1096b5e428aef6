//! The arguments that the chart gives are arguments that the binaries take.

use anyhow::{Context, Result};
use clap::{CommandFactory as _, Parser as _};
use serde_json::Value;

use crate::rendered::{container, full_values, helm, render, strings};

async fn arguments(part: &str, values: &[&str]) -> Result<Vec<String>> {
    let objects = render(values).await?;
    let mut arguments = vec![format!("weir-{part}")];
    arguments.extend(strings(&container(&objects, part)?["args"], ""));
    Ok(arguments)
}

#[tokio::test]
async fn the_operator_takes_the_arguments_that_it_is_given() -> Result<()> {
    for values in [&[][..], &["--values", &full_values()]] {
        weir_operator::args::Args::try_parse_from(arguments("operator", values).await?)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_router_takes_the_arguments_that_it_is_given() -> Result<()> {
    for values in [&[][..], &["--values", &full_values()]] {
        weir_router::args::Args::try_parse_from(arguments("router", values).await?)?;
    }
    Ok(())
}

/// Every flag of the binaries that no value sets.
const FREE: [&str; 3] = ["--cache-max-age", "--identity", "--workers"];

#[tokio::test]
async fn a_flag_that_a_value_sets_is_not_taken_as_a_further_argument() -> Result<()> {
    let commands = [
        ("operator", weir_operator::args::Args::command()),
        ("router", weir_router::args::Args::command()),
    ];
    for (part, command) in commands {
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        for flag in flags.map(|flag| format!("--{flag}")) {
            let value = format!("{part}.extraArgs=[\"{flag}=x\"]");
            let output = helm()?.template(&["--set-json", &value]).await?;
            let is_free = FREE.contains(&flag.as_str());
            assert_eq!(output.code == 0, is_free, "{value}: {}", output.stderr);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_router_finds_its_token_where_it_is_mounted() -> Result<()> {
    let args = weir_router::args::Args::try_parse_from(arguments("router", &[]).await?)?;
    let objects = render(&[]).await?;
    let mounts = &container(&objects, "router")?["volumeMounts"];
    let path = args.admin_token_file.context("no file with a token")?;
    let folder = path.parent().context("no folder")?.display().to_string();
    let is_mounted = |mount: &Value| mount["mountPath"] == folder;
    assert!(
        mounts.as_array().into_iter().flatten().any(is_mounted),
        "{mounts}"
    );
    Ok(())
}
