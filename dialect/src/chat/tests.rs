mod answers;
mod laws;
mod requests;
mod streams;
mod targets;
mod written_streams;

use crate::form::{Ask, Part};
use crate::{Refusal, Stamp, chat};

fn stamp() -> Stamp {
    Stamp {
        id: "req_0123".to_owned(),
        model: "upstream-1".to_owned(),
        created: 1_700_000_000,
    }
}

fn read(body: &str) -> Ask<'_> {
    chat::read_request(body.as_bytes()).unwrap()
}

fn refusal(body: &str) -> Refusal {
    chat::read_request(body.as_bytes()).unwrap_err()
}

/// The parts of all turns, one behind the other.
fn parts<'f, 'a>(ask: &'f Ask<'a>) -> Vec<&'f Part<'a>> {
    ask.turns.iter().flat_map(|turn| &turn.parts).collect()
}
