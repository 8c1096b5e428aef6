//! The two rules for names that every part of Weir shares. Nothing here looks anything up.

/// The prefix by which a caller names a policy, and therefore no provider's name.
pub const RESERVED_PROVIDER: &str = "policy";

/// Whether `text` is a DNS label (RFC 1123): 1 to 63 lower-case letters, digits and inner hyphens.
pub fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` can name a provider: a DNS label that is not [`RESERVED_PROVIDER`].
pub fn is_provider_name(text: &str) -> bool {
    is_dns_label(text) && text != RESERVED_PROVIDER
}

#[cfg(test)]
mod tests {
    use super::{is_dns_label, is_provider_name};

    #[test]
    fn dns_labels_are_lower_case_letters_digits_and_inner_hyphens() {
        for good in ["a", "gpt-5", "0", &"x".repeat(63)] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a.b", "a_b", "é", &"x".repeat(64)] {
            assert!(!is_dns_label(bad), "{bad}");
        }
    }

    #[test]
    fn policy_is_not_a_provider() {
        assert!(is_provider_name("openai"));
        assert!(!is_provider_name("policy"));
    }
}
