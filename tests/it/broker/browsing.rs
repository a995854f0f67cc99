//! Reading a queue changes nothing, but for what is taken out on purpose.

use std::num::NonZeroU16;

use fanfare_broker::{Browser, Cause, DeathNote, Message, Received};
use fanfare_tests::{World, eventually};
use futures_util::future::join_all;

use super::stage::{declare_queues, fill, id, ids_of, message, publisher, route};

const LETTERS: usize = 200;

async fn world_with_dead_letters() -> World {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let publisher = publisher(world.config());
    let dead = route(&world.names("crm").dead(), "");
    let published =
        join_all((0..LETTERS).map(|number| publisher.publish(&dead, dead_letter(number)))).await;
    assert!(published.into_iter().all(|verdict| verdict.unwrap().routed));
    publisher.close().await;
    world
}

fn dead_letter(number: usize) -> Message {
    let note = DeathNote {
        cause: Cause::ALL[number % Cause::ALL.len()],
        reason: format!("reason of {number}"),
        status: number.is_multiple_of(2).then_some(422),
        response: number.is_multiple_of(3).then(|| format!("answer to {number}")),
        dead_at_ms: 1_700_000_000_000 + number as u64,
        destination: "crm".to_owned(),
        consumer: "fanfare-tests 1".to_owned(),
    };
    message(number)
        .kind("user.registered")
        .unwrap()
        .app_id("/tests")
        .timestamp(1_700_000_000)
        .attempts(number as u32, Some(1_600_000_000_000))
        .trace_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("a=b"))
        .death_note(&note)
}

/// All of a letter, but for how often the broker has handed it over.
fn content(letter: &Received) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (letter.id().to_owned(), letter.body().clone(), letter.kind().map(str::to_owned)),
        (letter.app_id().map(str::to_owned), letter.timestamp(), letter.attempts()),
        (letter.cause(), letter.reason().map(str::to_owned), letter.status(), letter.dead_at_ms()),
        (letter.response().map(str::to_owned), letter.first_attempt_at_ms()),
        (letter.destination().map(str::to_owned), letter.consumer().map(str::to_owned)),
        letter.trace_context().map(|(parent, state)| format!("{parent} {state:?}")),
    )
}

#[tokio::test]
async fn two_hundred_dead_letters_are_the_same_however_often_they_are_read() {
    let world = world_with_dead_letters().await;
    let queue = world.names("crm").dead();
    let mut first = None;
    for earlier_reads in 0..5 {
        let letters = world.read(&queue).await;
        assert_eq!(ids_of(&letters), (0..LETTERS).map(id).collect::<Vec<_>>());
        assert!(letters.iter().all(|letter| letter.delivery_count() == earlier_reads));
        let contents: Vec<_> = letters.iter().map(content).collect();
        assert_eq!(letters[6].response(), Some("answer to 6"));
        assert_eq!(letters[6].attempts(), 6);
        if let Some(first) = &first {
            assert_eq!(&contents, first);
        }
        first.get_or_insert(contents);
        // What was read is back before it is counted again.
        world.until_ready(&queue, LETTERS as u64).await;
    }
    world.end().await;
}

/// Reads `queue` with few messages per channel; removes those that `removes` says.
async fn remove(world: &World, queue: &str, per_channel: u16, removes: impl Fn(usize) -> bool) {
    let waiting = world.ready(queue).await;
    let per_channel = NonZeroU16::new(per_channel).unwrap();
    let mut browser = Browser::open_with(world.config(), queue, per_channel).await.unwrap();
    assert_eq!(browser.left(), waiting);
    let mut read = Vec::new();
    while let Some(browsed) = browser.next().await.unwrap() {
        read.push(browsed);
    }
    assert_eq!(browser.left(), 0);
    assert_eq!(read.len() as u64, waiting);
    for (position, browsed) in read.into_iter().enumerate() {
        if removes(position) {
            browser.remove(browsed).await.unwrap();
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn what_is_removed_is_gone_and_the_rest_stays_in_order() {
    let world = world_with_dead_letters().await;
    let queue = world.names("crm").dead();
    remove(&world, &queue, 1000, |position| position % 3 == 0).await;

    let stay: Vec<_> = (0..LETTERS).filter(|number| number % 3 != 0).map(id).collect();
    world.until_ready(&queue, stay.len() as u64).await;
    assert_eq!(ids_of(&world.read(&queue).await), stay);
    world.end().await;
}

#[tokio::test]
async fn a_queue_that_no_single_channel_can_hold_is_read_in_order_too() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..100).await;
    for _ in 0..3 {
        remove(&world, "q", 7, |_| false).await;
        world.until_ready("q", 100).await;
        assert_eq!(ids_of(&world.read("q").await), (0..100).map(id).collect::<Vec<_>>());
        world.until_ready("q", 100).await;
    }
    remove(&world, "q", 7, |position| position % 2 == 0).await;
    world.until_ready("q", 50).await;
    assert_eq!(
        ids_of(&world.read("q").await),
        (0..100).filter(|number| number % 2 == 1).map(id).collect::<Vec<_>>()
    );
    world.end().await;
}

#[tokio::test]
async fn removing_while_reading_leaves_nothing_unread() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..100).await;
    let seven = NonZeroU16::new(7).unwrap();
    let mut browser = Browser::open_with(world.config(), "q", seven).await.unwrap();
    for number in 0..100 {
        let browsed = browser.next().await.unwrap().expect("the next message");
        assert_eq!(browsed.message.id(), id(number));
        if number % 3 != 0 {
            browser.remove(browsed).await.unwrap();
        }
    }
    assert_eq!(browser.left(), 0);
    assert!(browser.next().await.unwrap().is_none());
    browser.close().await;
    world.until_ready("q", 34).await;
    let stay: Vec<_> = (0..100).filter(|number| number % 3 == 0).map(id).collect();
    assert_eq!(ids_of(&world.read("q").await), stay);
    world.end().await;
}

#[tokio::test]
async fn of_two_readers_the_second_is_told_how_much_the_first_one_holds() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..50).await;
    let mut second = Browser::open(world.config(), "q").await.unwrap();
    let mut first = Browser::open(world.config(), "q").await.unwrap();
    assert_eq!((first.left(), second.left()), (50, 50));

    assert_eq!(first.next().await.unwrap().unwrap().message.id(), id(0));
    eventually("the first reader to hold everything", async || {
        (world.ready("q").await == 0).then_some(())
    })
    .await;
    assert!(second.next().await.unwrap().is_none());
    assert_eq!(second.left(), 50, "all of it is held by the first");

    first.close().await;
    world.until_ready("q", 0).await;
    assert_eq!(second.next().await.unwrap().unwrap().message.id(), id(0));
    second.close().await;
    world.until_ready("q", 50).await;
    world.end().await;
}

#[tokio::test]
async fn a_queue_that_does_not_exist_cannot_be_read_and_is_named() {
    let world = World::start().await;
    match Browser::open(world.config(), "missing").await {
        Err(fanfare_broker::BrowseError::Refused { queue, source }) => {
            assert_eq!(queue, "missing");
            assert!(source.is_not_found(), "{source}");
        }
        other => panic!("{other:?}"),
    }
    world.end().await;
}
