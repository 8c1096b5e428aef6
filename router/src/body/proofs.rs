//! Proofs of reasoning that no Claude gave. A caller of Messages gets what any target thought as thinking
//! blocks, and sends them back with its next request, which may go to a Claude: it refuses a proof that is
//! not its own. Only looks; takes nothing out.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// How the proofs begin that the router writes for other targets: none at all, Gemini's, and a call's.
const FOREIGN: [&[u8]; 3] = [b"\"\"", b"\"gemini:", b"\"call:"];

static SIGNATURE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"signature\""));

/// Whether some `signature` in `body` is not a Claude's. One inside a text has its quotes escaped, and so is
/// not found.
pub(super) fn has_foreign(body: &[u8]) -> bool {
    let is_foreign = |at: usize| {
        let after = body[at + SIGNATURE.needle().len()..].trim_ascii_start();
        let value = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| FOREIGN.iter().any(|begin| value.starts_with(begin)))
    };
    SIGNATURE.find_iter(body).any(is_foreign)
}

#[cfg(test)]
mod tests {
    use super::has_foreign;

    #[test]
    fn proofs_of_other_targets_are_found() {
        for proof in ["", "gemini:abc", "call:abc"] {
            let body =
                format!(r#"{{"content":[{{"type":"thinking","thinking":"x","signature" : "{proof}"}}]}}"#);
            assert!(has_foreign(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_claudes_own_and_what_is_only_text_are_left_alone() {
        let own = r#"{"content":[{"type":"thinking","thinking":"x","signature":"EqQBCkYIBxgC"}]}"#;
        let text = r#"{"content":"{\"signature\":\"\"}"}"#;
        assert!(!has_foreign(own.as_bytes()) && !has_foreign(text.as_bytes()));
    }
}
