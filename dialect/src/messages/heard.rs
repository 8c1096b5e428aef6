//! A caller's request as it comes. Blocks are flat, with the fields of all kinds, because reading by `type`
//! first would copy every block; so they also read those that Weir has no place for. Fields without a meaning
//! for Weir stand here as they are, since what is not named is told to the caller as dropped.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::{Str, StrOr};

/// A text, or blocks.
pub(super) type Content<'a> = StrOr<'a, Blocks<'a>>;

#[derive(Deserialize)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub(super) messages: Vec<Message<'a>>,
    pub(super) system: Option<Content<'a>>,
    pub(super) max_tokens: Option<u64>,
    pub(super) stop_sequences: Option<Vec<Str<'a>>>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
    pub(super) stream: Option<bool>,
    pub(super) tools: Option<Vec<HeardTool<'a>>>,
    pub(super) tool_choice: Option<Choice<'a>>,
    pub(super) thinking: Option<Thinking<'a>>,
    pub(super) output_config: Option<OutputConfig<'a>>,
    /// Where `output_config.format` was before.
    pub(super) output_format: Option<Format<'a>>,
    pub(super) metadata: Option<Metadata<'a>>,
    pub(super) cache_control: Option<&'a RawValue>,
    pub(super) container: Option<&'a RawValue>,
    pub(super) context_management: Option<&'a RawValue>,
    pub(super) inference_geo: Option<&'a RawValue>,
    pub(super) mcp_servers: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Str<'a>,
    pub(super) content: Content<'a>,
}

/// A content block of any kind.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Str<'a>,
    pub(super) text: Option<Str<'a>>,
    pub(super) source: Option<StrOr<'a, Place<'a>>>,
    pub(super) title: Option<Str<'a>>,
    pub(super) id: Option<Str<'a>>,
    pub(super) name: Option<Str<'a>>,
    pub(super) input: Option<&'a RawValue>,
    pub(super) tool_use_id: Option<Str<'a>>,
    pub(super) content: Option<Content<'a>>,
    pub(super) is_error: Option<bool>,
    pub(super) thinking: Option<Str<'a>>,
    pub(super) signature: Option<Str<'a>>,
    pub(super) data: Option<Str<'a>>,
    pub(super) citations: Option<&'a RawValue>,
    pub(super) cache_control: Option<CacheControl<'a>>,
    /// Who called a tool; says nothing to others.
    #[serde(rename = "caller")]
    _caller: Option<&'a RawValue>,
}

/// Blocks. What Anthropic's own tools returned may be an object, and is passed over.
#[derive(Default)]
pub(super) struct Blocks<'a>(pub(super) Vec<Block<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Blocks<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BlocksVisitor)
    }
}

struct BlocksVisitor;

impl<'de> Visitor<'de> for BlocksVisitor {
    type Value = Blocks<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of content blocks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut blocks = Vec::with_capacity(list.size_hint().unwrap_or(0));
        while let Some(block) = list.next_element()? {
            blocks.push(block);
        }
        Ok(Blocks(blocks))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Blocks::default())
    }
}

#[derive(Deserialize)]
pub(super) struct Place<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Str<'a>,
    pub(super) media_type: Option<Str<'a>>,
    pub(super) data: Option<Str<'a>>,
    pub(super) url: Option<Str<'a>>,
    pub(super) file_id: Option<Str<'a>>,
    pub(super) content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct CacheControl<'a> {
    #[serde(rename = "type", borrow)]
    _kind: Str<'a>,
    pub(super) ttl: Option<Str<'a>>,
}

#[derive(Deserialize)]
pub(super) struct HeardTool<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Str<'a>>,
    pub(super) name: Option<Str<'a>>,
    pub(super) description: Option<Str<'a>>,
    pub(super) input_schema: Option<&'a RawValue>,
    pub(super) strict: Option<bool>,
    pub(super) cache_control: Option<CacheControl<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Str<'a>,
    pub(super) name: Option<Str<'a>>,
    pub(super) disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Thinking<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Str<'a>,
    pub(super) budget_tokens: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct OutputConfig<'a> {
    #[serde(borrow)]
    pub(super) effort: Option<Str<'a>>,
    pub(super) format: Option<Format<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Format<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Str<'a>,
    pub(super) schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) user_id: Option<Str<'a>>,
}

/// `citations` of a document.
#[derive(Deserialize)]
pub(super) struct Citations {
    #[serde(default)]
    pub(super) enabled: bool,
}
