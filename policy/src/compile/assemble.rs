//! From judged policies and providers to one table that fits.

use std::collections::{BTreeMap, BTreeSet};

use weir_table::codec::{encode, store};
use weir_table::name::is_provider_name;
use weir_table::{CredentialId, Format, Model, Owner, Policy, ProviderEntry, Scope, Table};

use super::access::Caller;
use super::judge::{Record, Serves};
use crate::object::ObjectRef;
use crate::problem::{Cause, Problem};
use crate::resolve::{Judged, Surroundings};

/// The table of a namespace, and what became of its policies and callers; those that do not fit are marked.
pub(super) fn namespace(
    mut records: Vec<Record>,
    mut callers: Vec<Caller>,
    surroundings: &Surroundings<'_>,
) -> (Table, Vec<Record>, Vec<Caller>) {
    let table = table(&records, &callers, surroundings, &|_| true);
    if fits(&table) {
        return (table, records, callers);
    }
    let mut order: Vec<(i64, ObjectRef)> = ages(&records, &callers);
    order.sort();
    let table_of = |kept: &[(i64, ObjectRef)]| {
        let kept: BTreeSet<&ObjectRef> = kept.iter().map(|(_, object)| object).collect();
        self::table(&records, &callers, surroundings, &|object| kept.contains(object))
    };
    let room = longest_prefix(&order, |kept| fits(&table_of(kept)));
    let table = table_of(&order[..room]);
    let refused: BTreeSet<ObjectRef> = order.drain(room..).map(|(_, object)| object).collect();
    for record in records
        .iter_mut()
        .filter(|record| refused.contains(&record.object))
    {
        record.problems.push(full());
        record.serves = Serves::Nothing;
    }
    for caller in callers
        .iter_mut()
        .filter(|caller| refused.contains(&caller.object))
    {
        caller.problems.push(full());
    }
    (table, records, callers)
}

fn ages(records: &[Record], callers: &[Caller]) -> Vec<(i64, ObjectRef)> {
    let records = records
        .iter()
        .map(|record| (record.created, record.object.clone()));
    let callers = callers
        .iter()
        .map(|caller| (caller.created, caller.object.clone()));
    records.chain(callers).collect()
}

/// The table for direct calls.
pub(super) fn cluster(surroundings: &Surroundings<'_>) -> Table {
    let missing = surroundings
        .defined(Owner::Cluster)
        .values()
        .filter_map(lacking)
        .collect();
    let providers = defined(surroundings, Owner::Cluster).collect();
    Table {
        scope: Scope::Cluster,
        policies: BTreeMap::new(),
        providers,
        missing,
        access_keys: BTreeMap::new(),
    }
}

/// How many of the first items `accepts` takes; it must accept every prefix of what it accepts.
fn longest_prefix<T>(items: &[T], accepts: impl Fn(&[T]) -> bool) -> usize {
    let (mut accepted, mut refused) = (0, items.len() + 1);
    while refused - accepted > 1 {
        let middle = accepted.midpoint(refused);
        let bound = if accepts(&items[..middle]) {
            &mut accepted
        } else {
            &mut refused
        };
        *bound = middle;
    }
    accepted
}

/// Whether the table can be stored, whichever of its credentials there is room for, and however old its readers
/// are: neither must decide about its objects.
fn fits(table: &Table) -> bool {
    let all = table.missing.iter().chain(table.credentials()).cloned().collect();
    let longest = Table {
        missing: all,
        ..table.clone()
    };
    store(&encode(&longest, Format::OLDEST).json).is_some()
}

fn full() -> Problem {
    let message = "the namespace's routing table has no room for this object: it holds about a megabyte when \
                   compressed, and the oldest objects come first; delete some, or spread them over namespaces";
    Problem::new("metadata.name", Cause::TableFull, message)
}

/// The table of those records and callers that are `kept`.
fn table(
    records: &[Record],
    callers: &[Caller],
    surroundings: &Surroundings<'_>,
    kept: &dyn Fn(&ObjectRef) -> bool,
) -> Table {
    let served = records
        .iter()
        .filter(|record| kept(&record.object))
        .filter_map(|record| Some((record.object.name.clone(), record.serves.policy()?.clone())));
    let policies: BTreeMap<String, Policy> = served.collect();
    let providers = providers(&policies, surroundings);
    let missing = missing(&policies, &providers, surroundings);
    let callers = callers.iter().filter(|caller| kept(&caller.object));
    Table {
        scope: Scope::Namespace(surroundings.namespace.to_owned()),
        policies,
        providers,
        missing,
        access_keys: callers
            .map(|caller| (caller.object.name.clone(), caller.entry.clone()))
            .collect(),
    }
}

fn models(policies: &BTreeMap<String, Policy>) -> impl Iterator<Item = &Model> {
    policies.values().flat_map(|policy| policy.root.models())
}

/// The providers that the scope defines. One that is not accepted is gone, so that it still shadows another
/// of its name; one that no model could name is left out.
fn defined(surroundings: &Surroundings<'_>, owner: Owner) -> impl Iterator<Item = (String, ProviderEntry)> {
    let defined = surroundings
        .defined(owner)
        .iter()
        .filter(|(name, _)| is_provider_name(name));
    defined.map(|(name, judged)| ((*name).to_owned(), surroundings.direct_entry(name, judged)))
}

/// The namespace's own providers, and those of the cluster that its policies use.
fn providers(
    policies: &BTreeMap<String, Policy>,
    surroundings: &Surroundings<'_>,
) -> BTreeMap<String, ProviderEntry> {
    let used: BTreeSet<&str> = models(policies).map(|model| model.provider.as_str()).collect();
    let used = used.into_iter().map(|name| {
        let entry = surroundings
            .provider(name)
            .map_or(ProviderEntry::Gone, Judged::entry);
        (name.to_owned(), entry)
    });
    used.chain(defined(surroundings, Owner::Namespace)).collect()
}

/// The credentials that the table names and that can't be sent.
fn missing(
    policies: &BTreeMap<String, Policy>,
    providers: &BTreeMap<String, ProviderEntry>,
    surroundings: &Surroundings<'_>,
) -> BTreeSet<CredentialId> {
    let mut available = surroundings.origins();
    available.retain(|id, _| !surroundings.is_withheld(id));
    let own = models(policies).flat_map(|model| surroundings.unusable(model, &available));
    let managed = providers
        .values()
        .filter_map(ProviderEntry::live)
        .filter_map(|provider| provider.credential.id());
    let managed = managed.filter(|id| !available.contains_key(*id)).cloned();
    own.chain(managed).collect()
}

/// The credential of a provider that lacks its value.
fn lacking(judged: &Judged) -> Option<CredentialId> {
    let id = judged.credential().id().cloned()?;
    judged.credential_problem.is_some().then_some(id)
}
