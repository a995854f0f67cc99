//! A consumer that is killed after its call was answered, and one whose call is under way.

use fanfare_broker::Cause;
use fanfare_sandbox::mock::{Control, Fault, Moment};
use fanfare_sandbox::proxy::{Direction, Faults};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{PATIENCE, Replica, Vendor, World, registered, registered_many};

use super::{assert_calls, assert_nothing_left, entry};

/// Kills a consumer whose call was answered and whose ack is on its way; then lets another
/// consume. Returns that one.
async fn killed_between_2xx_and_ack(
    world: &World,
    vendor: &Vendor,
    ledger: &[(&str, &str)],
) -> Replica {
    world.declare(&[vendor.name]).await;
    let queue = world.names(vendor.name).queue().to_owned();
    let proxy = world.proxy().await;
    let victim = Replica::start(world, vendor, &world.url_through(proxy.address()), ledger);
    world.until_consumers(&queue, 1).await;
    // From here on the broker speaks to it and hears nothing.
    proxy.set(Faults::withhold(Direction::Requests));
    world.publish(&[registered(1)]).await;
    victim.until_settled("delivered", 1).await;
    proxy
        .wait_until("the ack to be withheld", PATIENCE, |counts| counts.withheld > 0)
        .await
        .unwrap();
    assert_eq!(vendor.mock.log()[0].status.map(|status| status / 100), Some(2));

    victim.program.kill().await;
    proxy.reset_connections();
    // That it is here again shows that the ack was not.
    world.until_ready(&queue, 1).await;
    Replica::start(world, vendor, world.url(), ledger)
}

async fn a_shared_ledger_saves_the_call(vendor: Vendor, redis: &RedisNode) {
    let world = World::start().await;
    let ledger = [("FANFARE_LEDGER", redis.url())];
    let next = killed_between_2xx_and_ack(&world, &vendor, &ledger).await;
    assert_eq!(entry(redis, &world, &vendor, &registered(1)), "delivered");
    next.until_settled("duplicate", 1).await;
    assert_eq!(next.repeats().await, 0);
    next.stop().await;
    assert_eq!(vendor.mock.totals().requests, 1, "calls to {}", vendor.name);
    assert_eq!(vendor.mock.totals().effects, 1, "effects at {}", vendor.name);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}

#[tokio::test]
async fn with_a_shared_ledger_a_kill_between_2xx_and_ack_causes_no_second_call() {
    // Both worlds have the same namespace; the destinations keep their keys apart.
    let redis = RedisNode::private().await.unwrap();
    let (crm, mail) = tokio::join!(Vendor::hubspot(), Vendor::sendgrid());
    tokio::join!(
        a_shared_ledger_saves_the_call(crm, &redis),
        a_shared_ledger_saves_the_call(mail, &redis)
    );
}

/// What a second call changes is up to the API: an upsert nothing, a mail is a mail.
async fn a_ledger_in_memory_repeats_the_call(vendor: Vendor, effects: u64) {
    let world = World::start().await;
    let next = killed_between_2xx_and_ack(&world, &vendor, &[]).await;
    next.until_settled("delivered", 1).await;
    assert_eq!(next.repeats().await, 1, "it is counted");
    next.stop().await;
    let calls = vendor.mock.log();
    assert_eq!(calls.len(), 2, "calls to {}", vendor.name);
    assert_eq!(calls[0].keys.len(), 1);
    assert_eq!(calls[1].keys, calls[0].keys, "under the same key");
    assert_calls(&vendor, &[registered(1)], 2);
    assert_eq!(vendor.mock.totals().effects, effects, "effects at {}", vendor.name);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}

#[tokio::test]
async fn with_a_ledger_in_memory_a_kill_between_2xx_and_ack_causes_one_more_call_which_is_counted()
{
    let (crm, mail) = tokio::join!(Vendor::hubspot(), Vendor::sendgrid());
    tokio::join!(
        a_ledger_in_memory_repeats_the_call(crm, 1),
        a_ledger_in_memory_repeats_the_call(mail, 2)
    );
}

/// A call's deadline of 3 s, one more that the engine leaves it, and ten of slack.
const LEASE_MS: f64 = 14_000.0;

/// Kills a consumer while its call is under way, which takes effect and is never answered;
/// then lets another consume. Returns that one, and when the dead one's lease ends.
async fn killed_while_calling(
    world: &World,
    vendor: &Vendor,
    redis: &RedisNode,
    policy: &str,
) -> (Replica, f64) {
    world.declare(&[vendor.name]).await;
    vendor.mock.control(Control::script([Fault::hang(Moment::AfterRead)])).unwrap();
    let variables =
        [("FANFARE_LEDGER", redis.url()), ("FANFARE_TIMEOUT", "3s"), ("FANFARE_AMBIGUOUS", policy)];
    world.publish(&[registered(1)]).await;
    let victim = Replica::start(world, vendor, world.url(), &variables);
    vendor.mock.wait_until("the call", PATIENCE, |mock| mock.totals().effects == 1).await.unwrap();
    victim.program.kill().await;
    let claim = entry(redis, world, vendor, &registered(1));
    let (_, lease_ends_ms) = claim.split_once(' ').expect("a claim, which nobody has ended");
    (Replica::start(world, vendor, world.url(), &variables), lease_ends_ms.parse().unwrap())
}

async fn an_abandoned_call_is_repeated_once(vendor: Vendor, redis: &RedisNode, effects: u64) {
    let world = World::start().await;
    let (next, lease_ends_ms) = killed_while_calling(&world, &vendor, redis, "resend").await;
    next.until_settled("delivered", 1).await;
    assert_eq!(next.repeats().await, 1, "it is counted");
    next.stop().await;
    let calls = vendor.mock.log();
    assert_eq!(calls.len(), 2, "calls to {}", vendor.name);
    assert_eq!(calls[1].keys, calls[0].keys, "under the same key");
    // The one that is dead might have been calling until then.
    assert!(calls[1].arrived_ms >= lease_ends_ms);
    assert!(lease_ends_ms <= calls[0].arrived_ms + LEASE_MS);
    assert_eq!(vendor.mock.totals().effects, effects, "effects at {}", vendor.name);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}

async fn an_abandoned_call_is_left_to_a_person(vendor: Vendor, redis: &RedisNode) {
    let world = World::start().await;
    let (next, _) = killed_while_calling(&world, &vendor, redis, "hold").await;
    next.until_settled("dead", 1).await;
    next.stop().await;
    assert_eq!(vendor.mock.totals().requests, 1, "calls to {}", vendor.name);
    let dead = world.read(&world.names(vendor.name).dead()).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].cause(), Some(Cause::Ambiguous));
    assert_eq!(dead[0].id(), registered(1).id().to_string());
    world.end().await;
}

#[tokio::test]
async fn a_call_that_its_consumer_did_not_survive_is_waited_for_and_then_repeated_or_shown() {
    // Two consumers of one namespace and destination would share keys.
    let [redis, another] =
        [RedisNode::private().await.unwrap(), RedisNode::private().await.unwrap()];
    let (crm, mail) = tokio::join!(Vendor::hubspot(), Vendor::sendgrid());
    let third = Vendor::sendgrid().await;
    tokio::join!(
        an_abandoned_call_is_repeated_once(crm, &redis, 1),
        an_abandoned_call_is_repeated_once(mail, &redis, 2),
        an_abandoned_call_is_left_to_a_person(third, &another)
    );
}

#[tokio::test]
async fn what_a_dead_consumer_was_calling_for_keeps_nothing_else_waiting() {
    const LOST: u64 = 2;
    const EVENTS: usize = 12;
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    let redis = RedisNode::private().await.unwrap();
    world.declare(&[vendor.name]).await;
    let hangs = std::iter::repeat_n(Fault::hang(Moment::AfterRead), LOST as usize);
    vendor.mock.control(Control::script(hangs)).unwrap();
    let variables = [
        ("FANFARE_LEDGER", redis.url()),
        ("FANFARE_TIMEOUT", "3s"),
        ("FANFARE_MAX_CONCURRENCY", "2"),
        // Nothing is at hand but what is called for.
        ("FANFARE_PREFETCH", "2"),
    ];
    let events = registered_many(EVENTS);
    world.publish(&events).await;
    let victim = Replica::start(&world, &vendor, world.url(), &variables);
    vendor
        .mock
        .wait_until("the calls", PATIENCE, |mock| mock.totals().effects == LOST)
        .await
        .unwrap();
    victim.program.kill().await;
    // What it was calling for is at the head of the queue, and claimed.
    let next = Replica::start(&world, &vendor, world.url(), &variables);
    next.until_settled("delivered", EVENTS).await;
    assert_eq!(next.repeats().await, LOST);
    next.stop().await;
    let calls = vendor.mock.log();
    let repeated = |key| calls.iter().filter(|call| call.keys == key).count() == 2;
    let (lost, others): (Vec<_>, Vec<_>) =
        calls.iter().skip(LOST as usize).partition(|call| repeated(call.keys.clone()));
    assert_eq!((lost.len(), others.len()), (LOST as usize, EVENTS - LOST as usize));
    let first_lost = lost.iter().map(|call| call.arrived_ms).fold(f64::INFINITY, f64::min);
    assert!(others.iter().all(|call| call.arrived_ms < first_lost), "they did not wait for it");
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}
