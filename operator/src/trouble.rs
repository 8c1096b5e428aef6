//! What can come between the operator and the API server: a closed vocabulary for metrics, conditions, `/readyz`
//! and logs alike. Pure; it judges errors, and does nothing about them.

use kube::core::Status;
use prometheus_client::encoding::EncodeLabelValue;

/// Why the API server did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelValue)]
pub enum Trouble {
    /// The service account lacks the right (403).
    Forbidden,
    /// The service account's token is not taken (401).
    Unauthorized,
    /// The kind does not exist: its definition is not installed (404 on a list).
    NotInstalled,
    /// The object is not there (404).
    NotFound,
    /// The object is not what the request was made for (409).
    Conflict,
    /// A resource quota is used up (403).
    Quota,
    /// The namespace is being deleted, and takes nothing new (403).
    NamespaceTerminating,
    /// The API server is too busy (429).
    Throttled,
    /// The object is larger than the API server takes (413 or 422).
    TooLarge,
    /// The API server, or an admission webhook, refuses the object (400 or 422).
    Invalid,
    /// The place from which a watch was to go on is forgotten (410); it begins anew.
    Expired,
    /// The API server can't answer (5xx).
    Unavailable,
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// Anything else, such as an answer that can't be read.
    Other,
}

impl Trouble {
    /// What an error amounts to.
    pub fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::said(status),
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                Self::Unreachable
            }
            kube::Error::Auth(_) => Self::Unauthorized,
            _ => Self::Other,
        }
    }

    /// What the API server's own word amounts to.
    pub fn said(status: &Status) -> Self {
        match status.code {
            401 => Self::Unauthorized,
            403 => Self::of_refusal(status),
            404 => Self::NotFound,
            409 => Self::Conflict,
            410 => Self::Expired,
            413 => Self::TooLarge,
            _ if is_about_size(&status.message) => Self::TooLarge,
            400 | 422 => Self::Invalid,
            429 => Self::Throttled,
            504 => Self::Timeout,
            500..600 => Self::Unavailable,
            _ => Self::Other,
        }
    }

    /// A quota and a namespace that ends are told apart from a missing right by their words only.
    fn of_refusal(status: &Status) -> Self {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let is_ending = causes
            .into_iter()
            .any(|cause| cause.reason == "NamespaceTerminating");
        if is_ending || status.message.contains("because it is being terminated") {
            Self::NamespaceTerminating
        } else if status.message.contains("exceeded quota") {
            Self::Quota
        } else {
            Self::Forbidden
        }
    }

    /// One word, as in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Forbidden => "Forbidden",
            Self::Unauthorized => "Unauthorized",
            Self::NotInstalled => "NotInstalled",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::Quota => "Quota",
            Self::NamespaceTerminating => "NamespaceTerminating",
            Self::Throttled => "Throttled",
            Self::TooLarge => "TooLarge",
            Self::Invalid => "Invalid",
            Self::Expired => "Expired",
            Self::Unavailable => "Unavailable",
            Self::Unreachable => "Unreachable",
            Self::Timeout => "Timeout",
            Self::Other => "Other",
        }
    }

    /// What it means, for people; always the same words, so that a status that quotes them rests.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Forbidden => "the operator's service account may not do this: see its roles",
            Self::Unauthorized => "the API server does not take the operator's token",
            Self::NotInstalled => "the API server does not know this kind: install Weir's CRDs",
            Self::NotFound => "the object is not there",
            Self::Conflict => "the object is changed by somebody else all the time",
            Self::Quota => "a ResourceQuota of Weir's namespace is used up",
            Self::NamespaceTerminating => "the namespace is being deleted",
            Self::Throttled => "the API server is too busy",
            Self::TooLarge => "the object is larger than the API server takes",
            Self::Invalid => "the API server or an admission webhook refuses the object",
            Self::Expired => "the API server has forgotten where the watch was; it begins anew",
            Self::Unavailable => "the API server can't answer",
            Self::Unreachable => "there is no connection to the API server",
            Self::Timeout => "the API server did not answer in time",
            Self::Other => "see the operator's log",
        }
    }

    /// Every trouble, in the order in which they are defined.
    pub const ALL: [Self; 15] = [
        Self::Forbidden,
        Self::Unauthorized,
        Self::NotInstalled,
        Self::NotFound,
        Self::Conflict,
        Self::Quota,
        Self::NamespaceTerminating,
        Self::Throttled,
        Self::TooLarge,
        Self::Invalid,
        Self::Expired,
        Self::Unavailable,
        Self::Unreachable,
        Self::Timeout,
        Self::Other,
    ];
}

fn is_about_size(message: &str) -> bool {
    ["Too long", "too large", "larger than max"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::Trouble;

    fn said(code: u16, message: &str) -> Trouble {
        let status = serde_json::json!({"kind": "Status", "code": code, "message": message});
        let status: Status = serde_json::from_value(status).expect("a status");
        Trouble::said(&status)
    }

    #[test]
    fn what_shares_a_code_is_told_apart_by_its_words() {
        let right = r#"secrets "x" is forbidden: User "y" cannot patch resource "secrets" in API group """#;
        assert_eq!(said(403, right), Trouble::Forbidden);
        let quota = r#"configmaps "x" is forbidden: exceeded quota: q, requested: count/configmaps=1"#;
        assert_eq!(said(403, quota), Trouble::Quota);
        let ending = "forbidden: unable to create new content in namespace n because it is being terminated";
        assert_eq!(said(403, ending), Trouble::NamespaceTerminating);
        let size = r#"ConfigMap "x" is invalid: []: Too long: may not be more than 1048576 bytes"#;
        assert_eq!(said(422, size), Trouble::TooLarge);
        assert_eq!(said(500, "etcdserver: request is too large"), Trouble::TooLarge);
        assert_eq!(
            said(422, r#"admission webhook "w" denied the request"#),
            Trouble::Invalid
        );
    }

    #[test]
    fn codes_say_the_rest() {
        let codes = [401, 404, 409, 410, 429, 500, 503, 504, 418];
        let found = codes.map(|code| said(code, "").word());
        let expected = [
            "Unauthorized",
            "NotFound",
            "Conflict",
            "Expired",
            "Throttled",
            "Unavailable",
            "Unavailable",
            "Timeout",
            "Other",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn every_trouble_has_a_row_in_the_documentation_and_one_name() {
        let page = include_str!("../../docs/operator.md");
        for trouble in Trouble::ALL {
            assert_eq!(format!("{trouble:?}"), trouble.word());
            assert!(
                page.contains(&format!("\n| `{}` |", trouble.word())),
                "{}",
                trouble.word()
            );
        }
    }
}
