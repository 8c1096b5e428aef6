//! An API server that restarts, forgets or falls silent.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;
use weir_tests::control_plane::ControlPlane;

use super::{HEALING, Scene, WATCH_ERRORS, survived, under_load};
use crate::context::{Context, figure};

/// How soon a connection that leads nowhere must have been given up.
const NOTICED: Duration = Duration::from_mins(4);

/// What the API server says to a watch that begins too early.
const GONE: &str = "too old resource version";

/// The operator's count of that.
const EXPIRED: [&str; 2] = [WATCH_ERRORS, "reason=\"Expired\""];

fn control_plane(scene: &Scene) -> Result<&ControlPlane> {
    let control_plane = scene.site.cluster.control_plane.as_ref();
    control_plane.context("no control plane of our own")
}

pub(crate) async fn an_api_server_that_restarts_again_and_again(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let (server, before) = (control_plane(scene)?, scene.counted(&[WATCH_ERRORS]).await?);
        for share in 2..5 {
            server.stop_api_server().await?;
            server.start_api_server().await?;
            scene.programmed(share, HEALING).await?;
        }
        scene.counts(&[WATCH_ERRORS], before).await
    })
    .await
}

pub(crate) async fn a_watch_whose_past_is_gone_begins_anew(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let (server, ways) = (control_plane(scene)?, scene.ways()?);
        let told = scene.site.operator.logged(&[GONE])?;
        let counted = scene.counted(&EXPIRED).await?;
        for way in [&ways.operator, &ways.routers] {
            way.close();
        }
        // Nobody sees these, and after the restart the server has no memory of them.
        for share in 2..5 {
            scene.apply(share).await?;
        }
        server.compact().await?;
        server.stop_api_server().await?;
        server.start_api_server().await?;
        for way in [&ways.operator, &ways.routers] {
            way.lead_to(&[server.api_address()]);
        }
        scene.is_programmed(&scene.policy(4), HEALING).await?;
        scene.operator_says(&[GONE], told).await?;
        scene.counts(&EXPIRED, counted).await?;
        let router = &scene.site.routers[0].process;
        ensure!(
            router.logged(&[GONE])? > 0,
            "no router was refused: {}",
            router.log_tail()
        );
        Ok(())
    })
    .await
}

/// It takes minutes, and so has an installation of its own.
pub(crate) async fn connections_that_lead_nowhere_are_given_up(context: &Context) -> Result<()> {
    survived(context.start_troubled().await?, async |scene| {
        let (site, ways) = (&scene.site, scene.ways()?);
        let (words, before) = (["the watch failed"], scene.counted(&[WATCH_ERRORS]).await?);
        let failed = site.operator.logged(&words)?;
        let began = Instant::now();
        ways.operator.strand();
        ways.routers.strand();
        scene.programmed(2, NOTICED).await?;
        figure(&format!(
            "with every connection to the API server silently dead, a change was served everywhere after {:.0?}",
            began.elapsed()
        ));
        scene.operator_says(&words, failed).await?;
        scene.counts(&[WATCH_ERRORS], before).await
    })
    .await
}
