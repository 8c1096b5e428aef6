//! What the snapshot in force says of itself: its tables, the shares that they configure, and how targets
//! fare. Read off whenever somebody looks, so that nothing has to be kept up to date.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::MetricType;

use super::histogram::Histogram;
use super::shares::configured;
use super::told::labels;
use crate::health::Healths;
use crate::state::{Report, Snapshot, TableState, Tables};

/// Tells it.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) tables: Arc<Tables>,
    pub(super) healths: Arc<Healths>,
    /// How long swaps took.
    pub(super) swaps: Arc<Histogram>,
}

impl Collector for InForce {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.tables.load();
        let help = "Tables deleted before they were emptied, whose last content still serves";
        gauge(&mut encoder, "orphaned_tables", help)?.encode_gauge(&orphans(&snapshot))?;
        let help =
            "1 while tables are served that were kept by an earlier run, because the API server lists none";
        let stale = u64::from(snapshot.kept.is_some());
        gauge(&mut encoder, "tables_stale", help)?.encode_gauge(&stale)?;
        let mut told = gauge(&mut encoder, "table_info", "The tables and what is served")?;
        snapshot
            .reports
            .iter()
            .try_for_each(|report| info(&mut told, report))?;
        let help = "When what is served was put in force, in seconds since 1970";
        let mut told = gauge(&mut encoder, "table_loaded_timestamp_seconds", help)?;
        snapshot
            .reports
            .iter()
            .try_for_each(|report| loaded(&mut told, report))?;
        let help = "The share of a policy's requests that a target is to be asked first";
        shares(&mut gauge(&mut encoder, "configured_share", help)?, &snapshot)?;
        let help = "1 while a model, or with an empty model a credential, is left alone because it failed";
        self.circuits(&mut gauge(&mut encoder, "circuit_open", help)?)?;
        let help = "From a change of tables or credentials to its being in force";
        let kind = MetricType::Histogram;
        self.swaps
            .encode(encoder.encode_descriptor("table_swap_duration_seconds", help, None, kind)?)
    }
}

fn gauge<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)
}

fn orphans(snapshot: &Snapshot) -> u64 {
    let orphaned = |report: &&Report| report.state == TableState::Orphaned;
    snapshot.reports.iter().filter(orphaned).count() as u64
}

fn info(told: &mut MetricEncoder<'_>, report: &Report) -> fmt::Result {
    let digest = report.served.as_ref().map_or("", |served| served.digest.short());
    let labels = [
        ("scope", report.scope_word()),
        ("namespace", report.namespace()),
        ("state", report.state.as_str()),
        ("digest", digest),
    ];
    told.encode_family(&labels)?.encode_gauge(&1_u64)
}

fn loaded(told: &mut MetricEncoder<'_>, report: &Report) -> fmt::Result {
    let Some(loaded) = report.loaded else {
        return Ok(());
    };
    let labels = [("scope", report.scope_word()), ("namespace", report.namespace())];
    told.encode_family(&labels)?.encode_gauge(&loaded)
}

fn shares(told: &mut MetricEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    for (name, share) in configured(snapshot) {
        told.encode_family(&labels(&name))?.encode_gauge(&share)?;
    }
    Ok(())
}

impl InForce {
    /// A model that is reached with several credentials is told once, and as open if any of its circuits is.
    fn circuits(&self, told: &mut MetricEncoder<'_>) -> fmt::Result {
        let circuits = self.healths.circuits();
        let mut open: BTreeMap<[&str; 4], u64> = BTreeMap::new();
        for circuit in &circuits {
            let name = circuit.name();
            let (region, model) = (name.region.as_deref(), name.model.as_deref());
            let key = [
                &*name.namespace,
                &*name.provider,
                region.unwrap_or_default(),
                model.unwrap_or_default(),
            ];
            *open.entry(key).or_default() |= u64::from(circuit.is_open());
        }
        for ([namespace, provider, region, model], open) in open {
            let labels = [
                ("namespace", namespace),
                ("provider", provider),
                ("region", region),
                ("model", model),
            ];
            told.encode_family(&labels)?.encode_gauge(&open)?;
        }
        Ok(())
    }
}
