//! An elector at work beside a mock of the API server.

use std::time::Duration;

use kube::Api;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Elector, Gate};
use crate::api_mock::Mock;
use crate::metrics::Metrics;

const LEASE: &str = "leases/weir-operator";

/// One that leads.
struct Leader {
    mock: Mock,
    gate: Gate,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

async fn leader() -> Leader {
    let mock = Mock::default();
    let api = Api::namespaced(mock.client(), "weir-system");
    let elector = Elector::new(api, "weir-operator", "a", Metrics::default());
    let (gate, stop) = (elector.gate(), CancellationToken::new());
    let running = tokio::spawn(elector.run(stop.clone()));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(gate.term(), Some(1));
    Leader {
        mock,
        gate,
        stop,
        running,
    }
}

/// The holders that the writes of the Lease named, in order.
fn holders(mock: &Mock) -> Vec<String> {
    let holder = |write: crate::api_mock::Write| write.body["spec"]["holderIdentity"].to_string();
    mock.writes().into_iter().map(holder).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tenure_survives_as_many_refusals_as_there_is_time_for() {
    let leader = leader().await;
    leader.mock.be_busy(LEASE, 5);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(leader.mock.refusals(), 5);
    assert_eq!(leader.gate.term(), Some(1), "leading all the time");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_succeeds_is_followed_by_the_next_in_due_time() {
    let leader = leader().await;
    let before = leader.mock.writes().len();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(leader.mock.writes().len() - before, 5);
}

#[tokio::test(start_paused = true)]
async fn a_refused_release_is_tried_again() {
    let leader = leader().await;
    leader.mock.be_busy(LEASE, 2);
    leader.stop.cancel();
    leader.running.await.expect("it ends");
    assert_eq!(holders(&leader.mock).last().map(String::as_str), Some("null"));
    assert_eq!(leader.mock.refusals(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_always_refused_is_given_up() {
    let leader = leader().await;
    leader.mock.refuse(LEASE);
    leader.stop.cancel();
    leader.running.await.expect("it ends");
    let attempts = leader.mock.refusals();
    assert!((2..=5).contains(&attempts), "{attempts} attempts");
}
