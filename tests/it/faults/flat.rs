//! What a consumer takes depends neither on how long it runs nor on how much waits for it, nor on
//! how much an API has to say.

use std::fs;

use fanfare_sandbox::mock::{Control, Fault, MockApi};
use fanfare_tests::{
    PATIENCE, Replica, RunningConsumer, Vendor, World, eventually, registered, registered_many,
};

use super::{assert_each_delivered_once, publish_until_confirmed, until_delivered};

const MEGABYTE: u64 = 1024 * 1024;
/// What an allocator keeps for later, more or less by chance.
const SLACK: u64 = 12 * MEGABYTE;

/// What a process takes.
#[derive(Clone, Copy, Debug)]
struct Taken {
    memory: u64,
    most_memory: u64,
    descriptors: usize,
    threads: u64,
}

impl Taken {
    fn by(replica: &Replica) -> Self {
        let folder = format!("/proc/{}", replica.program.pid());
        let status = fs::read_to_string(format!("{folder}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        Self {
            memory: number("VmRSS:") * 1024,
            most_memory: number("VmHWM:") * 1024,
            descriptors: fs::read_dir(format!("{folder}/fd")).unwrap().count(),
            threads: number("Threads:"),
        }
    }
}

/// What a consumer takes at most that has delivered `delivers` of a backlog.
async fn with_a_backlog(backlog: usize, delivers: usize) -> Taken {
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    world.declare(&[vendor.name]).await;
    let producer = world.producer().await;
    for first in (1..=backlog).step_by(10_000) {
        let last = backlog.min(first + 9_999);
        let events: Vec<_> = (first..=last).map(registered).collect();
        publish_until_confirmed(&producer, &events).await;
    }
    producer.close().await;
    let consumer = Replica::start(&world, &vendor, world.url(), &[]);
    let some = delivers as u64;
    vendor.mock.wait_until("some", 3 * PATIENCE, |it| it.totals().effects >= some).await.unwrap();
    let taken = Taken::by(&consumer);
    println!("with a backlog of {backlog}: {taken:?}");
    consumer.program.kill().await;
    world.end().await;
    taken
}

async fn a_backlog_takes_no_memory(backlog: usize) {
    const DELIVERED: usize = 2_000;
    let small = with_a_backlog(DELIVERED, DELIVERED).await;
    let large = with_a_backlog(backlog, DELIVERED).await;
    let bound = small.most_memory + SLACK;
    assert!(large.most_memory <= bound, "{} against {}", large.most_memory, small.most_memory);
}

#[tokio::test]
async fn a_backlog_of_ten_thousand_takes_no_more_memory_than_one_of_two() {
    a_backlog_takes_no_memory(10_000).await;
}

#[tokio::test]
#[ignore = "publishes a hundred thousand events first"]
async fn a_backlog_of_a_hundred_thousand_takes_no_memory_either() {
    a_backlog_takes_no_memory(100_000).await;
}

#[tokio::test]
#[ignore = "publishes a million events first"]
async fn a_backlog_of_a_million_takes_no_memory_either() {
    a_backlog_takes_no_memory(1_000_000).await;
}

#[tokio::test]
async fn a_consumer_that_goes_on_has_no_more_tasks_than_at_first() {
    const ROUND: usize = 200;
    /// Connections that are kept for the next call, here and at the mock.
    const KEPT: usize = 16;
    let (world, api) = (World::start().await, MockApi::sink().await.unwrap());
    world.declare(&["crm"]).await;
    let consumer = RunningConsumer::start(&world, "crm", &api, &[("FANFARE_MAX_CONCURRENCY", "4")]);
    let producer = world.producer().await;
    let mut most = usize::MAX;
    for round in 0..6 {
        let events: Vec<_> = (round * ROUND + 1..=(round + 1) * ROUND).map(registered).collect();
        publish_until_confirmed(&producer, &events).await;
        let all = ((round + 1) * ROUND) as u64;
        api.wait_until("all", PATIENCE, |api| api.totals().accepted >= all).await.unwrap();
        world.until_drained("crm").await;
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let what = "as few tasks as after the first round";
        let left = eventually(what, async || Some(tasks()).filter(|left| *left <= most)).await;
        most = most.min(left + KEPT);
    }
    consumer.stop().await;
    producer.close().await;
    world.end().await;
}

#[tokio::test]
#[ignore = "measures for some minutes"]
async fn a_consumer_that_goes_on_takes_no_more_than_at_first() {
    const ROUND: usize = 4_000;
    let (world, vendor) = (World::start().await, Vendor::hubspot().await);
    world.declare(&[vendor.name]).await;
    let few_calls = [("FANFARE_MAX_CONCURRENCY", "8")];
    let consumer = Replica::start(&world, &vendor, world.url(), &few_calls);
    let producer = world.producer().await;
    let mut rounds = Vec::new();
    // The ledger is full after the first 65,536.
    for round in 0..30 {
        let events: Vec<_> = (round * ROUND + 1..=(round + 1) * ROUND).map(registered).collect();
        publish_until_confirmed(&producer, &events).await;
        let all = ((round + 1) * ROUND) as u64;
        let patience = 3 * PATIENCE;
        vendor.mock.wait_until("all", patience, |it| it.totals().accepted >= all).await.unwrap();
        rounds.push(Taken::by(&consumer));
        println!("after {all}: {:?}", rounds[round]);
    }
    let (early, late) = (rounds[17], rounds[29]);
    assert!(late.memory <= early.memory + SLACK, "{late:?} against {early:?}");
    // As many connections as there may be calls.
    assert!(late.descriptors <= early.descriptors + 8, "{late:?} against {early:?}");
    assert!(late.threads <= early.threads + 1, "{late:?} against {early:?}");
    consumer.stop().await;
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn an_answer_of_a_gigabyte_is_not_read_to_its_end() {
    const GIGABYTE: u64 = 1024 * MEGABYTE;
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    world.declare(&[vendor.name]).await;
    let consumer = Replica::start(&world, &vendor, world.url(), &[]);
    let producer = world.producer().await;
    let events = registered_many(20);
    let (first, rest) = events.split_at(1);
    publish_until_confirmed(&producer, first).await;
    until_delivered(&vendor, first).await;
    let before = Taken::by(&consumer);
    let answers = [Fault::status(503).body_bytes(GIGABYTE), Fault::pass().body_bytes(GIGABYTE)];
    vendor.mock.control(Control::script(answers)).unwrap();
    publish_until_confirmed(&producer, rest).await;
    until_delivered(&vendor, &events).await;
    assert_each_delivered_once(&world, &vendor, &events).await;
    assert_eq!(vendor.mock.faults_injected(), 2);
    let after = Taken::by(&consumer);
    assert!(after.most_memory <= before.most_memory + SLACK, "{after:?} against {before:?}");
    consumer.stop().await;
    producer.close().await;
    world.end().await;
}
