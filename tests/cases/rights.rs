//! The rights of the operator and of the routers: what the documentation says they are, and that each of them is
//! needed. A verb is taken away, something must then fail for all to see, and heal once it is back.

mod document;
mod scene;
mod uses;

use anyhow::{Context as _, Result, ensure};
use weir_tests::{
    identity::{OPERATOR, ROUTER},
    rights::{Grant, grants},
};

use self::{
    scene::Scene,
    uses::{Use, of_operator, of_router},
};
use crate::context::{Context, figure};

pub(crate) use self::document::every_right_is_documented;

pub(crate) async fn every_verb_of_the_operator_is_needed(context: &Context) -> Result<()> {
    every_verb_is_needed(context, OPERATOR, of_operator).await
}

pub(crate) async fn every_verb_of_the_routers_is_needed(context: &Context) -> Result<()> {
    every_verb_is_needed(context, ROUTER, of_router).await
}

async fn every_verb_is_needed(
    context: &Context,
    account: &str,
    of: fn(&weir_tests::rights::Right) -> Option<Use>,
) -> Result<()> {
    let mut scene = Scene::set(context, account).await?;
    let grants = grants(&scene.site.cluster.kubectl, account).await?;
    ensure!(grants.len() > 3, "{account} has hardly any rights: {grants:?}");
    for grant in &grants {
        let right = &grant.right;
        let needed =
            of(right).with_context(|| format!("{right:?}: nothing needs it; take it out of the role"))?;
        is_needed(&mut scene, grant, &needed, account)
            .await
            .with_context(|| {
                format!(
                    "{account} without {} of {} {:?}",
                    right.verb, right.resource, right.names
                )
            })?;
    }
    figure(&format!(
        "{} verbs of {account}: each was missed when it was away",
        grants.len()
    ));
    Ok(())
}

/// Takes the right away, sees what fails, gives it back, and sees it heal.
async fn is_needed(scene: &mut Scene, grant: &Grant, needed: &Use, account: &str) -> Result<()> {
    let kubectl = scene.site.cluster.kubectl.clone();
    scene.prepare(needed).await?;
    grant.withdraw(&kubectl, account).await?;
    let missed = scene.miss(needed).await;
    grant.restore(&kubectl, account).await?;
    missed?;
    scene.heal(needed).await.context("it does not heal")
}
