//! Logs what changed from one snapshot to the next: when which table came into force is what anybody asks
//! first who looks for the cause of something. Nothing of a table but names and digests is logged.

use std::collections::BTreeMap;

use weir_table::Digest;

use super::snapshot::{Report, Served, Snapshot};

/// Logs what `after` serves otherwise than `before`: tables at `info`, and their policies at `debug`.
pub(super) fn announce(before: &Snapshot, after: &Snapshot) {
    for report in &after.reports {
        tell_table(report, before.served(&report.scope), report.served.as_deref());
    }
    let gone = before
        .reports
        .iter()
        .filter(|report| report.served.is_some() && after.served(&report.scope).is_none());
    for report in gone {
        tell_table(report, report.served.as_deref(), None);
    }
    if after.is_ready() && !before.is_ready() {
        tracing::info!("every table has been read; ready");
    }
}

fn tell_table(report: &Report, before: Option<&Served>, after: Option<&Served>) {
    if before.map(|served| &served.digest) == after.map(|served| &served.digest) {
        return;
    }
    let (scope, namespace) = (report.scope_word(), report.namespace());
    let digest = after.map_or("", |served| served.digest.short());
    let policies = after.map_or(0, |served| served.policies.len());
    tracing::info!(scope, namespace, digest, policies, "another table is in force");
    let digests = |served: Option<&Served>| -> BTreeMap<String, Digest> {
        let policies = served.into_iter().flat_map(|served| &served.policies);
        policies
            .map(|(name, tree)| (name.clone(), tree.digest.clone()))
            .collect()
    };
    let (before, after) = (digests(before), digests(after));
    for (policy, digest) in after
        .iter()
        .filter(|(name, digest)| before.get(*name) != Some(*digest))
    {
        tracing::debug!(namespace, policy, %digest, "a policy is served");
    }
    for policy in before.keys().filter(|name| !after.contains_key(*name)) {
        tracing::debug!(namespace, policy, digest = "", "a policy is served no more");
    }
}
