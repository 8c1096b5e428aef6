mod answers;
mod laws;
mod requests;
mod streams;

use crate::Stamp;

fn stamp() -> Stamp {
    Stamp {
        id: "req_0123".to_owned(),
        model: "upstream-1".to_owned(),
        created: 1_700_000_000,
    }
}
