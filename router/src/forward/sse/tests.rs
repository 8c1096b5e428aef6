//! Where events end.

use bytes::Bytes;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::{Events, TooLarge, events};

proptest! {
    #[test]
    fn however_a_stream_is_cut_up_only_whole_events_come_out(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ends in prop::collection::vec(prop::sample::select(vec!["\n\n", "\r\n\r\n"]), 1..6),
    ) {
        let whole = ends.iter().map(|end| format!("event: x\ndata: 1{end}")).collect::<Vec<_>>().concat();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
        places.extend([0, whole.len()]);
        places.sort_unstable();
        let (mut splitter, mut out) = (Events::default(), Vec::new());
        for pair in places.windows(2) {
            let block = splitter.push(&Bytes::copy_from_slice(&whole.as_bytes()[pair[0]..pair[1]])).unwrap();
            prop_assert!(block.is_empty() || block.ends_with(b"\n\n") || block.ends_with(b"\n\r\n"));
            out.extend_from_slice(&block);
        }
        prop_assert_eq!(String::from_utf8(out.clone()).unwrap(), whole);
        prop_assert_eq!(events(&out).count(), ends.len());
    }
}

#[test]
fn a_whole_read_is_not_copied() {
    let read = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
    assert_eq!(Events::default().push(&read).unwrap().as_ptr(), read.as_ptr());
}

#[test]
fn an_event_without_end_is_given_up() {
    let mut splitter = Events::default();
    let read = Bytes::from(vec![b'x'; 600 * 1024]);
    assert_eq!(splitter.push(&read), Ok(Bytes::new()));
    assert_eq!(splitter.push(&read), Err(TooLarge));
}
