use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;
use weir_policy::verdict::Rollout;
use weir_table::codec::encode;
use weir_table::{Digest, Format, Scope, Table};

use super::{Answer, Fleet, KEPT, Known, Listing, Served, View, Wanted};

fn team() -> Scope {
    Scope::Namespace("a".into())
}

fn digest() -> Digest {
    encode(&Table::empty(team()), Format::NEWEST).digest
}

fn router(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 9090))
}

fn serving(table: &str, policy: &str) -> Answer {
    let policies = Arc::new(BTreeMap::from([("x".to_owned(), policy.to_owned())]));
    Answer::Tables(
        [(
            team(),
            Served {
                digest: Some(table.to_owned()),
                policies,
            },
        )]
        .into(),
    )
}

fn fleet(answers: &[Answer]) -> Fleet {
    Fleet::new((1..).map(router).zip(answers.iter().cloned()).collect())
}

fn rollout(answers: &[Answer]) -> Rollout {
    fleet(answers).rollout(&team(), "x", &digest())
}

#[test]
fn a_policy_is_rolled_out_when_every_ready_router_serves_its_digest() {
    let good = serving("t1", digest().as_str());
    assert_eq!(rollout(&[]), Rollout::NoRouters);
    assert_eq!(rollout(&[good.clone(), good.clone()]), Rollout::Done);
    assert_eq!(
        rollout(&[good.clone(), serving("t0", "old")]),
        Rollout::Pending { done: 1, ready: 2 }
    );
    assert_eq!(
        rollout(&[good.clone(), Answer::Tables([].into())]),
        Rollout::Pending { done: 1, ready: 2 }
    );
    assert_eq!(rollout(&[good, Answer::Silent]), Rollout::Unreachable(1));
}

#[test]
fn a_neighbours_change_does_not_touch_a_policy() {
    let answers = [serving("t1", digest().as_str()), serving("t2", digest().as_str())];
    assert_eq!(rollout(&answers), Rollout::Done);
}

#[test]
fn a_table_is_served_by_all_only_if_there_is_a_router() {
    assert!(!fleet(&[]).all_serve(&team(), &digest()));
    assert!(fleet(&[serving(digest().as_str(), "p")]).all_serve(&team(), &digest()));
    assert!(!fleet(&[serving(digest().as_str(), "p"), Answer::Silent]).all_serve(&team(), &digest()));
}

#[test]
fn lagging_counts_tables_that_some_router_lacks() {
    let fleet = fleet(&[serving("t1", "p"), serving("t1", "p")]);
    assert_eq!(fleet.lagging([(&team(), "t1")].into_iter()), 0);
    assert_eq!(
        fleet.lagging([(&team(), "t2"), (&Scope::Cluster, "c")].into_iter()),
        2
    );
}

#[test]
fn only_scopes_with_other_answers_have_changed_unless_the_routers_have() {
    let all = [Scope::Cluster, team()].into();
    let before = fleet(&[serving("t1", "p")]);
    assert!(before.changed_scopes(&before, &all).is_empty());
    assert_eq!(
        fleet(&[serving("t2", "p")]).changed_scopes(&before, &all),
        [team()].into()
    );
    assert_eq!(fleet(&[Answer::Silent]).changed_scopes(&before, &all), all);
    assert_eq!(
        fleet(&[serving("t1", "p"), serving("t1", "p")]).changed_scopes(&before, &all),
        all
    );
}

fn listing(json: &str) -> Listing {
    serde_json::from_str(json).expect("a listing")
}

const DIGESTS: &str = r#"{"formats":[1],"tables":[
    {"scope":"cluster","digest":"c1","state":"serving"},
    {"scope":"namespace","namespace":"a","digest":"t1","state":"serving"}]}"#;

#[test]
fn digests_alone_suffice_once_their_policies_are_known() {
    let (mut known, now) = (Known::default(), Instant::now());
    assert_eq!(listing(DIGESTS).resolve(View::Digests, &mut known, now), None);
    let full = r#"{"tables":[{"scope":"namespace","namespace":"a","digest":"t1","state":"serving",
        "policies":{"x":"p1"}}]}"#;
    listing(full).teach(&mut known, now);
    let served = listing(DIGESTS)
        .resolve(View::Digests, &mut known, now)
        .expect("everything is known");
    assert_eq!(served[&team()].policies["x"], "p1");
    assert_eq!(served[&Scope::Cluster].digest.as_deref(), Some("c1"));
}

#[test]
fn a_digest_is_forgotten_some_time_after_its_last_mention() {
    let (mut known, start) = (Known::default(), Instant::now());
    known.learn(&team(), "t1", Arc::default(), start);
    let mention = start + KEPT / 2;
    assert!(known.policies(&team(), "t1", mention).is_some());
    known.tidy(start + KEPT);
    assert!(known.policies(&team(), "t1", mention).is_some());
    known.tidy(mention + KEPT);
    assert!(known.policies(&team(), "t1", mention).is_none());
}

#[test]
fn a_router_that_rejects_a_table_does_not_serve_its_digest_but_says_what_it_serves() {
    let text = r#"{"tables":[{"scope":"namespace","namespace":"a","digest":"t2","state":"rejected",
        "error":"no","policies":{"x":"p1"}}]}"#;
    let (mut known, now) = (Known::default(), Instant::now());
    listing(text).teach(&mut known, now);
    assert_eq!(
        listing(text).resolve(View::Digests, &mut known, now),
        None,
        "digests alone don't say"
    );
    let served = listing(text)
        .resolve(View::Full, &mut known, now)
        .expect("the policies are listed");
    let served = &served[&team()];
    assert_eq!(
        (served.digest.as_deref(), served.policies["x"].as_str()),
        (None, "p1")
    );
}

#[test]
fn tables_are_written_in_the_oldest_format_that_a_ready_router_states() {
    let routers = |ports: &[u16]| -> BTreeMap<SocketAddr, Answer> {
        let answer = |port: &u16| (([10, 0, 0, 1], *port).into(), Answer::Tables(BTreeMap::new()));
        ports.iter().map(answer).collect()
    };
    let reading = |formats: &[(u16, Format)]| {
        let stated = |(port, format): &(u16, Format)| (SocketAddr::from(([10, 0, 0, 1], *port)), *format);
        Fleet::new(routers(&[1, 2])).reading(formats.iter().map(stated).collect())
    };
    let (new, old) = (Format::Two, Format::One);
    assert_eq!(reading(&[(1, new), (2, new)]).wanted(), Wanted::Exactly(new));
    assert_eq!(reading(&[(1, new), (2, old)]).wanted(), Wanted::Exactly(old));
    assert_eq!(
        reading(&[(1, new)]).wanted(),
        Wanted::AtMost(new),
        "one of them does not say"
    );
    assert_eq!(
        reading(&[(1, new), (2, new), (3, old)]).wanted(),
        Wanted::Exactly(old),
        "one is about to come"
    );
    assert_eq!(Fleet::default().wanted(), Wanted::Any, "there is nobody");
    let coming = Fleet::default().reading([(router(9), old)].into());
    assert_eq!(
        coming.wanted(),
        Wanted::AtMost(old),
        "who comes needs it to get ready, though nobody is"
    );
}

#[test]
fn a_table_becomes_older_for_one_reader_and_newer_only_for_all() {
    let (new, old) = (Format::Two, Format::One);
    let cases = [
        (Wanted::Exactly(new), Some(old), new),
        (Wanted::Exactly(old), Some(new), old),
        (Wanted::AtMost(new), Some(old), old),
        (Wanted::AtMost(old), Some(new), old),
        (Wanted::AtMost(new), Some(new), new),
        (Wanted::Any, Some(new), new),
        (Wanted::Any, None, old),
        (Wanted::AtMost(new), None, old),
    ];
    for (wanted, standing, expected) in cases {
        assert_eq!(wanted.for_table(standing), expected, "{wanted:?} of {standing:?}");
    }
}

#[test]
fn a_router_states_its_formats_and_one_that_does_not_is_old() {
    let stated = |text: &str| serde_json::from_str::<Listing>(text).expect("a listing").format();
    assert_eq!(stated(r#"{"formats":[2,1],"tables":[]}"#), Format::Two);
    assert_eq!(stated(r#"{"formats":[1],"tables":[]}"#), Format::One);
    assert_eq!(stated(r#"{"formats":[3,2],"tables":[]}"#), Format::Two);
    assert_eq!(stated(r#"{"tables":[]}"#), Format::One);
}
