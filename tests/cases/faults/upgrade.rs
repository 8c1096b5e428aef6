//! A rolling update: routers and the operator leave and come one by one.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use weir_tests::{
    detour::Detour,
    load::{Load, Pace},
};

use super::{SOON, Scene};
use crate::context::{Context, figure};

/// How long one process may take to finish what it has begun.
const FAREWELL: Duration = Duration::from_mins(1);

pub(crate) async fn every_process_is_replaced_without_a_failed_request(context: &Context) -> Result<()> {
    let scene = Scene::new(context.start_troubled().await?).await?;
    // What callers reach is a Service, which leads to ready routers alone.
    let service = Detour::start(context.address(), &scene.site.addresses()).await?;
    let running = Load::chats(vec![service.address()], &scene.name(), Pace::PerSecond(40)).start();
    let began = Instant::now();
    for number in 0..scene.site.routers.len() {
        roll(&scene, &service, number).await?;
        scene.programmed(10 + u32::try_from(number)?, SOON).await?;
    }
    let took = began.elapsed();
    let report = running.stop().await;
    figure(&format!(
        "both routers, and the operator twice, were replaced within {took:.0?}: {} answers, {:?} failed",
        report.total(),
        report.failures
    ));
    report.all_good(100)
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
