//! Who calls, and what may be named. Asked before a request's body is read: [`admit`] makes a [`Caller`] of a
//! request's headers, or the failure to answer with. What a caller may not name does not exist for it.
//!
//! Decides about callers only: what stands behind a name is `route`'s, and which keys there are is in the
//! snapshot. A key is hashed here and kept nowhere.

mod presented;

use weir_table::FailureClass;

use crate::error::Failure;
use crate::state::{Holder, Snapshot};

/// Who must have a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Everybody.
    Keys,
    /// Everybody as soon as there is any AccessKey, whatever it is worth. Before that keys are not looked at:
    /// SDKs always send one.
    KeysIfAny,
    /// Nobody; but a key that is sent must be a valid one as soon as there is any AccessKey.
    KeysOrNone,
}

/// How callers are let in.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Who must have a key.
    pub(crate) admission: Admission,
    /// The namespace of callers without one.
    pub(crate) default_namespace: String,
}

/// Who asks, as far as names go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    /// The namespace in which `policy/<name>` is looked up.
    pub(crate) namespace: &'a str,
    /// Whose key was presented; nobody in particular may name everything.
    pub(crate) holder: Option<&'a Holder>,
}

impl<'a> Caller<'a> {
    fn anybody(namespace: &'a str) -> Self {
        Self {
            namespace,
            holder: None,
        }
    }

    fn holding(holder: &'a Holder) -> Self {
        Self {
            namespace: &holder.namespace,
            holder: Some(holder),
        }
    }

    /// Whether it may know of `namespace` as such.
    pub(crate) fn knows(self, namespace: &str) -> bool {
        self.holder.is_none() || namespace == self.namespace
    }

    /// Whether it may name policy `name` of `namespace`, which is exposed to the namespaces that `exposed` says.
    pub(crate) fn may_name_policy(
        self,
        namespace: &str,
        name: &str,
        exposed: impl FnOnce(&str) -> bool,
    ) -> bool {
        self.holder.is_none_or(|holder| {
            let visible = namespace == self.namespace || exposed(self.namespace);
            visible && holder.policies.allows(namespace, name)
        })
    }

    /// Whether it may name `<provider>/<model>` itself.
    pub(crate) fn may_name_model(self, provider: &str, model: &str) -> bool {
        self.holder
            .is_none_or(|holder| holder.models.allows(provider, model))
    }
}

/// The caller whom `headers` speak for at `now`, in seconds since 1970.
pub(crate) fn admit<'a>(
    snapshot: &'a Snapshot,
    rules: &'a Rules,
    headers: &http::HeaderMap,
    now: i64,
) -> Result<Caller<'a>, Failure> {
    let Rules {
        admission,
        default_namespace,
    } = rules;
    let anybody = || Caller::anybody(default_namespace);
    if *admission != Admission::Keys && !snapshot.callers.are_any() {
        return if snapshot.listed {
            Ok(anybody())
        } else {
            Err(not_ready())
        };
    }
    match presented::key(headers)? {
        None if *admission == Admission::KeysOrNone => Ok(anybody()),
        None => Err(refused(
            "send a key as `Authorization: Bearer <key>` or `x-api-key: <key>`; an AccessKey says which keys there are",
        )),
        Some(key) => match snapshot.callers.find(key, now) {
            Some(holder) => Ok(Caller::holding(holder)),
            None if !snapshot.listed => Err(not_ready()),
            None => Err(refused(
                "the key is not valid here: it is unknown, expired, suspended or withdrawn",
            )),
        },
    }
}

/// A caller who is not let in.
fn refused(text: &'static str) -> Failure {
    Failure::new(FailureClass::Unauthenticated, text)
}

/// A key may be good, and its table not yet read: only time will tell.
fn not_ready() -> Failure {
    Failure::new(
        FailureClass::PolicyUnavailable,
        "the router has not read its tables yet",
    )
}

#[cfg(test)]
mod tests;
