//! A provider, byte for byte: it reads a request and does what the plan for it says.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use crate::answer::Act;
use crate::internet::{Connection, Guest, Internet};
use crate::pipe::{Stream, Watch};

/// Serves one connection, the first of whose visits is `first`.
pub(crate) async fn serve(
    internet: Internet,
    provider: usize,
    mut stream: Stream,
    watch: Watch,
    first: Guest,
) {
    let idle = internet.manners(provider).idle;
    let mut first = Some(first);
    loop {
        let mut read = BytesMut::new();
        match timeout(idle, stream.read_buf(&mut read)).await {
            Ok(Ok(1..)) => {}
            _ => return,
        }
        let begun = stream.take_written().unwrap();
        let guest = first.take().unwrap_or_else(|| {
            let guest = internet.visit(provider, begun, Connection::Kept);
            internet.tie(guest.number, &watch);
            guest
        });
        if !read_request(&mut stream, &mut read).await {
            return;
        }
        // What is written from now on is the next request.
        stream.take_written();
        internet.note(guest.number, |visit, now| visit.asked = Some(now));
        match act(&internet, &mut stream, guest).await {
            Some(Act::Reset) => return stream.reset(),
            Some(_) => return,
            None => {}
        }
    }
}

/// Reads the rest of a request of which some was read; `false` if the connection ends before.
async fn read_request(stream: &mut Stream, read: &mut BytesMut) -> bool {
    loop {
        if is_whole(read) {
            return true;
        }
        if !matches!(stream.read_buf(read).await, Ok(1..)) {
            return false;
        }
    }
}

fn is_whole(read: &[u8]) -> bool {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.unwrap().trim().parse().unwrap();
    read.len() >= end + 4 + length
}

/// Does what is to be done. What comes back is what has ended the connection, if anything has.
async fn act(internet: &Internet, stream: &mut Stream, guest: Guest) -> Option<Act> {
    for act in guest.acts {
        match act {
            Act::Send(bytes) => {
                internet.note(guest.number, |visit, now| {
                    visit.answered.get_or_insert(now);
                });
                if stream.write_all(&bytes).await.is_err() {
                    return Some(Act::HalfClose);
                }
            }
            Act::Pause(pause) => tokio::select! {
                biased;
                () = stream.left() => return Some(Act::HalfClose),
                () = sleep(pause) => {}
            },
            Act::HalfClose => {
                internet.note(guest.number, |visit, now| visit.done = Some(now));
                let _closed_already = stream.shutdown().await;
                stream.left().await;
                return Some(act);
            }
            Act::Reset => return Some(act),
            Act::Hang => {
                stream.left().await;
                return Some(act);
            }
        }
    }
    internet.note(guest.number, |visit, now| visit.done = Some(now));
    None
}
