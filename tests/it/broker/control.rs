//! A destination's control log: one order for everybody, and nothing said is lost.

use fanfare_broker::control::{ControlEvent, ControlLog, ControlState, News, Notice};
use fanfare_broker::topology::{DestinationPlan, Topology, declare};
use fanfare_broker::{BrokerConfig, Inspector, Message, Publisher};
use fanfare_tests::{World, within};
use futures_util::future::join_all;

use super::stage::{publisher, route};

const LOG: &str = "t.crm.control";

fn follow(config: &BrokerConfig) -> ControlLog {
    ControlLog::follow(config, "fanfare tests follow", LOG)
}

fn joined(name: impl ToString) -> Notice {
    Notice::new(1, News::Joined { replica: name.to_string() })
}

fn paused(by: &str) -> Notice {
    Notice::new(2, News::Paused { by: by.to_owned(), why: "migration".to_owned() })
}

async fn say(publisher: &Publisher, notices: &[Notice]) {
    let way = route(LOG, "");
    let said = notices.iter().enumerate().map(|(number, notice)| {
        publisher.publish(&way, notice.message(&format!("notice-{number}")).unwrap())
    });
    for verdict in join_all(said).await {
        assert!(verdict.unwrap().routed);
    }
}

async fn next(log: &mut ControlLog) -> ControlEvent {
    within("something from the control log", log.next()).await
}

/// What is read up to and with `last`, as a replica folds it, since the log was restarted.
async fn read_until(log: &mut ControlLog, last: &Notice) -> (ControlState, Vec<(u64, Notice)>) {
    let mut state = ControlState::default();
    let mut read = Vec::new();
    loop {
        match next(log).await {
            ControlEvent::Restarted => (state, read) = Default::default(),
            ControlEvent::Missing(why) => panic!("{why}"),
            ControlEvent::Notice(notice, place) => {
                let found = notice == *last;
                state.apply(&notice);
                read.push((place, notice));
                if found {
                    return (state, read);
                }
            }
        }
    }
}

#[tokio::test]
async fn everybody_reads_the_same_in_the_same_order_however_late_they_come() {
    const EACH: usize = 50;
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let writers = [publisher(world.config()), publisher(world.config())];
    let mut early = [follow(world.config()), follow(world.config())];
    for log in &mut early {
        assert_eq!(next(log).await, ControlEvent::Restarted);
    }
    let of = |writer: usize| (0..EACH).map(|n| joined(format!("{writer}-{n}"))).collect::<Vec<_>>();
    join_all(writers.iter().enumerate().map(async |(n, writer)| say(writer, &of(n)).await)).await;
    let end = joined("end");
    say(&writers[0], std::slice::from_ref(&end)).await;

    let mut late = follow(world.config());
    let (_, read) = read_until(&mut late, &end).await;
    assert_eq!(read.len(), 2 * EACH + 1);
    assert!(read.iter().enumerate().all(|(n, (place, _))| *place == n as u64), "no gaps");
    for writer in 0..writers.len() {
        let its = |(_, notice): &&(u64, Notice)| of(writer).contains(notice);
        let its: Vec<_> = read.iter().filter(its).map(|(_, notice)| notice.clone()).collect();
        assert_eq!(its, of(writer), "each one's own order is kept");
    }
    for log in &mut early {
        assert_eq!(read_until(log, &end).await.1, read);
    }
    for log in early.into_iter().chain([late]) {
        log.close().await;
    }
    for writer in writers {
        writer.close().await;
    }
    world.end().await;
}

#[tokio::test]
async fn what_was_said_outlives_the_broker_and_followers_come_back_to_it() {
    let mut world = World::with_own_node().await;
    world.declare(&["crm"]).await;
    let publisher = publisher(world.config());
    let mut log = follow(world.config());
    assert_eq!(next(&mut log).await, ControlEvent::Restarted);
    say(&publisher, &[paused("ada")]).await;
    assert!(read_until(&mut log, &paused("ada")).await.0.paused().is_some());

    // Stopped first: RabbitMQ 3.10 never finds back to the first stream of a node that is
    // killed within half a second of its declaration.
    world.own_node().stop().await.unwrap();
    world.own_node().start().await.unwrap();
    assert_eq!(next(&mut log).await, ControlEvent::Restarted, "and not that it is missing");
    say(&publisher, &[joined("me")]).await;
    assert!(read_until(&mut log, &joined("me")).await.0.paused().is_some());

    world.own_node().kill().await.unwrap();
    world.own_node().start().await.unwrap();
    assert_eq!(next(&mut log).await, ControlEvent::Restarted);
    say(&publisher, &[joined("me again")]).await;
    let (state, read) = read_until(&mut log, &joined("me again")).await;
    assert_eq!(read, [(0, paused("ada")), (1, joined("me")), (2, joined("me again"))]);
    assert_eq!(state.paused().unwrap().by, "ada");
    log.close().await;
    publisher.close().await;
    world.end().await;
}

/// The log keeps its newest part only. Whoever follows says the pause again in time.
#[tokio::test]
async fn a_pause_outlives_its_place_in_the_log() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let publisher = publisher(world.config());
    let again = Notice { again: true, ..paused("ada") };
    say(&publisher, &[paused("ada")]).await;
    for round in 0.. {
        let (replica, latecomer) = (joined(format!("{round}")), joined(format!("{round} late")));
        say(&publisher, &vec![joined("x".repeat(1000)); 800]).await;
        say(&publisher, std::slice::from_ref(&replica)).await;
        let mut log = follow(world.config());
        let (state, _) = read_until(&mut log, &replica).await;
        log.close().await;
        let said_again = state.to_say_again().expect("800 are enough");
        assert_eq!(said_again, again);
        say(&publisher, &[said_again, latecomer.clone()]).await;

        let mut log = follow(world.config());
        let (state, read) = read_until(&mut log, &latecomer).await;
        log.close().await;
        assert_eq!(state.paused().map(|pause| (&*pause.by, pause.since_ms)), Some(("ada", 2)));
        if read.iter().all(|(_, notice)| *notice != paused("ada")) {
            break;
        }
    }
    publisher.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_log_that_is_missing_is_said_once_and_followed_as_soon_as_it_is_there() {
    let world = World::start().await;
    let mut log = follow(world.config());
    match next(&mut log).await {
        ControlEvent::Missing(why) => assert!(why.contains("NOT_FOUND"), "{why}"),
        other => panic!("{other:?}"),
    }
    let inspector = Inspector::connect(world.config()).await.unwrap();
    assert_eq!(inspector.control(LOG).await.unwrap(), None);
    inspector.close().await;

    world.declare(&["crm"]).await;
    assert_eq!(next(&mut log).await, ControlEvent::Restarted);
    log.close().await;
    world.end().await;
}

#[tokio::test]
async fn what_is_no_notice_is_passed_over() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let publisher = publisher(world.config());
    for (number, body) in ["", "{\"version\":2}", "[]"].into_iter().enumerate() {
        let message = Message::new(&format!("other-{number}"), body).unwrap();
        assert!(publisher.publish(&route(LOG, "any"), message).await.unwrap().routed);
    }
    say(&publisher, &[paused("ada")]).await;
    let mut log = follow(world.config());
    let (_, read) = read_until(&mut log, &paused("ada")).await;
    assert_eq!(read, [(3, paused("ada"))]);
    log.close().await;
    publisher.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_look_from_outside_finds_what_stands_now() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let inspector = Inspector::connect(world.config()).await.unwrap();
    let look = async || inspector.control(LOG).await.unwrap().expect("the log exists");
    assert_eq!(look().await, ControlState::default());

    let publisher = publisher(world.config());
    say(&publisher, &[paused("ada")]).await;
    assert_eq!(look().await.paused().unwrap().by, "ada");
    let many: Vec<_> = (0..1000).map(joined).collect();
    say(&publisher, &many).await;
    let resumed = News::Resumed { by: "bob".to_owned(), why: String::new() };
    say(&publisher, &[Notice::new(3, resumed)]).await;
    assert_eq!(look().await.paused(), None);
    publisher.close().await;
    inspector.close().await;
    world.end().await;
}

/// RabbitMQ cannot change it on a queue that stands; the operator hears what to do.
#[tokio::test]
async fn an_unordered_queue_is_not_made_an_ordered_one() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let plan = DestinationPlan::new(world.namespace(), "crm", &[]).unwrap();
    let ordered = Topology::of(world.namespace(), &[plan.ordered()]);
    let refused = declare(world.config(), &ordered).await.unwrap_err().to_string();
    assert!(refused.starts_with("queue t.crm stands unordered"), "{refused}");
    assert!(refused.contains("rabbitmqctl delete_queue t.crm"), "{refused}");
    world.end().await;
}
