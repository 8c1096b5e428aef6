//! Whether a stream's caller asked for its usage, and where in the body to ask for it instead. The chunk that
//! comes of it is dropped again, so that nobody sees what they did not ask for.

use std::ops::Range;

use bytes::Bytes;

use super::scan::{Member, members};
use super::splice::Edit;
use super::text::means;

/// What has to be said in place of `null`.
const OPTIONS: Bytes = Bytes::from_static(br#"{"include_usage":true}"#);

/// Whether usage comes with a stream.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Usage {
    /// The caller asked for it, or wrote something that only the provider can judge.
    AsAsked,
    /// Nobody asked, and there is no `stream_options` yet.
    Unasked,
    /// Nobody asked, and this change of `stream_options` would.
    UnaskedBut(Edit),
}

impl Usage {
    /// What `members` of `bytes` say.
    pub(crate) fn read(bytes: &[u8], members: &[Member]) -> Self {
        let mut options = named(bytes, members, "stream_options");
        match (options.next(), options.next()) {
            (None, _) => Self::Unasked,
            (Some(options), None) => Self::of_options(bytes, options.value.clone()),
            (Some(_), Some(_)) => Self::AsAsked,
        }
    }

    fn of_options(bytes: &[u8], at: Range<usize>) -> Self {
        let raw = &bytes[at.clone()];
        if raw == b"null" {
            return Self::UnaskedBut(Edit {
                range: at,
                with: OPTIONS,
            });
        }
        let Ok(inner) = members(raw) else {
            return Self::AsAsked;
        };
        let mut asked = named(raw, &inner, "include_usage");
        match (asked.next(), asked.next()) {
            (None, _) => Self::UnaskedBut(beginning(at.start + 1, inner.is_empty())),
            (Some(flag), None) => Self::of_flag(raw, at.start, flag.value.clone()),
            (Some(_), Some(_)) => Self::AsAsked,
        }
    }

    fn of_flag(options: &[u8], from: usize, flag: Range<usize>) -> Self {
        match &options[flag.clone()] {
            b"false" | b"null" => Self::UnaskedBut(Edit {
                range: from + flag.start..from + flag.end,
                with: Bytes::from_static(b"true"),
            }),
            _ => Self::AsAsked,
        }
    }
}

/// A first member for the object that begins before `at`.
fn beginning(at: usize, is_empty: bool) -> Edit {
    let with: &'static [u8] = if is_empty {
        br#""include_usage":true"#
    } else {
        br#""include_usage":true,"#
    };
    Edit {
        range: at..at,
        with: Bytes::from_static(with),
    }
}

fn named<'a>(bytes: &'a [u8], members: &'a [Member], name: &'a str) -> impl Iterator<Item = &'a Member> {
    members
        .iter()
        .filter(move |member| means(bytes, &member.name, name))
}
