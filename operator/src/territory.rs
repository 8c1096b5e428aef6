//! What is watched: which kinds, in which namespaces, and how much of it has been listed. Pure.
//!
//! A scope is compiled only when all that it is made of has been listed: a list that is missing is not an empty
//! one. What is everybody's must be there first; a namespace that can't be listed then harms only itself.

use std::collections::BTreeSet;

use weir_policy::object::ObjectRef;
use weir_table::Scope;

use crate::args::ClusterProviders;

/// The kinds of which each namespace has its own.
pub const NAMESPACED: [&str; 5] = [
    "LoadBalancingPolicy",
    "FallbackPolicy",
    "Provider",
    "AccessKey",
    "Secret",
];
/// The kinds that Weir's own namespace has for all.
const OWN: [&str; 2] = ["ConfigMap", "EndpointSlice"];

/// Objects that are listed together: of one kind, in one namespace or everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The kind.
    pub kind: &'static str,
    /// The namespace; `None` is everywhere, or Weir's own for a kind that is read only there.
    pub namespace: Option<String>,
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Territory {
    system_namespace: String,
    /// `None` is all of them.
    namespaces: Option<BTreeSet<String>>,
    cluster_providers: ClusterProviders,
}

impl Territory {
    /// These namespaces, or all if there are none among them; always with Weir's own.
    pub fn new(system_namespace: &str, namespaces: &[String], cluster_providers: ClusterProviders) -> Self {
        let own = [system_namespace.to_owned()];
        let all = namespaces.iter().chain(&own).cloned().collect();
        Self {
            system_namespace: system_namespace.to_owned(),
            namespaces: (!namespaces.is_empty()).then_some(all),
            cluster_providers,
        }
    }

    /// The places in which namespaced objects are watched; `None` is everywhere.
    pub fn places(&self) -> Vec<Option<String>> {
        match &self.namespaces {
            None => vec![None],
            Some(namespaces) => namespaces.iter().cloned().map(Some).collect(),
        }
    }

    /// What becomes of ClusterProviders.
    pub fn cluster_providers(&self) -> ClusterProviders {
        self.cluster_providers
    }

    /// Whether objects of `scope` are seen.
    pub fn holds(&self, scope: &Scope) -> bool {
        match (scope, &self.namespaces) {
            (Scope::Namespace(namespace), Some(watched)) => watched.contains(namespace),
            _ => true,
        }
    }

    /// Whether Events about `object` can be written. An API server takes those about objects of no namespace only in
    /// `default`, where an operator that is confined to some namespaces has no rights.
    pub fn takes_events_of(&self, object: &ObjectRef) -> bool {
        object.namespace.is_some() || self.namespaces.is_none()
    }

    /// How many watches that takes.
    pub fn watches(&self) -> usize {
        self.parts().len()
    }

    /// All that is listed.
    fn parts(&self) -> BTreeSet<Part> {
        let places = self.places();
        let namespaced = places.into_iter().flat_map(|namespace| {
            let part = move |kind| Part {
                kind,
                namespace: namespace.clone(),
            };
            NAMESPACED.into_iter().map(part)
        });
        let watched = self.cluster_providers != ClusterProviders::Off;
        let single = OWN.into_iter().chain(watched.then_some("ClusterProvider"));
        let namespace = None;
        namespaced
            .chain(single.map(|kind| Part {
                kind,
                namespace: namespace.clone(),
            }))
            .collect()
    }
}

/// What a first list has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing: more is needed.
    None,
    /// All that is everybody's is there.
    Ready,
    /// All of one more namespace is there.
    Namespace(String),
}

/// What is still to be listed.
#[derive(Debug, Clone)]
pub struct Listing {
    system_namespace: String,
    missing: BTreeSet<Part>,
}

impl Listing {
    /// Nothing has been listed yet.
    pub fn of(territory: &Territory) -> Self {
        Self {
            system_namespace: territory.system_namespace.clone(),
            missing: territory.parts(),
        }
    }

    /// A part has been listed.
    pub fn note(&mut self, part: &Part) -> News {
        let was_ready = self.is_ready();
        if !self.missing.remove(part) || !self.is_ready() {
            return News::None;
        }
        match &part.namespace {
            _ if !was_ready => News::Ready,
            Some(namespace) if self.has(namespace) => News::Namespace(namespace.clone()),
            _ => News::None,
        }
    }

    /// Whether all that is everybody's has been listed.
    pub fn is_ready(&self) -> bool {
        !self.missing.iter().any(|part| self.is_everybodys(part))
    }

    /// Whether all that `scope` is made of has been listed.
    pub fn covers(&self, scope: &Scope) -> bool {
        self.is_ready()
            && match scope {
                Scope::Cluster => true,
                Scope::Namespace(namespace) => self.has(namespace),
            }
    }

    /// What is still to be listed.
    pub fn missing(&self) -> impl Iterator<Item = &Part> {
        self.missing.iter()
    }

    fn has(&self, namespace: &str) -> bool {
        !self
            .missing
            .iter()
            .any(|part| part.namespace.as_deref() == Some(namespace))
    }

    /// Weir's own namespace holds the Secrets of ClusterProviders.
    fn is_everybodys(&self, part: &Part) -> bool {
        let namespace = part.namespace.as_deref();
        namespace.is_none_or(|namespace| namespace == self.system_namespace)
    }
}

#[cfg(test)]
mod tests {
    use weir_policy::object::{ObjectKind, ObjectRef};
    use weir_table::Scope;

    use super::{Listing, NAMESPACED, News, Part, Territory};
    use crate::args::ClusterProviders;

    fn territory(namespaces: &[&str], cluster_providers: ClusterProviders) -> Territory {
        let namespaces: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        Territory::new("weir-system", &namespaces, cluster_providers)
    }

    fn part(kind: &'static str, namespace: Option<&str>) -> Part {
        Part {
            kind,
            namespace: namespace.map(ToOwned::to_owned),
        }
    }

    fn list_namespace(listing: &mut Listing, namespace: Option<&str>) -> News {
        let news = NAMESPACED.map(|kind| listing.note(&part(kind, namespace)));
        news.into_iter().next_back().unwrap_or(News::None)
    }

    fn scope(namespace: &str) -> Scope {
        Scope::Namespace(namespace.to_owned())
    }

    #[test]
    fn weirs_own_namespace_is_always_watched() {
        let some = territory(&["a"], ClusterProviders::On);
        assert_eq!(
            some.places(),
            [Some("a".to_owned()), Some("weir-system".to_owned())]
        );
        assert!(some.holds(&scope("weir-system")) && some.holds(&Scope::Cluster));
        assert!(!some.holds(&scope("b")));
        assert_eq!(territory(&[], ClusterProviders::On).places(), [None]);
    }

    #[test]
    fn a_confined_operator_writes_no_events_about_objects_of_no_namespace() {
        let (all, some) = (
            territory(&[], ClusterProviders::On),
            territory(&["a"], ClusterProviders::On),
        );
        let object = |kind, namespace: Option<&str>| ObjectRef {
            kind,
            namespace: namespace.map(ToOwned::to_owned),
            name: "x".to_owned(),
        };
        let cluster = object(ObjectKind::ClusterProvider, None);
        assert!(all.takes_events_of(&cluster) && !some.takes_events_of(&cluster));
        assert!(some.takes_events_of(&object(ObjectKind::Provider, Some("a"))));
    }

    #[test]
    fn everything_is_needed_where_everything_is_listed_at_once() {
        let mut listing = Listing::of(&territory(&[], ClusterProviders::On));
        for kind in ["ConfigMap", "EndpointSlice", "ClusterProvider"] {
            assert_eq!(listing.note(&part(kind, None)), News::None);
        }
        assert!(!listing.covers(&Scope::Cluster));
        assert_eq!(list_namespace(&mut listing, None), News::Ready);
        assert!(listing.covers(&scope("a")) && listing.covers(&Scope::Cluster));
        assert_eq!(
            list_namespace(&mut listing, None),
            News::None,
            "a relist is no news"
        );
    }

    #[test]
    fn a_namespace_that_is_not_listed_holds_back_only_itself() {
        let mut listing = Listing::of(&territory(&["a", "b"], ClusterProviders::Off));
        assert_eq!(list_namespace(&mut listing, Some("a")), News::None);
        assert!(!listing.covers(&scope("a")), "what is everybody's comes first");
        listing.note(&part("ConfigMap", None));
        listing.note(&part("EndpointSlice", None));
        assert_eq!(list_namespace(&mut listing, Some("weir-system")), News::Ready);
        assert!(listing.covers(&scope("a")) && !listing.covers(&scope("b")));
        assert_eq!(listing.missing().count(), NAMESPACED.len());
        assert_eq!(
            list_namespace(&mut listing, Some("b")),
            News::Namespace("b".to_owned())
        );
        assert!(listing.covers(&scope("b")));
    }

    #[test]
    fn a_namespace_that_is_not_watched_needs_no_list() {
        let mut listing = Listing::of(&territory(&["a"], ClusterProviders::Off));
        listing.note(&part("ConfigMap", None));
        listing.note(&part("EndpointSlice", None));
        list_namespace(&mut listing, Some("weir-system"));
        assert!(listing.covers(&scope("taken-off")));
    }
}
