//! Events that are passed on as the bytes that they came as.

use bytes::Bytes;
use weir_dialect::form::Usage;

use super::{Outbox, Shown, Turn, malformed, no_content};
use crate::error::Failure;
use crate::forward::sse::{Events, events};
use crate::forward::watch::{Meaning, Watch};

/// A stream that is passed on.
pub(crate) struct Passed {
    /// What was read and is no whole event yet.
    splitter: Events,
    /// Whole events that were read and not yet looked at.
    unseen: Bytes,
    watch: Watch,
}

impl Passed {
    /// A stream that `watch` watches.
    pub(crate) fn new(watch: Watch) -> Self {
        Self {
            splitter: Events::default(),
            unseen: Bytes::new(),
            watch,
        }
    }

    pub(super) fn open(&mut self, read: &Bytes, out: &mut Outbox) -> Result<Shown, Failure> {
        let block = self.whole_events(read)?;
        for event in events(&block) {
            match self.watch.open(&block[event.clone()]) {
                Meaning::Passes => out.push(block.slice(event)),
                Meaning::Malformed | Meaning::LeftOut => {}
                Meaning::Commits | Meaning::IsAnswer => {
                    // Everything from the first content on is for the committed stream to look at.
                    self.unseen = block.slice(event.start..);
                    return Ok(Shown::Content);
                }
                Meaning::Done => return Err(no_content()),
                Meaning::Failed(failure) => return Err(*failure),
            }
        }
        Ok(Shown::Nothing)
    }

    pub(super) fn resume(&mut self, out: &mut Outbox) -> Option<Turn> {
        if self.unseen.is_empty() {
            return None;
        }
        let block = std::mem::take(&mut self.unseen);
        Some(self.pass_on(&block, out))
    }

    pub(super) fn pass(&mut self, read: &Bytes, out: &mut Outbox) -> Turn {
        match self.whole_events(read) {
            Ok(block) => self.pass_on(&block, out),
            Err(failure) => Turn::Failed(Box::new(failure)),
        }
    }

    fn whole_events(&mut self, read: &Bytes) -> Result<Bytes, Failure> {
        self.splitter
            .push(read)
            .map_err(|_| malformed("the provider sent an event without end"))
    }

    /// Passes the events of `block` on, in one piece unless one has to be left out.
    fn pass_on(&mut self, block: &Bytes, out: &mut Outbox) -> Turn {
        let mut from = 0;
        for event in events(block) {
            let meaning = self.watch.pass(&block[event.clone()]);
            match meaning {
                Meaning::Passes | Meaning::Commits => {}
                Meaning::Malformed | Meaning::LeftOut => {
                    out.push(block.slice(from..event.start));
                    out.skipped += u32::from(meaning == Meaning::Malformed);
                    from = event.end;
                }
                Meaning::Done | Meaning::IsAnswer => {
                    out.push(block.slice(from..event.end));
                    return Turn::Whole;
                }
                Meaning::Failed(failure) => {
                    out.push(block.slice(from..event.start));
                    return Turn::Failed(failure);
                }
            }
        }
        out.push(block.slice(from..));
        Turn::GoesOn
    }

    pub(super) fn is_complete(&self) -> bool {
        self.watch.closing().is_some()
    }

    pub(super) fn close(&mut self, out: &mut Outbox) {
        self.watch
            .closing()
            .into_iter()
            .for_each(|closing| out.push(closing));
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.watch.usage()
    }
}
