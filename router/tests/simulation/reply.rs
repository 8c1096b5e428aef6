//! A reply as a client of the API reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::history::{End, Reply};

/// A piece of content, which says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Of which attempt.
    pub(crate) visit: usize,
    /// Of which choice.
    pub(crate) choice: u64,
    /// Which of that choice.
    pub(crate) nth: usize,
}

/// What a reply is.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Not even a head, or not all of a plain answer, to a caller that left.
    Nothing,
    /// An error.
    Error { class: String, origin: String },
    /// An answer in one piece.
    Plain { content: BTreeMap<u64, Vec<Token>> },
    /// A stream, so far.
    Stream {
        content: BTreeMap<u64, Vec<Token>>,
        finished: BTreeSet<u64>,
        done: usize,
        error: Option<(String, String)>,
        /// Whether anything followed `[DONE]` or an error.
        after_end: bool,
        /// How many events said nothing but what the stream took.
        usage: usize,
    },
}

/// Reads a reply.
pub(crate) fn read(reply: &Reply) -> Result<Reading, String> {
    let Some((status, _)) = reply.head else {
        return Ok(Reading::Nothing);
    };
    let text = reply.text();
    if reply.header("content-type") == Some("text/event-stream") {
        return stream(&text);
    }
    if reply.end != End::Whole {
        return Ok(Reading::Nothing);
    }
    let document: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    if status == 200 {
        plain(&document)
    } else {
        let (class, origin) = error(&document)?;
        Ok(Reading::Error { class, origin })
    }
}

fn error(document: &Value) -> Result<(String, String), String> {
    let field = |name: &str| document["error"][name].as_str().map(str::to_owned);
    let both = field("class").zip(field("origin"));
    both.ok_or_else(|| format!("no error of ours: {document}"))
}

fn plain(document: &Value) -> Result<Reading, String> {
    let mut content = BTreeMap::new();
    for choice in document["choices"].as_array().ok_or("no choices")? {
        let text = choice["message"]["content"].as_str().ok_or("no content")?;
        content.insert(index(choice)?, tokens(text)?);
    }
    Ok(Reading::Plain { content })
}

fn stream(text: &str) -> Result<Reading, String> {
    let (mut content, mut finished) = (BTreeMap::<u64, Vec<Token>>::new(), BTreeSet::new());
    let (mut done, mut failed, mut after_end, mut usage) = (0, None, false, 0);
    // What a caller that left has of the last event is none yet.
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    for event in whole.split("\n\n").filter(|event| !event.is_empty()) {
        after_end |= done > 0 || failed.is_some();
        let data = event
            .strip_prefix("data: ")
            .ok_or_else(|| format!("an event {event:?}"))?;
        if data == "[DONE]" {
            done += 1;
            continue;
        }
        let chunk: Value = serde_json::from_str(data).map_err(|error| format!("{error}: {data}"))?;
        if chunk.get("error").is_some() {
            failed = Some(error(&chunk)?);
            continue;
        }
        let choices = chunk["choices"].as_array().ok_or("no choices")?;
        usage += usize::from(choices.is_empty() && chunk["usage"].is_object());
        for choice in choices {
            let at = index(choice)?;
            let text = choice["delta"]["content"].as_str().unwrap_or_default();
            let said = tokens(text)?;
            if !said.is_empty() {
                content.entry(at).or_default().extend(said);
            }
            if choice["finish_reason"].is_string() {
                finished.insert(at);
            }
        }
    }
    Ok(Reading::Stream {
        content,
        finished,
        done,
        error: failed,
        after_end,
        usage,
    })
}

fn index(choice: &Value) -> Result<u64, String> {
    choice["index"]
        .as_u64()
        .ok_or_else(|| "a choice without index".to_owned())
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    text.split_whitespace()
        .map(|word| token(word).ok_or_else(|| format!("nobody said {word:?}")))
        .collect()
}

fn token(word: &str) -> Option<Token> {
    let (visit, rest) = word.strip_prefix('v')?.split_once('c')?;
    let (choice, nth) = rest.split_once('n')?;
    Some(Token {
        visit: visit.parse().ok()?,
        choice: choice.parse().ok()?,
        nth: nth.parse().ok()?,
    })
}
