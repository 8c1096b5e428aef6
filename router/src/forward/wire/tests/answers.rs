//! What an answer is, what is none, and where one ends.

use std::future::poll_fn;
use std::task::Poll;

use super::scripted::{Come, Script};
use super::{Condition, Outcome, WireError, at_once, exchange, now, post};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// What becomes of `answer`, behind which the provider is silent.
fn of(answer: impl AsRef<[u8]>) -> Result<Outcome, WireError> {
    at_once(exchange(&mut Script::answering(answer).wire(), post()))
}

/// The same where the provider closes behind it.
fn closing(answer: impl AsRef<[u8]>) -> Result<Outcome, WireError> {
    let script = Script::answering(answer);
    script.lock().reads.push_back(Come::End);
    at_once(exchange(&mut script.wire(), post()))
}

fn head(headers: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n")
}

fn good(answer: impl AsRef<[u8]>) -> (String, Condition) {
    let outcome = of(answer).unwrap();
    assert_eq!(outcome.end, Ok(()));
    (String::from_utf8(outcome.body).unwrap(), outcome.after)
}

/// That `answer` has no head.
fn no_head(answer: impl AsRef<[u8]>) {
    let shown = String::from_utf8_lossy(answer.as_ref()).into_owned();
    let error = of(answer).expect_err(&shown);
    assert!(error.is_malformed(), "{shown}: {error}");
}

/// That the body of `answer` is broken.
fn no_body(answer: &str) {
    let outcome = of(answer).unwrap();
    let error = outcome.end.expect_err(answer);
    assert!(error.is_malformed(), "{answer}: {error}");
    assert_eq!(outcome.after, Condition::Ended);
}

#[test]
fn a_length_says_where_it_ends() {
    assert_eq!(
        good(head("content-length: 2\r\n") + "hi"),
        ("hi".into(), Condition::Ready)
    );
    assert_eq!(
        good(head("content-length: 0\r\n")),
        (String::new(), Condition::Ready)
    );
    let twice = head("content-length: 2\r\nContent-Length: 2\r\n") + "hi";
    assert_eq!(good(twice), ("hi".into(), Condition::Ready), "it is the same");
    let cut = closing(head("content-length: 3\r\n") + "hi").unwrap();
    assert_eq!(
        (&cut.body[..], cut.end, cut.after),
        (&b"hi"[..], Err(WireError::Cut), Condition::Ended)
    );
}

#[test]
fn a_length_is_one_number() {
    let overflow = "18446744073709551616";
    for length in [
        "", "-1", "+1", "1x", "0x1", "1, 1", "1,2", "1 1", "\u{b2}", overflow,
    ] {
        no_head(head(&format!("content-length: {length}\r\n")) + "hi");
    }
    no_head(head("content-length: 1\r\ncontent-length: 2\r\n") + "hi");
    no_head(head("content-length: x\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n");
    let most = closing(head("content-length: 18446744073709551613\r\n") + "hi").unwrap();
    assert_eq!((&most.body[..], most.end), (&b"hi"[..], Err(WireError::Cut)));
}

#[test]
fn more_than_was_asked_for_is_nobodys() {
    for after in ["x", "\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"] {
        let outcome = of(head("content-length: 2\r\n") + "hi" + after).unwrap();
        assert_eq!(
            (&outcome.body[..], outcome.after),
            (&b"hi"[..], Condition::Ended),
            "in one read"
        );
        let script = Script::answering(head("content-length: 2\r\n") + "hi");
        script.lock().reads.push_back(Come::Bytes(after.into()));
        let outcome = at_once(exchange(&mut script.wire(), post())).unwrap();
        assert_eq!(
            (&outcome.body[..], outcome.after),
            (&b"hi"[..], Condition::Ended),
            "in another"
        );
        let chunked = of(format!("{CHUNKED}2\r\nhi\r\n0\r\n\r\n{after}")).unwrap();
        assert_eq!((&chunked.body[..], chunked.after), (&b"hi"[..], Condition::Ended));
    }
}

#[test]
fn without_a_length_it_ends_with_the_connection() {
    let outcome = closing(head("x: y\r\n") + "hi").unwrap();
    assert_eq!(
        (&outcome.body[..], outcome.end, outcome.after),
        (&b"hi"[..], Ok(()), Condition::Ended)
    );
    let broken = Script::answering(head("") + "hi");
    broken
        .lock()
        .reads
        .push_back(Come::Fail(std::io::ErrorKind::ConnectionReset));
    let outcome = at_once(exchange(&mut broken.wire(), post())).unwrap();
    assert_eq!(
        outcome.end,
        Err(WireError::Broke(std::io::ErrorKind::ConnectionReset))
    );
}

#[test]
fn whether_a_connection_stays_is_said_in_its_head() {
    let body = "content-length: 2\r\n\r\nhi";
    for (head, after) in [
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n", Condition::Ended),
        ("HTTP/1.1 200 OK\r\nConnection: x , Close\r\n", Condition::Ended),
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\nconnection: keep-alive\r\n",
            Condition::Ended,
        ),
        (
            "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nconnection: close\r\n",
            Condition::Ended,
        ),
        ("HTTP/1.1 200 OK\r\nconnection: closed\r\n", Condition::Ready),
        ("HTTP/1.0 200 OK\r\n", Condition::Ended),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n", Condition::Ready),
        (
            "HTTP/1.0 200 OK\r\nconnection: keep-alive, close\r\n",
            Condition::Ended,
        ),
    ] {
        assert_eq!(good(format!("{head}{body}")), ("hi".into(), after), "{head}");
    }
}

#[test]
fn what_is_not_http_is_malformed() {
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\n leading: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    ] {
        no_head(answer);
    }
}

#[test]
fn a_head_is_bounded() {
    let headers = |count: usize| head(&("a: b\r\n".repeat(count) + "content-length: 0\r\n"));
    assert_eq!(good(headers(99)), (String::new(), Condition::Ready));
    no_head(headers(100));
    let long = |length: usize| head(&format!("a: {}\r\ncontent-length: 0\r\n", "b".repeat(length)));
    assert_eq!(good(long(65_000)), (String::new(), Condition::Ready));
    no_head(long(66_000));
    no_head("HTTP/1.1 200 OK\r\na: ".to_owned() + &"b".repeat(70_000));
}

#[test]
fn values_keep_their_bytes() {
    let outcome =
        of(b"HTTP/1.1 200 OK\r\nA:  b c\t\r\nempty:\r\nA: \xff\r\ncontent-length: 0\r\n\r\n").unwrap();
    let values: Vec<_> = outcome
        .headers
        .get_all("a")
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    assert_eq!(values, [&b"b c"[..], b"\xff"]);
    assert_eq!(outcome.headers["empty"], "");
}

#[test]
fn what_ends_before_its_head_does_is_no_answer() {
    assert_eq!(closing("").unwrap_err(), WireError::Closed);
    assert_eq!(
        closing("HTTP/1.1 200 OK\r\na: b\r\n").unwrap_err(),
        WireError::Cut
    );
    assert!(!WireError::Cut.is_malformed());
    let drops = Script::answering("HTTP/1.1 200 OK\r\n");
    drops.lock().reads.extend([Come::Bytes(b"\0".into()), Come::End]);
    let error = at_once(exchange(&mut drops.wire(), post())).unwrap_err();
    assert!(error.is_malformed(), "{error}");
}

#[test]
fn chunks_are_put_together() {
    for body in [
        "2\r\nhi\r\n0\r\n\r\n",
        "1\r\nh\r\n01\r\ni\r\n000\r\n\r\n",
        "2;ext=\"a\"\r\nhi\r\n0;last\r\n\r\n",
        "2 \t\r\nhi\r\n0\t;x\r\na: b\r\nc: d\r\n\r\n",
    ] {
        assert_eq!(
            good(format!("{CHUNKED}{body}")),
            ("hi".into(), Condition::Ready),
            "{body}"
        );
    }
    assert_eq!(
        good(format!("{CHUNKED}0\r\n\r\n")),
        (String::new(), Condition::Ready)
    );
    let large = "y".repeat(0xABC);
    assert_eq!(good(format!("{CHUNKED}aBc\r\n{large}\r\n0\r\n\r\n")).0, large);
}

#[test]
fn chunks_that_are_not_as_written_break_the_answer() {
    for body in [
        "\r\nhi\r\n0\r\n\r\n",
        "x\r\n",
        "-1\r\n",
        "0x2\r\nhi\r\n",
        "2\nhi\r\n0\r\n\r\n",
        "2\r\nhi\n0\r\n\r\n",
        "2\r\nhix\r\n",
        "2\rxhi\r\n",
        "2 2\r\nhi\r\n",
        "2;a\nb\r\nhi\r\n",
        "2;a\rb\r\nhi\r\n",
        "10000000000000000\r\nhi",
        "ffffffffffffffff0\r\nhi",
        "0\r\na: b\nc: d\r\n\r\n",
        "0\r\n\na: b\r\n\r\n",
        "0\r\nnothing\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\n\rx\r\n\r\n",
    ] {
        no_body(&format!("{CHUNKED}{body}"));
    }
}

#[test]
fn what_chunks_bring_along_is_bounded() {
    let extension = "x".repeat(1_000);
    let chunks = |count: usize| format!("1;{extension}\r\ny\r\n").repeat(count);
    assert_eq!(good(format!("{CHUNKED}{}0\r\n\r\n", chunks(16))).0.len(), 16);
    no_body(&format!("{CHUNKED}{}0\r\n\r\n", chunks(17)));
    no_body(&format!("{CHUNKED}1;{}", "x".repeat(17_000)));
    no_body(&format!("{CHUNKED}{}", "0".repeat(17_000)));
    no_body(&format!("{CHUNKED}0\r\na: {}", "x".repeat(17_000)));
    no_body(&format!("{CHUNKED}0\r\na: {}\r\n\r\n", "x".repeat(17_000)));
    no_body(&format!("{CHUNKED}0\r\n{}\r\n", "a: b\r\n".repeat(101)));
    assert_eq!(
        good(format!("{CHUNKED}0\r\n{}\r\n", "a: b\r\n".repeat(100))).1,
        Condition::Ready
    );
}

#[test]
fn chunks_that_break_off_never_look_whole() {
    let whole = format!("{CHUNKED}2;x\r\nhi\r\n0\r\na: b\r\n\r\n");
    for length in CHUNKED.len()..whole.len() {
        let outcome = closing(&whole[..length]).unwrap();
        assert_eq!(
            (outcome.end, outcome.after),
            (Err(WireError::Cut), Condition::Ended),
            "{length}"
        );
    }
}

#[test]
fn only_chunks_are_a_coding_and_a_length_beside_them_is_not_trusted() {
    for coding in [
        "gzip",
        "identity",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "xchunked",
        "",
        "\"chunked\"",
    ] {
        no_head(head(&format!("transfer-encoding: {coding}\r\n")) + "0\r\n\r\n");
    }
    no_head(head("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n");
    no_head("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    let both =
        of(head("content-length: 99\r\nTransfer-Encoding: CHUNKED\r\n") + "2\r\nhi\r\n0\r\n\r\n").unwrap();
    assert_eq!(
        (&both.body[..], both.end, both.after),
        (&b"hi"[..], Ok(()), Condition::Ended)
    );
    assert!(!both.headers.contains_key("content-length"));
}

#[test]
fn with_its_last_piece_an_answer_has_ended_where_that_is_to_be_seen() {
    for (body, ends) in [
        (head("content-length: 2\r\n") + "hi", true),
        (format!("{CHUNKED}2\r\nhi\r\n0\r\n\r\n"), true),
        (format!("{CHUNKED}2\r\nhi\r\n0\r\n"), false),
        (head("") + "hi", false),
    ] {
        let mut wire = Script::answering(&body).wire();
        at_once(wire.send(post())).unwrap();
        assert!(!wire.is_at_end());
        at_once(poll_fn(|cx| wire.poll_data(cx))).unwrap().unwrap();
        assert_eq!(
            (wire.is_at_end(), wire.left()),
            (ends, ends.then_some(0)),
            "{body}"
        );
    }
}

#[test]
fn an_error_behind_a_good_piece_does_not_hold_the_piece_back() {
    let outcome = of(format!("{CHUNKED}2\r\nhi\r\nx")).unwrap();
    assert_eq!((&outcome.body[..], outcome.end.is_err()), (&b"hi"[..], true));
}

#[test]
fn chunks_that_come_together_are_there_together() {
    let mut wire = Script::answering(format!("{CHUNKED}1\r\na\r\n1\r\nb\r\n1\r\nc\r\n")).wire();
    at_once(wire.send(post())).unwrap();
    for expected in ["a", "b", "c"] {
        let piece = at_once(poll_fn(|cx| wire.poll_data(cx))).unwrap().unwrap();
        assert_eq!(piece, expected);
    }
    assert_eq!(now(poll_fn(|cx| wire.poll_data(cx))), Poll::Pending);
}

#[test]
fn the_buffer_stays_small_however_long_the_answer_is() {
    const LENGTH: usize = 1024 * 1024;
    let script = Script::answering(head(&format!("content-length: {LENGTH}\r\n")) + &"x".repeat(LENGTH));
    let mut wire = script.wire();
    at_once(wire.send(post())).unwrap();
    let (mut read, mut pieces) = (0, 0);
    while let Some(piece) = at_once(poll_fn(|cx| wire.poll_data(cx))) {
        read += piece.unwrap().len();
        pieces += 1;
        assert!(wire.intake.bytes.capacity() <= 32 * 1024);
    }
    assert_eq!(read, LENGTH);
    assert!(pieces < 50, "and reads grow: {pieces}");
}
