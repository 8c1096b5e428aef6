//! What an answer took, as providers write it. A number that is not one makes the whole unreadable: it is
//! never guessed.

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_dialect::form::Usage;

/// The fields of every dialect that passes through.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details")]
    prompt_tokens_details: Option<Details>,
    #[serde(alias = "output_tokens_details")]
    completion_tokens_details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    #[serde(rename = "cached_tokens")]
    cached: Option<u64>,
    #[serde(rename = "cache_write_tokens")]
    cache_write: Option<u64>,
    #[serde(rename = "reasoning_tokens")]
    reasoning: Option<u64>,
}

/// `usage` of chat completions, completions, embeddings and responses, in which cached tokens are a part of
/// the prompt's. `DeepSeek` has its own name for those from its cache.
pub(super) fn openai(raw: &[u8]) -> Option<Usage> {
    let written: Written = serde_json::from_slice(raw).ok()?;
    let input = written.prompt_tokens.or(written.input_tokens);
    let output = written.completion_tokens.or(written.output_tokens);
    if input.is_none() && output.is_none() {
        return None;
    }
    let prompt = written.prompt_tokens_details.unwrap_or_default();
    let completion = written.completion_tokens_details.unwrap_or_default();
    Some(Usage {
        input: input.unwrap_or(0),
        cache_read: prompt.cached.or(written.prompt_cache_hit_tokens).unwrap_or(0),
        cache_write: prompt.cache_write.unwrap_or(0),
        output: output.unwrap_or(0),
        reasoning: completion.reasoning.unwrap_or(0),
    })
}

/// `usage` of Anthropic's messages, in which cached tokens stand beside the prompt's. In a stream it comes
/// several times, each with some of it: `before` is what was said so far.
pub(super) fn anthropic(raw: &RawValue, before: Option<Usage>) -> Option<Usage> {
    let Ok(written) = serde_json::from_str::<Written>(raw.get()) else {
        return before;
    };
    let known = before.unwrap_or_default();
    let cache_read = written.cache_read_input_tokens.unwrap_or(known.cache_read);
    let cache_write = written.cache_creation_input_tokens.unwrap_or(known.cache_write);
    let known_fresh = known
        .input
        .saturating_sub(known.cache_read)
        .saturating_sub(known.cache_write);
    let fresh = written.input_tokens.unwrap_or(known_fresh);
    Some(Usage {
        input: fresh.saturating_add(cache_read).saturating_add(cache_write),
        cache_read,
        cache_write,
        output: written.output_tokens.unwrap_or(known.output),
        reasoning: known.reasoning,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use weir_dialect::form::Usage;

    use super::{anthropic, openai};

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn what_openai_counts_in_is_counted_in() {
        let text = r#"{"prompt_tokens":10,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":5}}"#;
        let expected = Usage {
            input: 10,
            cache_read: 4,
            cache_write: 0,
            output: 7,
            reasoning: 5,
        };
        assert_eq!(openai(text.as_bytes()), Some(expected));
        let responses = text
            .replace("prompt_tokens", "input_tokens")
            .replace("completion_tokens", "output_tokens");
        assert_eq!(openai(responses.as_bytes()), Some(expected));
        assert_eq!(openai(b"{}"), None, "never invented");
    }

    #[test]
    fn what_anthropic_counts_beside_is_added() {
        let start = anthropic(
            &raw(
                r#"{"input_tokens":3,"cache_read_input_tokens":20,"cache_creation_input_tokens":100,"output_tokens":1}"#,
            ),
            None,
        );
        let end = anthropic(&raw(r#"{"output_tokens":9}"#), start).unwrap();
        assert_eq!(
            (end.input, end.cache_read, end.cache_write, end.output),
            (123, 20, 100, 9)
        );
    }
    #[test]
    fn what_no_number_can_hold_is_no_panic() {
        let most = u64::MAX;
        let text = format!(
            r#"{{"input_tokens":{most},"cache_read_input_tokens":{most},"cache_creation_input_tokens":1}}"#
        );
        let start = anthropic(&raw(&text), None);
        let end = anthropic(&raw(r#"{"output_tokens":9}"#), start).unwrap();
        assert_eq!((end.input, end.output), (most, 9));
    }
}
