//! Anthropic's Messages, a caller's and a target's dialect.
//! <https://platform.claude.com/docs/en/api/messages/create>
//!
//! As a target's dialect it is that of `anthropic-version: 2023-06-01`: later versions refuse `temperature`,
//! `top_p` and `top_k`, which older models take.

mod answer;
mod blocks;
mod error;
mod finish;
mod heard;
mod read;
mod reader;
mod tools;
mod turns;
mod usage;
mod write;
mod writer;

pub use answer::{read_answer, write_answer};
pub use error::{error_body, error_event, error_kind};
pub use read::{read_count, read_request, write_count};
pub use reader::reader;
pub use write::write_request;
pub use writer::writer;

/// What this dialect is called in refusals.
const DIALECT: &str = "Anthropic's Messages";
