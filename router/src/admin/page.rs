//! What the admin port says of the tables, for programs and for people. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use weir_table::Format;

use crate::state::{Report, Snapshot};

/// What of it is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// Only this namespace's table.
    namespace: Option<String>,
    /// With or without the policies.
    #[serde(default)]
    view: View,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum View {
    /// With the digest of every policy.
    #[default]
    Full,
    /// The tables' own digests alone.
    Digests,
}

/// The answer of `/api/tables`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    /// Those of tables that this router reads, newest first.
    formats: [u32; Format::ALL.len()],
    /// Whether they were kept by an earlier run, because the API server lists none.
    stale: bool,
    /// When that run was last seen, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_at: Option<i64>,
    tables: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    scope: &'static str,
    namespace: String,
    digest: Option<String>,
    state: &'static str,
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<BTreeMap<String, String>>,
}

/// What `snapshot` serves, as far as it is `wanted`.
pub(super) fn document(snapshot: &Snapshot, wanted: &Wanted) -> Document {
    let named = |report: &&Report| {
        wanted
            .namespace
            .as_deref()
            .is_none_or(|name| name == report.namespace())
    };
    let tables = snapshot
        .reports
        .iter()
        .filter(named)
        .map(|report| entry(report, wanted.view))
        .collect();
    Document {
        formats: Format::ALL.map(Format::number),
        stale: snapshot.kept.is_some(),
        kept_at: snapshot.kept,
        tables,
    }
}

fn entry(report: &Report, view: View) -> Entry {
    let served = report.served.as_deref();
    let digests = || {
        let policies = served.into_iter().flat_map(|served| &served.policies);
        policies
            .map(|(name, tree)| (name.clone(), tree.digest.to_string()))
            .collect()
    };
    Entry {
        scope: report.scope_word(),
        namespace: report.namespace().to_owned(),
        digest: served.map(|served| served.digest.to_string()),
        state: report.state.as_str(),
        error: report.state.error().map(str::to_owned),
        policies: (view == View::Full).then(digests),
    }
}

/// The status page.
pub(super) fn html(snapshot: &Snapshot) -> String {
    let mut rows = String::new();
    for report in &snapshot.reports {
        let served = report.served.as_deref();
        // Writing to a string does not fail.
        let _ok = write!(
            rows,
            "<tr><td>{}<td>{}<td>{}<td><code>{}</code><td>{}<td>{}",
            report.scope_word(),
            escaped(report.namespace()),
            report.state.as_str(),
            served.map_or("", |served| served.digest.short()),
            served.map_or(0, |served| served.policies.len()),
            escaped(report.state.error().unwrap_or_default()),
        );
    }
    let ready = match (snapshot.is_ready(), snapshot.kept) {
        (true, Some(_)) => "ready, and stale: it could not list its tables, and serves those of its last run",
        (true, None) => "ready",
        (false, _) => "not ready",
    };
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Weir router</title>\
         <style>body{{font:15px/1.5 system-ui;margin:2rem}}td,th{{text-align:left;padding:.2rem 1rem .2rem 0}}</style>\
         <h1>Weir router</h1><p>This router is <b>{ready}</b>. \
         <a href=/metrics>metrics</a> · <a href=/api/tables>tables as JSON</a></p>\
         <table><tr><th>scope<th>namespace<th>state<th>digest<th>policies<th>error{rows}</table></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
