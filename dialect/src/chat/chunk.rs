//! A chunk of a stream, as callers read it.

use serde::Serialize;

use super::conversation::ExtraOut;
use super::words::ChatUsage;

#[derive(Serialize)]
pub(super) struct Chunk<'e> {
    pub(super) id: &'e str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'e str,
    pub(super) choices: &'e [ChoiceOut<'e>],
    #[serde(skip_serializing_if = "UsageOut::is_absent")]
    pub(super) usage: UsageOut,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum UsageOut {
    Absent,
    Null(()),
    Known(ChatUsage),
}

impl UsageOut {
    /// The usage in a chunk before the last, for callers who asked for it or not.
    pub(crate) const fn yet(asked: bool) -> Self {
        if asked { Self::Null(()) } else { Self::Absent }
    }

    pub(crate) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

#[derive(Serialize)]
pub(super) struct ChoiceOut<'e> {
    pub(super) index: u32,
    pub(super) delta: Delta<'e>,
    pub(super) logprobs: (),
    pub(super) finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
pub(super) struct Delta<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_blocks: Option<[Block<'e>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_calls: Option<[Call<'e>; 1]>,
}

/// A piece of a block of reasoning. The SDKs put pieces together by `index`.
#[derive(Serialize)]
pub(super) struct Block<'e> {
    pub(super) index: u32,
    #[serde(flatten)]
    pub(super) piece: BlockPiece<'e>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BlockPiece<'e> {
    Thinking {
        thinking: &'e str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'e str>,
    },
    RedactedThinking {
        data: &'e str,
    },
}

impl<'e> BlockPiece<'e> {
    /// The text of a block whose proof is still to come; a proof or what is not shown ends a block.
    pub(super) const fn unproven(&self) -> Option<&'e str> {
        match self {
            Self::Thinking {
                thinking,
                signature: None,
            } => Some(thinking),
            _ => None,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Call<'e> {
    pub(super) index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'e str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    pub(super) function: Function<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra_content: Option<ExtraOut<'e>>,
}

#[derive(Serialize)]
pub(super) struct Function<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'e str>,
    pub(super) arguments: &'e str,
}

impl<'e> Call<'e> {
    /// A call begins.
    pub(super) fn begin(index: u32, id: &'e str, name: &'e str, signature: Option<&'e str>) -> Self {
        Self {
            index,
            id: Some(id),
            kind: Some("function"),
            function: Function {
                name: Some(name),
                arguments: "",
            },
            extra_content: signature.map(ExtraOut::new),
        }
    }

    /// More of a call's arguments.
    pub(super) const fn arguments(index: u32, arguments: &'e str) -> Self {
        Self {
            index,
            id: None,
            kind: None,
            function: Function {
                name: None,
                arguments,
            },
            extra_content: None,
        }
    }
}
