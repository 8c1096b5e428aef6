//! Requests on their way out, and what interrupts them.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::task::Poll;

use bytes::Bytes;
use http::Method;

use super::scripted::{Come, Script, Take};
use super::{Condition, WireError, at_once, condition, exchange, now, post, request, rest};
use crate::body::Spliced;
use crate::forward::wire::MAX_INFORMATIONAL;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
const ASKED: &str = "POST /v1/chat?x=1 HTTP/1.1\r\nhost: provider.test\r\naccept: text/plain\r\ncontent-length: 6\r\n\r\nprompt";
const REFUSED: &str = "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig";

/// A body in three pieces.
fn long() -> Spliced {
    let pieces = [vec![b'x'; 20_000], b"yy".to_vec(), vec![], vec![b'z'; 9_999]];
    Spliced::in_pieces(pieces.map(Bytes::from))
}

#[test]
fn a_request_goes_out_in_one_write_with_its_host_first() {
    let script = Script::answering(OK);
    let outcome = at_once(exchange(&mut script.wire(), post())).unwrap();
    assert_eq!((outcome.status.as_u16(), &outcome.body[..]), (200, &b"hi"[..]));
    assert_eq!(script.written(), ASKED);
    assert_eq!((script.calls(), script.flushes()), (vec![2], 1));
}

#[test]
fn the_length_that_is_said_is_the_bodys() {
    let script = Script::answering(OK);
    let mut request = post();
    for (name, value) in [("content-length", "99"), ("transfer-encoding", "chunked")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    at_once(exchange(&mut script.wire(), request)).unwrap();
    assert_eq!(script.written(), ASKED);
}

#[test]
fn a_write_that_takes_a_part_is_gone_on_with() {
    let body = String::from_utf8(long().into_bytes().to_vec()).unwrap();
    for part in [1, 7, 101, 20_100] {
        let mut parts = vec![Take::UpTo(part), Take::Later];
        parts.extend(vec![Take::UpTo(part); 40]);
        let script = Script::answering(OK).taking(parts);
        let request = post().map(|_| long());
        let outcome = at_once(exchange(&mut script.wire(), request)).unwrap();
        assert_eq!(outcome.after, Condition::Ready);
        assert!(
            script
                .written()
                .ends_with(&format!("\r\ncontent-length: 30001\r\n\r\n{body}"))
        );
    }
}

#[test]
fn where_pieces_cannot_be_taken_together_small_ones_are_joined() {
    let script = Script::answering(OK);
    script.lock().is_vectored = false;
    at_once(exchange(&mut script.wire(), post())).unwrap();
    assert_eq!((script.written().as_str(), script.calls().len()), (ASKED, 1));
    let script = Script::answering(OK);
    script.lock().is_vectored = false;
    at_once(exchange(&mut script.wire(), post().map(|_| long()))).unwrap();
    assert!(script.written().contains("xyyz"));
    assert_eq!(
        script.written().len(),
        ASKED.len() - "6prompt".len() + "30001".len() + 30_001
    );
    assert_eq!(script.calls().len(), 4, "a head and three pieces");
}

#[test]
fn who_refuses_a_request_early_reads_no_more_of_it_and_is_not_asked_again() {
    let script = Script::answering(REFUSED).taking([Take::UpTo(50), Take::Never]);
    let mut wire = script.wire();
    let answer = at_once(wire.send(post())).unwrap();
    assert_eq!(answer.status().as_u16(), 413);
    script.lock().writes.clear();
    assert_eq!(at_once(rest(&mut wire)), (b"big".to_vec(), Ok(())));
    assert_eq!(
        (script.written().len(), condition(&mut wire)),
        (50, Condition::Ended)
    );
}

#[test]
fn who_answers_early_gets_the_rest_of_the_request() {
    let script = Script::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        .taking([Take::UpTo(50), Take::Never]);
    let mut wire = script.wire();
    at_once(wire.send(post())).unwrap();
    {
        let mut state = script.lock();
        state.writes.clear();
        state.reads = [Come::AfterWritten(ASKED.len()), Come::Bytes(b"hi".to_vec())].into();
    }
    assert_eq!(at_once(rest(&mut wire)), (b"hi".to_vec(), Ok(())));
    assert_eq!(
        (script.written().as_str(), condition(&mut wire)),
        (ASKED, Condition::Ready)
    );
}

#[test]
fn an_early_answer_without_the_whole_request_leaves_nothing_to_use_again() {
    for then in [Take::Never, Take::Fail(ErrorKind::BrokenPipe)] {
        let script = Script::answering(OK).taking([Take::UpTo(50), Take::Later, then]);
        let outcome = at_once(exchange(&mut script.wire(), post())).unwrap();
        assert_eq!((outcome.end, outcome.after), (Ok(()), Condition::Ended));
    }
}

#[test]
fn what_was_said_before_a_write_failed_is_heard() {
    for waits in [0, 2] {
        let mut reads = vec![Come::AfterWritten(1)];
        reads.extend(vec![Come::Later; waits]);
        reads.push(Come::Bytes(REFUSED.into()));
        let script = Script::new(reads).taking([Take::UpTo(50), Take::Fail(ErrorKind::ConnectionReset)]);
        let outcome = at_once(exchange(&mut script.wire(), post())).unwrap();
        assert_eq!((outcome.status.as_u16(), outcome.after), (413, Condition::Ended));
    }
    for silent in [Come::End, Come::Fail(ErrorKind::ConnectionReset)] {
        let script = Script::new([Come::AfterWritten(1), silent])
            .taking([Take::UpTo(50), Take::Fail(ErrorKind::BrokenPipe)]);
        let failed = at_once(script.wire().send(post())).unwrap_err();
        assert_eq!(failed.error, WireError::Broke(ErrorKind::BrokenPipe));
        assert!(failed.unsent.is_none(), "some of it was sent");
    }
}

#[test]
fn where_pieces_were_joined_the_request_comes_back_whole_too() {
    let script = Script::new([]).taking([Take::Fail(ErrorKind::BrokenPipe)]);
    script.lock().is_vectored = false;
    let failed = at_once(script.wire().send(post().map(|_| long()))).unwrap_err();
    assert_eq!(
        failed.unsent.unwrap().into_body().into_bytes(),
        long().into_bytes()
    );
}

#[test]
fn a_request_comes_back_whole_where_nothing_of_it_was_sent() {
    let nothing: [(Script, WireError); 5] = [
        (Script::new([Come::End]), WireError::Closed),
        (
            Script::new([Come::Fail(ErrorKind::ConnectionReset)]),
            WireError::Broke(ErrorKind::ConnectionReset),
        ),
        (Script::new([Come::Bytes(OK.into())]), WireError::Unasked),
        (
            Script::new([]).taking([Take::Fail(ErrorKind::BrokenPipe)]),
            WireError::Broke(ErrorKind::BrokenPipe),
        ),
        (
            Script::new([Come::Later, Come::Bytes(OK.into())]).taking([Take::Never]),
            WireError::Unasked,
        ),
    ];
    for (script, error) in nothing {
        let mut wire = script.wire();
        let failed = at_once(wire.send(post())).unwrap_err();
        assert_eq!(failed.error, error);
        let unsent = failed.unsent.unwrap();
        assert_eq!((unsent.uri(), unsent.headers()), (post().uri(), post().headers()));
        assert_eq!(unsent.into_body().into_bytes(), "prompt");
        assert_eq!(
            (script.written().as_str(), condition(&mut wire)),
            ("", Condition::Ended)
        );
    }
}

#[test]
fn what_may_have_left_through_tls_does_not_come_back() {
    let script = Script::new([Come::AfterWritten(1)]).taking([Take::Fail(ErrorKind::BrokenPipe)]);
    let mut wire = script.secured();
    // What failed may have left, so an answer is waited for; then the provider closes.
    let mut sent = Box::pin(wire.send(post()));
    assert!(now(sent.as_mut()).is_pending());
    script.lock().reads = [Come::End].into();
    let failed = at_once(sent).unwrap_err();
    assert_eq!(failed.error, WireError::Broke(ErrorKind::BrokenPipe));
    assert!(failed.unsent.is_none());
    let failed = at_once(Script::new([Come::End]).secured().send(post())).unwrap_err();
    assert!(failed.unsent.is_some(), "it was closed before");
}

#[test]
fn a_connection_with_an_answer_left_takes_no_request() {
    let script = Script::answering(OK);
    let mut wire = script.wire();
    at_once(wire.send(post())).unwrap();
    let failed = at_once(wire.send(post())).unwrap_err();
    assert!(failed.unsent.is_some());
    assert_eq!(script.written(), ASKED, "once");
}

#[test]
fn a_connection_is_used_again_and_again() {
    let script = Script::new([]);
    let mut wire = script.wire();
    for nth in 1..5 {
        script.lock().reads = [Come::AfterWritten(nth * ASKED.len()), Come::Bytes(OK.into())].into();
        let outcome = at_once(exchange(&mut wire, post())).unwrap();
        assert_eq!((outcome.end, outcome.after), (Ok(()), Condition::Ready));
        assert_eq!(
            wire.intake.bytes.capacity(),
            0,
            "while it is idle it holds no buffer"
        );
    }
    assert_eq!(script.written(), ASKED.repeat(4));
}

#[test]
fn a_future_that_is_dropped_closes_the_connection_with_it() {
    let script = Script::new([]);
    let mut wire = script.wire();
    assert!(now(wire.send(post())).is_pending());
    assert!(!script.lock().is_closed);
    assert_eq!(
        condition(&mut wire),
        Condition::Ended,
        "an answer may still come on it"
    );
    drop(wire);
    assert!(script.lock().is_closed);
}

#[test]
fn to_head_and_by_rule_there_is_no_body() {
    for (method, head, after) in [
        (Method::HEAD, "200 OK\r\ncontent-length: 5", Condition::Ended),
        (Method::HEAD, "200 OK\r\ncontent-length: 0", Condition::Ready),
        (Method::POST, "204 No Content\r\nx: y", Condition::Ready),
        (
            Method::POST,
            "204 No Content\r\ntransfer-encoding: chunked",
            Condition::Ended,
        ),
        (
            Method::POST,
            "304 Not Modified\r\ncontent-length: 5",
            Condition::Ended,
        ),
    ] {
        let script = Script::answering(format!("HTTP/1.1 {head}\r\n\r\n"));
        let outcome = at_once(exchange(&mut script.wire(), request(method, ""))).unwrap();
        assert_eq!(
            (outcome.body, outcome.end, outcome.after),
            (vec![], Ok(()), after),
            "{head}"
        );
    }
}

#[test]
fn informational_answers_are_passed_over_but_not_without_end() {
    let informed = |count: usize| {
        let informs = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(count);
        let script = Script::answering(format!("{informs}{OK}"));
        at_once(exchange(&mut script.wire(), post()))
    };
    let outcome = informed(MAX_INFORMATIONAL).unwrap();
    assert_eq!((outcome.status.as_u16(), outcome.after), (200, Condition::Ready));
    assert_eq!(
        outcome.headers.len(),
        1,
        "what informed is not part of the answer"
    );
    assert!(informed(MAX_INFORMATIONAL + 1).unwrap_err().is_malformed());
}

#[test]
fn nothing_of_what_is_on_it_is_printed() {
    let script =
        Script::answering("HTTP/1.1 200 canary\r\ncontent-length: 9\r\ncanary: canary\r\n\r\ncanary");
    let mut wire = script.wire();
    at_once(wire.send(request(Method::POST, "canary"))).unwrap();
    let piece = now(poll_fn(|cx| wire.poll_data(cx)));
    assert!(matches!(piece, Poll::Ready(Some(Ok(_)))));
    assert_eq!(format!("{wire:?}"), "Wire { left: Some(3), after: Stays, .. }");
}
