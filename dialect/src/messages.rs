//! Anthropic's Messages, a caller's and a target's dialect.
//! <https://platform.claude.com/docs/en/api/messages/create>
//!
//! As a target's dialect it is that of `anthropic-version: 2023-06-01`: later versions refuse `temperature`,
//! `top_p` and `top_k`, which older models take.

mod answer;
mod blocks;

mod finish;

mod reader;
mod tools;
mod usage;
mod write;

pub use answer::{read_answer, write_answer};
pub use reader::reader;
pub use write::write_request;

/// What this dialect is called in refusals.
const DIALECT: &str = "Anthropic's Messages";
