use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{BadFrame, Frame, Frames, LONGEST};

fn message(headers: &[(&'static str, &str)], payload: &str) -> Message {
    let mut message = Message::new(payload.as_bytes().to_vec());
    for (name, value) in headers {
        let value = HeaderValue::String((*value).to_owned().into());
        message = message.add_header(Header::new(*name, value));
    }
    message
}

fn event(name: &str, payload: &str) -> Message {
    message(
        &[
            (":message-type", "event"),
            (":event-type", name),
            (":content-type", "application/json"),
        ],
        payload,
    )
}

fn encoded(messages: &[Message]) -> Bytes {
    let mut bytes = BytesMut::new();
    for message in messages {
        write_message_to(message, &mut bytes).expect("short enough");
    }
    bytes.freeze()
}

fn shown(frames: &[Frame]) -> Vec<(String, String)> {
    let incoming = frames.iter().map(Frame::incoming);
    incoming
        .map(|incoming| {
            (
                incoming.name.to_owned(),
                String::from_utf8_lossy(incoming.data).into_owned(),
            )
        })
        .collect()
}

fn stream() -> (Bytes, Vec<(String, String)>) {
    let messages = [
        event("messageStart", r#"{"role":"assistant"}"#),
        event(
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"ü"}}"#,
        ),
        event("empty", ""),
        message(
            &[
                (":message-type", "exception"),
                (":exception-type", "throttlingException"),
            ],
            r#"{"message":"Wait."}"#,
        ),
        message(
            &[
                (":message-type", "error"),
                (":error-code", "InternalFailure"),
                (":error-message", "Sorry."),
            ],
            "",
        ),
    ];
    let wanted = [
        ("messageStart", r#"{"role":"assistant"}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"ü"}}"#,
        ),
        ("empty", ""),
        ("throttlingException", r#"{"message":"Wait."}"#),
        ("InternalFailure", "Sorry."),
    ];
    let wanted = wanted.map(|(name, data)| (name.to_owned(), data.to_owned()));
    (encoded(&messages), wanted.to_vec())
}

#[test]
fn events_exceptions_and_errors_are_named_and_hold_their_data() {
    let (bytes, wanted) = stream();
    let mut frames = Frames::default();
    assert_eq!(shown(&frames.push(&bytes).expect("whole")), wanted);
    assert!(frames.is_between_messages());
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    let (bytes, wanted) = stream();
    for cut in 0..=bytes.len() {
        let mut frames = Frames::default();
        let mut seen = frames.push(&bytes.slice(..cut)).expect("a beginning");
        let later = frames.push(&bytes.slice(cut..)).expect("the rest");
        seen.extend(later);
        assert_eq!(shown(&seen), wanted, "cut at {cut}");
        assert!(frames.is_between_messages());
    }
}

#[test]
fn byte_by_byte_is_as_good() {
    let (bytes, wanted) = stream();
    let mut frames = Frames::default();
    let pushed = bytes
        .chunks(1)
        .flat_map(|byte| frames.push(&Bytes::copy_from_slice(byte)).expect("a byte"));
    let seen: Vec<Frame> = pushed.collect();
    assert_eq!(shown(&seen), wanted);
}

#[test]
fn an_end_within_a_message_is_seen() {
    let (bytes, _) = stream();
    let mut frames = Frames::default();
    frames.push(&bytes.slice(..bytes.len() - 1)).expect("a beginning");
    assert!(!frames.is_between_messages());
}

#[test]
fn one_wrong_bit_anywhere_is_noticed_or_waits_for_more() {
    let bytes = encoded(&[event("messageStop", r#"{"stopReason":"end_turn"}"#)]);
    for place in 0..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[place] ^= 1;
        let mut frames = Frames::default();
        match frames.push(&damaged.into()) {
            Err(_) => {}
            Ok(seen) => {
                assert!(place < 4, "only another length can look as if more came: {place}");
                assert!(seen.is_empty() && !frames.is_between_messages());
            }
        }
    }
}

#[test]
fn a_message_that_claims_too_much_or_too_little_is_refused_at_once() {
    let claims = |length: usize| {
        let length = u32::try_from(length).expect("a length").to_be_bytes();
        Frames::default()
            .push(&Bytes::copy_from_slice(&length))
            .map(|frames| frames.len())
    };
    assert_eq!(claims(LONGEST), Ok(0));
    assert_eq!(claims(LONGEST + 1), Err(BadFrame::TooLong));
    assert_eq!(claims(15), Err(BadFrame::Damaged));
}

#[test]
fn text_in_place_of_a_stream_is_refused() {
    let page = Bytes::from_static(b"<html>Bad gateway</html>");
    assert!(Frames::default().push(&page).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..8)) {
        let mut frames = Frames::default();
        for chunk in chunks {
            if frames.push(&chunk.into()).is_err() {
                break;
            }
        }
    }

    /// With a right prelude, so that headers are looked at.
    #[test]
    fn no_headers_make_it_panic(headers in prop::collection::vec(any::<u8>(), 0..80), claimed in 0_u32..96) {
        let total = u32::try_from(headers.len()).expect("short") + 16;
        let mut bytes = [total.to_be_bytes(), claimed.to_be_bytes()].concat();
        bytes.extend(crc(&bytes).to_be_bytes());
        bytes.extend(headers);
        bytes.extend(crc(&bytes).to_be_bytes());
        for frame in Frames::default().push(&bytes.into()).unwrap_or_default() {
            let _ = frame.incoming();
        }
    }
}

/// CRC-32 as zip has it.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            (crc >> 1) ^ carry
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}
