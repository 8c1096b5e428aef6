//! A caller: one request on a connection of its own, and everything that comes back, with its time.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::history::{End, Reply};
use crate::internet::Internet;
use crate::pipe::Stream;
use crate::schedule::Ask;

/// For how long an answer is waited for that should have ended long ago.
const FOR_EVER: Duration = Duration::from_hours(2);

/// Asks `ask` on `stream`, and reads what comes.
pub(crate) async fn call(internet: &Internet, mut stream: Stream, ask: &Ask) -> Reply {
    stream.write_all(request(ask).as_bytes()).await.unwrap();
    let mut read = Reading::default();
    let reading = async {
        while read.end().is_none() {
            let mut bytes = Vec::new();
            match stream.read_buf(&mut bytes).await {
                Ok(1..) => read.take_in(&bytes, internet.now()),
                Ok(0) | Err(_) => return End::Broken,
            }
        }
        End::Whole
    };
    let end = match timeout(ask.leaves.unwrap_or(FOR_EVER), reading).await {
        Ok(end) => end,
        Err(_) if ask.leaves.is_some() => End::Left,
        Err(_) => End::Never,
    };
    Reply {
        end,
        ended: internet.now(),
        ..read.reply
    }
}

fn request(ask: &Ask) -> String {
    let mut body = serde_json::json!({
        "model": ask.model, "n": ask.wanted.choices, "requesty": {"trace_id": ask.key},
        "messages": [{"role": "user", "content": "hello"}],
    });
    if ask.wanted.streamed {
        body["stream"] = true.into();
    }
    let body = body.to_string();
    let patience = ask
        .patience
        .map_or_else(String::new, |seconds| format!("x-request-timeout: {seconds}\r\n"));
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{patience}\r\n{body}",
        body.len()
    )
}

/// A reply that is being read.
#[derive(Debug, Default)]
struct Reading {
    reply: Reply,
    raw: Vec<u8>,
    framing: Option<Framing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// So many bytes are left.
    Length(usize),
    Chunked,
    Over,
}

impl Reading {
    fn end(&self) -> Option<()> {
        matches!(self.framing, Some(Framing::Over | Framing::Length(0))).then_some(())
    }

    fn take_in(&mut self, bytes: &[u8], now: Duration) {
        self.raw.extend_from_slice(bytes);
        if self.framing.is_none() {
            self.read_head(now);
        }
        while let Some(piece) = self.next_piece() {
            self.reply.pieces.push((now, piece));
        }
    }

    fn read_head(&mut self, now: Duration) {
        let Some(end) = self.raw.windows(4).position(|four| four == b"\r\n\r\n") else {
            return;
        };
        let rest = self.raw.split_off(end + 4);
        let head = String::from_utf8(std::mem::replace(&mut self.raw, rest)).unwrap();
        let mut lines = head.trim_end().lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        self.reply.head = Some((status, now));
        let parts = lines.map(|line| line.split_once(": ").unwrap());
        self.reply.headers = parts
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            // The one thing that is not of this world's time.
            .filter(|(name, _)| name != "date")
            .collect();
        self.framing = Some(match self.reply.header("content-length") {
            Some(length) => Framing::Length(length.parse().unwrap()),
            None => Framing::Chunked,
        });
    }

    /// The next piece of the body that is there.
    fn next_piece(&mut self) -> Option<Vec<u8>> {
        match self.framing? {
            Framing::Over => None,
            Framing::Length(left) => {
                let piece: Vec<u8> = self.raw.drain(..left.min(self.raw.len())).collect();
                self.framing = Some(Framing::Length(left - piece.len()));
                Some(piece).filter(|piece| !piece.is_empty())
            }
            Framing::Chunked => {
                let line = self.raw.windows(2).position(|two| two == b"\r\n")?;
                let size = std::str::from_utf8(&self.raw[..line]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                let whole = line + 2 + size + 2;
                if self.raw.len() < whole {
                    return None;
                }
                let chunk: Vec<u8> = self.raw.drain(..whole).collect();
                if size == 0 {
                    self.framing = Some(Framing::Over);
                    return None;
                }
                Some(chunk[line + 2..line + 2 + size].to_vec())
            }
        }
    }
}
