//! However what comes is cut, it means the same; and whatever comes, nothing panics.

use http::Method;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

use super::scripted::{Come, Script};
use super::{Condition, Outcome, WireError, at_once, exchange, request};

/// An answer as a provider could write it.
pub(super) fn answer() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "HTTP/1.1 200 OK",
        "HTTP/1.1 429 ",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 204 No",
    ]);
    let headers = vec(header(), 0..4);
    (informational(), line, headers, body()).prop_map(|(first, line, headers, (kind, body))| {
        let chunks = kind.contains("chunked") && line.starts_with("HTTP/1.0");
        let line = if chunks { "HTTP/1.1 200 OK" } else { line };
        let headers = headers.concat();
        [
            first.as_bytes(),
            line.as_bytes(),
            b"\r\n",
            headers.as_bytes(),
            kind.as_bytes(),
            b"\r\n",
            &body,
        ]
        .concat()
    })
}

fn informational() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        5 => Just(""),
        1 => Just("HTTP/1.1 100 Continue\r\n\r\n"),
        1 => Just("HTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 103 X\r\n\r\n"),
    ]
}

fn header() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "content-type: text/plain\r\n",
        "X-Own:\r\n",
        "x-own: \t a b\r\n",
        "connection: close\r\n",
        "connection: keep-alive\r\n",
        "Date: x\r\n",
    ])
}

/// A body, and what the head says of it.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let bytes = || vec(any::<u8>(), 0..40);
    let chunk = (vec(any::<u8>(), 1..20), any::<bool>()).prop_map(|(bytes, extended)| {
        let size = if extended {
            format!("0{:X} ;a=b\r\n", bytes.len())
        } else {
            format!("{:x}\r\n", bytes.len())
        };
        [size.as_bytes(), &bytes, b"\r\n"].concat()
    });
    let end = prop::sample::select(vec!["0\r\n\r\n", "000\r\na: b\r\n\r\n"]);
    prop_oneof![
        bytes().prop_map(|bytes| (format!("Content-Length: {}\r\n", bytes.len()), bytes)),
        bytes().prop_map(|bytes| (String::new(), bytes)),
        (vec(chunk, 0..6), end).prop_map(|(chunks, end)| {
            (
                "transfer-encoding: chunked\r\n".to_owned(),
                [&chunks.concat(), end.as_bytes()].concat(),
            )
        }),
    ]
}

/// A change to an answer, which mostly is for the worse.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Put(prop::sample::Index, &'static str),
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index, usize),
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    let text = prop::sample::select(vec![
        "transfer-encoding: chunked\r\n",
        "\r\ncontent-length: 3",
        "\r\ntransfer-encoding: gzip, chunked",
        "\r\n",
        "\n",
        "\r",
        ": ",
        ",",
        ";",
        " ",
        "0",
        "5",
        "f",
        "0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 101 X\r\n\r\n",
    ]);
    prop_oneof![
        (at(), text).prop_map(|(at, text)| Change::Put(at, text)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 1_usize..8).prop_map(|(at, length)| Change::Cut(at, length)),
    ]
}

impl Change {
    fn make(&self, answer: &mut Vec<u8>) {
        match self {
            Self::Put(at, text) => {
                let at = at.index(answer.len() + 1);
                answer.splice(at..at, text.bytes());
            }
            Self::Set(at, byte) if !answer.is_empty() => {
                let at = at.index(answer.len());
                answer[at] = *byte;
            }
            Self::Cut(at, length) if !answer.is_empty() => {
                let at = at.index(answer.len());
                answer.drain(at..answer.len().min(at + length));
            }
            Self::Set(..) | Self::Cut(..) => {}
        }
    }
}

/// `answer` with `changes` made.
pub(super) fn changed(mut answer: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        change.make(&mut answer);
    }
    answer
}

/// What becomes of `answer`, cut at `cuts`, behind which the provider closes. Whether the connection can be used
/// again is left out: what comes too much is seen when it comes.
fn cut(answer: &[u8], cuts: &[prop::sample::Index], method: Method) -> Result<Outcome, WireError> {
    let mut places: Vec<usize> = cuts.iter().map(|at| at.index(answer.len() + 1)).collect();
    places.extend([0, answer.len()]);
    places.sort_unstable();
    places.dedup();
    cut_at(answer, &places, method)
}

fn cut_at(answer: &[u8], places: &[usize], method: Method) -> Result<Outcome, WireError> {
    let pieces = places.windows(2).map(|place| answer[place[0]..place[1]].to_vec());
    let reads = pieces.flat_map(|piece| [Come::Bytes(piece), Come::Later]);
    let script = Script::new(
        [Come::AfterWritten(1)]
            .into_iter()
            .chain(reads)
            .chain([Come::End]),
    );
    let outcome = at_once(exchange(&mut script.wire(), request(method, "prompt")))?;
    Ok(Outcome {
        after: Condition::Ended,
        ..outcome
    })
}

proptest! {
    #[test]
    fn an_answer_means_the_same_however_it_is_cut(
        answer in answer(),
        changes in vec(change(), 0..3),
        cuts in vec(any::<prop::sample::Index>(), 0..30),
        head in any::<bool>(),
    ) {
        let answer = changed(answer, &changes);
        let method = if head { Method::HEAD } else { Method::POST };
        prop_assert_eq!(cut(&answer, &cuts, method.clone()), cut(&answer, &[], method));
    }

    #[test]
    fn an_answer_means_the_same_byte_by_byte(answer in answer(), changes in vec(change(), 0..2)) {
        let answer = changed(answer, &changes);
        let everywhere: Vec<_> = (0..=answer.len()).collect();
        prop_assert_eq!(cut_at(&answer, &everywhere, Method::POST), cut(&answer, &[], Method::POST));
    }

    #[test]
    fn whatever_comes_nothing_panics(bytes in vec(any::<u8>(), 0..200), chunked in any::<bool>()) {
        let head = if chunked { "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" } else { "" };
        let _outcome = cut(&[head.as_bytes(), &bytes].concat(), &[], Method::POST);
    }
}
