//! An answer that got lost, at an API that can be asked about it.

use fanfare_sandbox::mock::{Control, Fault, MockApi, Moment};
use fanfare_tests::{PATIENCE, RunningConsumer, World, registered, sendgrid};

/// Publishes one registration whose first answer is lost; the paths that were called by the
/// time when nothing is left to do, and the mails that were sent.
async fn calls_after_a_lost_answer(activity: &str) -> (Vec<String>, u64) {
    let world = World::start().await;
    world.declare(&["sendgrid"]).await;
    let mock = MockApi::sendgrid().await.unwrap();
    mock.control(Control::script([Fault::reset(Moment::AfterRead)])).unwrap();
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    let destination = sendgrid(&mock, &[("SENDGRID_ACTIVITY", activity)]);
    let consumer = RunningConsumer::with(&world, "sendgrid", destination, &[]);
    let twice = |mock: &MockApi| mock.totals().requests == 2;
    mock.wait_until("a second call", PATIENCE, twice).await.unwrap();
    world.until_drained("sendgrid").await;
    consumer.stop().await;
    producer.close().await;
    world.end().await;
    let paths = mock.log().into_iter().map(|request| request.path).collect();
    (paths, mock.totals().effects)
}

#[tokio::test]
async fn a_mail_that_sendgrid_knows_is_not_sent_again() {
    let (paths, mails) = calls_after_a_lost_answer("true").await;
    assert_eq!(paths, ["/v3/mail/send", "/v3/messages"]);
    assert_eq!(mails, 1);
}

#[tokio::test]
async fn without_asking_a_lost_answer_is_a_second_mail() {
    let (paths, mails) = calls_after_a_lost_answer("false").await;
    assert_eq!(paths, ["/v3/mail/send", "/v3/mail/send"]);
    assert_eq!(mails, 2);
}
