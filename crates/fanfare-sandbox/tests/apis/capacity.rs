//! A mock that does only so much at the same time: beyond that, answers come later, or refuse.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use fanfare_sandbox::mock::{Control, Fault, MockApi};
use serde_json::json;

use crate::client::{DEADLINE, post};

#[tokio::test]
async fn beyond_its_capacity_a_mock_is_slower_and_not_busier() {
    let mock = MockApi::sink().await.unwrap();
    let url = mock.base_url();
    let five = || async {
        let started = Instant::now();
        tokio::join!(
            post(&url, json!({})),
            post(&url, json!({})),
            post(&url, json!({})),
            post(&url, json!({})),
            post(&url, json!({})),
        );
        started.elapsed()
    };
    let service = Duration::from_millis(40);
    mock.control(Control::knee(NonZeroUsize::new(2).unwrap(), 40)).unwrap();
    let taken = five().await;
    assert!(taken >= 3 * service, "{taken:?} for five calls, two at a time");
    let in_flight = mock.log().iter().map(|request| request.in_flight).max();
    assert_eq!(in_flight, Some(5), "those in line are in flight as well");

    mock.control(Control::knee(NonZeroUsize::MIN, 40)).unwrap();
    let taken = five().await;
    assert!(taken >= 5 * service, "{taken:?} for five calls, one after the other");
}

#[tokio::test]
async fn beyond_its_edge_a_mock_refuses_at_once() {
    let mock = MockApi::sink().await.unwrap();
    let url = mock.base_url();
    let beyond = Fault::status(429).retry_after("7");
    mock.control(Control::edge(NonZeroUsize::new(2).unwrap(), 300, beyond)).unwrap();
    let three = tokio::join!(post(&url, json!({})), post(&url, json!({})), async {
        mock.wait_until("two calls", DEADLINE, |mock| mock.totals().requests == 2).await.unwrap();
        let started = Instant::now();
        (post(&url, json!({})).await, started.elapsed())
    },);
    let (first, second, (third, taken)) = three;
    assert_eq!([first.status, second.status, third.status], [200, 200, 429]);
    assert!(taken < Duration::from_millis(200), "{taken:?} for a refusal");
    assert_eq!(mock.log().last().unwrap().fault, Some("status"));
    assert_eq!(mock.faults_injected(), 1);
    assert_eq!(post(&url, json!({})).await.status, 200);
}
