//! Rights withdrawn and given back.

use anyhow::{Result, ensure};
use weir_tests::{
    control_plane::ControlPlane,
    identity::{self, OPERATOR, OPERATOR_CLUSTER_ROLE, ROUTER, SYSTEM},
    poll::becomes,
    site::Ways,
};

use super::{HEALING, SOON, Scene, WATCH_ERRORS, under_load};
use crate::context::Context;

/// The operator's count of watches that it may not open.
const FORBIDDEN: [&str; 2] = [WATCH_ERRORS, "reason=\"Forbidden\""];

/// Waits until the API server has noticed that an account may not, or may again, read what is in Weir's namespace.
async fn may_read(scene: &Scene, account: &str, expected: bool) -> Result<()> {
    let user = format!("--as={}", identity::user(account));
    let question = ["auth", "can-i", "list", "configmaps", "-n", SYSTEM, &user];
    let asked = async || Ok(scene.site.cluster.kubectl.run(&question).await?.stdout.trim() == "yes");
    becomes(&format!("{account}'s right to read"), SOON, expected, asked).await
}

/// Has processes ask for everything anew: a watch that stands is not asked for its rights again.
fn reconnect(scene: &Scene, way: fn(&Ways) -> &weir_tests::detour::Detour) -> Result<()> {
    let way = way(scene.ways()?);
    let server = scene.site.cluster.control_plane.as_ref();
    way.close();
    way.lead_to(
        &server
            .map(ControlPlane::api_address)
            .into_iter()
            .collect::<Vec<_>>(),
    );
    Ok(())
}

pub(crate) async fn an_operator_without_rights_says_so_and_goes_on_once_it_has_them(
    context: &Context,
) -> Result<()> {
    under_load(context, async |scene| {
        let (site, cluster) = (&scene.site, &scene.site.cluster);
        let (lease, watch) = (
            ["the lease can't be had", "forbidden"],
            ["the watch failed", "forbidden"],
        );
        let counted = scene.counted(&FORBIDDEN).await?;
        let (leases, watches) = (site.operator.logged(&lease)?, site.operator.logged(&watch)?);
        cluster
            .delete("ClusterRoleBinding", None, OPERATOR_CLUSTER_ROLE)
            .await?;
        cluster.delete("RoleBinding", Some(SYSTEM), OPERATOR).await?;
        may_read(scene, OPERATOR, false).await?;
        reconnect(scene, |ways| &ways.operator)?;
        scene.operator_says(&lease, leases).await?;
        scene.operator_says(&watch, watches).await?;
        scene.counts(&FORBIDDEN, counted).await?;
        scene.operator_leads(false).await?;
        let policy = scene.apply(2).await?;
        identity::install(&cluster.kubectl).await?;
        scene.is_programmed(&policy, HEALING).await
    })
    .await
}

pub(crate) async fn routers_without_rights_serve_what_they_have(context: &Context) -> Result<()> {
    under_load(context, async |scene| {
        let (site, cluster) = (&scene.site, &scene.site.cluster);
        cluster.delete("RoleBinding", Some(SYSTEM), ROUTER).await?;
        may_read(scene, ROUTER, false).await?;
        reconnect(scene, |ways| &ways.routers)?;
        let policy = scene.apply(2).await?;
        let waiting = cluster.condition(&policy, "Programmed", "False", SOON).await?;
        ensure!(waiting["reason"] == "Pending", "{waiting}");
        ensure!(
            site.routers[0].process.logged(&["a watch failed", "forbidden"])? > 0,
            "no router says why"
        );
        identity::install(&cluster.kubectl).await?;
        scene.is_programmed(&policy, HEALING).await
    })
    .await
}
