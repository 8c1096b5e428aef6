//! What each right is for, and how its absence is seen. A right that is not here is one too many.

use weir_table::credential::{secret_name, shards};
use weir_tests::rights::Right;

/// What a right is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// The same in words, for the documentation.
    pub(super) why: &'static str,
    /// What it does.
    pub(super) deed: Deed,
    /// What tells that it is missing.
    pub(super) symptom: Symptom,
    /// When it is missed.
    pub(super) missed: Missed,
}

/// Something that can be done only with a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// The status of an object of this kind follows its spec.
    Follow(&'static str),
    /// A rotated key reaches the providers.
    Rotate,
    /// A table that somebody altered is put right.
    Mend,
    /// A new namespace's table is published.
    Publish,
    /// A changed policy is served.
    Change,
    /// An emptied namespace's table is removed.
    Remove,
    /// A gathered Secret that somebody deleted is made anew.
    Gather,
    /// The Secret of the admin token is made.
    MakeToken,
    /// An endpoint that is no router is noticed.
    Notice,
    /// One replica leads.
    Lead,
    /// The Lease is made.
    MakeLease,
    /// An Event tells of a new trouble.
    Tell,
    /// An Event counts how often a trouble came back.
    TellAgain,
}

/// What tells that a right is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symptom {
    /// The operator's count of failed watches of this kind.
    WatchErrors(&'static str),
    /// The operator's count of statuses that could not be written.
    StatusesFailed,
    /// The operator's count of things of this kind that could not be published.
    PublishesFailed(&'static str),
    /// The operator's log.
    Logged(&'static str),
    /// The operator's count of failed requests for the Lease.
    LeaseErrors,
    /// The operator's count of Events that could not be written.
    EventsFailed,
    /// The restarted router says that it is stale.
    Stale,
    /// The restarted router's log.
    RouterLogged(&'static str),
}

/// When a right is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// When a process starts.
    AtStart,
    /// When it starts and finds that something had gone.
    AtStartAfter,
    /// When something changes while it runs; it opens its watches when it starts.
    AfterStart,
    /// At once.
    AtOnce,
}

/// The kinds that the operator watches, by resource.
const KINDS: [(&str, &str); 5] = [
    ("loadbalancingpolicies.weir.dev", "LoadBalancingPolicy"),
    ("fallbackpolicies.weir.dev", "FallbackPolicy"),
    ("providers.weir.dev", "Provider"),
    ("clusterproviders.weir.dev", "ClusterProvider"),
    ("accesskeys.weir.dev", "AccessKey"),
];

/// How the sixteen gathered Secrets are written as one.
pub(super) const GATHERED: &str = "weir-credentials-0 to -f";

/// The names of a right in short.
pub(super) fn names(right: &Right) -> String {
    let gathered: Vec<String> = shards().map(secret_name).collect();
    if right.names == gathered {
        return GATHERED.to_owned();
    }
    right.names.join(", ")
}

/// What the operator needs a right for.
pub(super) fn of_operator(right: &Right) -> Option<Use> {
    let names = names(right);
    let (resource, verb) = (right.resource.as_str(), right.verb.as_str());
    match resource {
        "secrets" if names.is_empty() => of_secrets(verb),
        "secrets" if names == GATHERED => of_gathered(verb),
        "secrets" if names == "weir-admin-token" => of_token(verb),
        "configmaps" => of_tables(verb),
        "events.events.k8s.io" => of_events(verb),
        "endpointslices.discovery.k8s.io" => of_endpoints(verb),
        "leases.coordination.k8s.io" => of_lease(verb),
        _ => of_kinds(resource, verb),
    }
}

fn needed(why: &'static str, deed: Deed, symptom: Symptom, missed: Missed) -> Use {
    Use {
        why,
        deed,
        symptom,
        missed,
    }
}

fn of_secrets(verb: &str) -> Option<Use> {
    let symptom = Symptom::WatchErrors("Secret");
    Some(match verb {
        "list" => needed("read the labelled ones", Deed::Rotate, symptom, Missed::AtStart),
        "watch" => needed("follow their changes", Deed::Rotate, symptom, Missed::AfterStart),
        _ => return None,
    })
}

fn of_gathered(verb: &str) -> Option<Use> {
    let failed = Symptom::PublishesFailed("Credentials");
    Some(match verb {
        "get" => needed(
            "read them before they are changed",
            Deed::Rotate,
            failed,
            Missed::AtStart,
        ),
        "create" => needed("make them", Deed::Gather, failed, Missed::AtStartAfter),
        "patch" => needed("pass a credential on", Deed::Rotate, failed, Missed::AtOnce),
        _ => return None,
    })
}

fn of_token(verb: &str) -> Option<Use> {
    let unmade = Symptom::Logged("there is no Secret with the admin token, and it could not be made here");
    Some(match verb {
        "create" => needed(
            "make it where there is none",
            Deed::MakeToken,
            unmade,
            Missed::AtOnce,
        ),
        "patch" => needed("make it by an apply", Deed::MakeToken, unmade, Missed::AtOnce),
        _ => return None,
    })
}

fn of_tables(verb: &str) -> Option<Use> {
    let unseen = Symptom::WatchErrors("ConfigMap");
    let unwritten = Symptom::PublishesFailed("Table");
    let stays = Symptom::PublishesFailed("Removal");
    Some(match verb {
        "list" => needed("read the published tables", Deed::Mend, unseen, Missed::AtStart),
        "watch" => needed(
            "see when somebody alters one",
            Deed::Mend,
            unseen,
            Missed::AfterStart,
        ),
        "create" => needed(
            "publish a namespace's first table",
            Deed::Publish,
            unwritten,
            Missed::AtOnce,
        ),
        "patch" => needed("publish a changed table", Deed::Change, unwritten, Missed::AtOnce),
        "delete" => needed(
            "remove an emptied namespace's table",
            Deed::Remove,
            stays,
            Missed::AtOnce,
        ),
        _ => return None,
    })
}

fn of_events(verb: &str) -> Option<Use> {
    let failed = Symptom::EventsFailed;
    Some(match verb {
        "create" => needed("tell of a trouble", Deed::Tell, failed, Missed::AtOnce),
        "patch" => needed(
            "count it when it comes back",
            Deed::TellAgain,
            failed,
            Missed::AtOnce,
        ),
        _ => return None,
    })
}

fn of_endpoints(verb: &str) -> Option<Use> {
    let symptom = Symptom::WatchErrors("EndpointSlice");
    Some(match verb {
        "list" => needed("find the routers", Deed::Notice, symptom, Missed::AtStart),
        "watch" => needed("see them come and go", Deed::Notice, symptom, Missed::AfterStart),
        _ => return None,
    })
}

fn of_lease(verb: &str) -> Option<Use> {
    let failed = Symptom::LeaseErrors;
    Some(match verb {
        "get" => needed("see who leads", Deed::Lead, failed, Missed::AtStart),
        "create" => needed(
            "make the Lease",
            Deed::MakeLease,
            Symptom::LeaseErrors,
            Missed::AtOnce,
        ),
        "update" => needed(
            "lead, and go on leading",
            Deed::Lead,
            Symptom::LeaseErrors,
            Missed::AtOnce,
        ),
        _ => return None,
    })
}

/// What the operator does with Weir's own kinds.
fn of_kinds(resource: &str, verb: &str) -> Option<Use> {
    let (base, part) = resource.split_once('/').unwrap_or((resource, ""));
    let (_, kind) = KINDS.into_iter().find(|(known, _)| *known == base)?;
    let (deed, unseen) = (Deed::Follow(kind), Symptom::WatchErrors(kind));
    Some(match (part, verb) {
        ("", "list") => needed("read what there is", deed, unseen, Missed::AtStart),
        ("", "watch") => needed("follow its changes", deed, unseen, Missed::AfterStart),
        ("status", "patch") => needed(
            "say what became of it",
            deed,
            Symptom::StatusesFailed,
            Missed::AtOnce,
        ),
        _ => return None,
    })
}

/// What a router needs a right for.
pub(super) fn of_router(right: &Right) -> Option<Use> {
    let names = names(right);
    let failed = Symptom::RouterLogged("a watch failed and is tried again");
    Some(
        match (right.resource.as_str(), names.as_str(), right.verb.as_str()) {
            ("configmaps", "", "list") => {
                needed("read the tables", Deed::Change, Symptom::Stale, Missed::AtStart)
            }
            ("configmaps", "", "watch") => {
                needed("follow their changes", Deed::Change, failed, Missed::AfterStart)
            }
            ("secrets", GATHERED, "list") => needed(
                "read the credentials",
                Deed::Rotate,
                Symptom::Stale,
                Missed::AtStart,
            ),
            ("secrets", GATHERED, "watch") => {
                needed("follow their changes", Deed::Rotate, failed, Missed::AfterStart)
            }
            _ => return None,
        },
    )
}
