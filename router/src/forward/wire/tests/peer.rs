//! The same answers read by hyper's client: what is taken here hyper takes too, and reads the same. Where this is
//! stricter, it is so on purpose.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::{TestCaseError, prop_assert, prop_assert_eq, proptest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::Builder;

use super::laws::{answer, change, changed};
use super::{Layer, Wire, WireError, exchange, post};

/// Reads a request and answers it with `answer`, and closes.
async fn provide(mut io: DuplexStream, answer: Vec<u8>) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\nprompt") {
        if io.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let _gone = io.write_all(&answer).await;
}

/// A status and a whole body.
type Read = (u16, Bytes);

async fn ours(answer: Vec<u8>) -> Result<Read, WireError> {
    let (io, provider) = duplex(64 * 1024);
    let mut wire = Wire::begin(io, Layer::Clear);
    let (outcome, ()) = tokio::join!(exchange(&mut wire, post()), provide(provider, answer));
    let outcome = outcome?;
    outcome.end?;
    Ok((outcome.status.as_u16(), outcome.body.into()))
}

async fn hypers(answer: Vec<u8>) -> hyper::Result<Read> {
    let (io, provider) = duplex(64 * 1024);
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    let asked = async {
        let answer = sender.send_request(post()).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, body))
    };
    let (read, _ended, ()) = tokio::join!(asked, connection, provide(provider, answer));
    read
}

fn both(answer: &[u8]) -> (Result<Read, WireError>, hyper::Result<Read>) {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { (ours(answer.to_vec()).await, hypers(answer.to_vec()).await) })
}

/// Why something is refused here that hyper takes.
fn on_purpose(error: WireError) -> bool {
    [
        // Nobody asked for another protocol, and nobody here would speak it.
        "it changes to another protocol",
        // Neither does hyper decode what is coded otherwise; it hands it on as if it were the body.
        "its transfer coding is not only chunks",
        // Lists of equal lengths, which a proxy on the way may read otherwise, and lengths beside chunks.
        "its length is none",
        "it has two lengths",
        // A line end without its carriage return, in trailers.
        "a trailer has no line end",
        "it informs without end",
    ]
    .contains(&error.to_string().as_str())
}

fn agree(answer: &[u8]) -> Result<(), TestCaseError> {
    match both(answer) {
        (Ok(ours), hypers) => {
            prop_assert!(hypers.is_ok(), "hyper refuses it: {:?}", hypers);
            prop_assert_eq!(ours, hypers.unwrap());
        }
        (Err(error), Ok(_)) => prop_assert!(on_purpose(error), "hyper takes it: {}", error),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_good_answer_is_read_as_hyper_reads_it(answer in answer()) {
        let (ours, hypers) = both(&answer);
        prop_assert_eq!(ours.unwrap(), hypers.unwrap());
    }

    #[test]
    fn an_answer_that_was_tampered_with_is_read_as_hyper_reads_it_or_refused(
        answer in answer(),
        changes in vec(change(), 1..4),
    ) {
        let answer = changed(answer, &changes);
        agree(&answer)?;
    }
}

#[test]
fn what_hyper_takes_and_this_does_not() {
    let head = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
    for answer in [
        head("content-length: 2, 2\r\n") + "hi",
        head("transfer-encoding: gzip\r\n") + "hi",
        head("transfer-encoding: gzip, chunked\r\n") + "2\r\nhi\r\n0\r\n\r\n",
        head("transfer-encoding: chunked\r\ncontent-length: x\r\n") + "2\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 101 X\r\n\r\n".to_owned(),
    ] {
        let (ours, hypers) = both(answer.as_bytes());
        assert!(hypers.is_ok(), "{answer}");
        assert!(on_purpose(ours.unwrap_err()), "{answer}");
    }
}
