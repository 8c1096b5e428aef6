//! Rolling upgrades: processes leave and come one by one, while both formats of tables are in play.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::time::Instant;
use weir_tests::{
    detour::Detour,
    load::{Load, Pace},
    poll::becomes,
};

use super::{RATE, SOON, Scene, went_on};
use crate::context::{Context, figure};

/// How long one process may take to finish what it has begun.
const FAREWELL: Duration = Duration::from_mins(1);

/// Waits until the policy's table is written in this format.
async fn is_written_as(scene: &Scene, format: u64) -> Result<()> {
    let read = async || written_as(&scene.table().await?);
    becomes("the table's format", SOON, format, read).await
}

fn written_as(map: &Value) -> Result<u64> {
    let text = map["data"]["table.json"]
        .as_str()
        .context("a table that is not plain")?;
    let document: Value = serde_json::from_str(text)?;
    let format = document["format"].as_u64().context("a table without a format")?;
    let annotated = map["metadata"]["annotations"]["weir.dev/format"].as_str();
    ensure!(
        annotated == Some(format.to_string().as_str()),
        "annotated as {annotated:?}: {text}"
    );
    Ok(format)
}

pub(crate) async fn processes_are_replaced_while_both_formats_are_in_play(context: &Context) -> Result<()> {
    let scene = Scene::new(context.start_troubled().await?).await?;
    // What callers reach is a Service, which leads to ready routers alone.
    let service = Detour::start(context.address(), &scene.site.addresses()).await?;
    let running = Load::chats(vec![service.address()], &scene.name(), Pace::PerSecond(RATE)).start();
    let started = Instant::now();
    is_written_as(&scene, 2).await?;
    // It gets ready by what it can read, and so is asked before it is.
    let address = context.address();
    let elder = scene.site.elder(address).await?;
    is_written_as(&scene, 1).await?;
    scene.site.admit(address).await?;
    let began = Instant::now();
    for number in 0..scene.site.routers.len() {
        roll(&scene, &service, number).await?;
        scene.programmed(10 + u32::try_from(number)?, SOON).await?;
        let format = written_as(&scene.table().await?)?;
        ensure!(format == 1, "the old router can't read format {format}");
    }
    figure(&format!(
        "both routers, and the operator twice, were replaced within {:.0?}",
        began.elapsed()
    ));
    scene.site.retire(elder).await?;
    is_written_as(&scene, 2).await?;
    scene.programmed(3, SOON).await?;
    let (report, lasted) = (running.stop().await, started.elapsed());
    figure(&format!(
        "{} answers through the Service meanwhile, {} failed",
        report.total(),
        report.failed()
    ));
    went_on(&report, lasted)
}

/// Replaces a router and then the operator.
async fn roll(scene: &Scene, service: &Detour, number: usize) -> Result<()> {
    let (site, all) = (&scene.site, scene.site.addresses());
    let others: Vec<_> = all
        .iter()
        .copied()
        .filter(|other| *other != all[number])
        .collect();
    service.lead_to(&others);
    site.roll_router(number, FAREWELL).await?;
    service.lead_to(&all);
    site.roll_operator(FAREWELL).await
}
