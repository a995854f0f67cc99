//! Who may do what: each user can do its work with Fanfare's own types, and nothing else.
//!
//! RabbitMQ has no right of its own for purging: whoever may read a queue may empty it, so an
//! operator may. Nobody but the owner of the topology may declare or delete anything.

use fanfare_broker::control::{ControlEvent, ControlLog, News, Notice};
use fanfare_broker::topology::{DestinationPlan, ExchangeKind, Topology, declare};
use fanfare_broker::{
    BrokerConfig, Browser, DeathNote, InspectError, Inspector, Message, PublishError,
};
use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::broker::Permissions;
use fanfare_sandbox::mock::{Control, Fault, MockApi};
use fanfare_tests::{PATIENCE, RunningConsumer, World, registered, within};

use super::stage::{
    declare_queues, exchange, message, next, objects, publisher, queue, route, subscription,
    to_queue, until_refused,
};

const PRODUCER: Permissions<'_> =
    Permissions { configure: "^$", write: r"^t\.events$", read: "^$" };
const GATEWAY: Permissions<'_> = Permissions {
    configure: r"^t\.reply\..*$",
    write: r"^(t\.events|t\.reply\..*)$",
    read: r"^(t\.replies|t\.reply\..*)$",
};
const CONSUMER_OF_CRM: Permissions<'_> = Permissions {
    configure: "^$",
    write: r"^(t\.crm\.delay\..*|t\.crm\.dead|t\.crm\.control|t\.reports|t\.replies)$",
    read: r"^t\.crm(\.control)?$",
};
const OPERATOR: Permissions<'_> = Permissions {
    configure: "^$",
    write: r"^t\..*\.(replay|control)$",
    read: r"^(t\..*\.(dead|control)|t\.unrouted|t\.archive)$",
};
const OWNER: Permissions<'_> =
    Permissions { configure: r"^t\..*$", write: r"^t\..*$", read: r"^t\..*$" };

/// It writes to every queue by its name; nobody may use it.
const DEFAULT_EXCHANGE: &str = "";

struct User {
    url: String,
    config: BrokerConfig,
}

async fn user(world: &World, permissions: Permissions<'_>) -> User {
    let url = world.user(permissions).await;
    User { config: BrokerConfig::from_urls(&url, false).unwrap(), url }
}

impl User {
    async fn may_not_publish_to(&self, exchanges: &[&str]) {
        let publisher = publisher(&self.config);
        for exchange in exchanges {
            match publisher.publish(&route(exchange, "t.crm"), message(1)).await {
                Err(PublishError::Refused { source, .. }) => {
                    assert!(source.is_access_refused(), "`{exchange}`: {source}");
                }
                other => panic!("`{exchange}`: {other:?}"),
            }
        }
        publisher.close().await;
    }

    async fn may_not_consume(&self, queues: &[&str]) {
        for queue in queues {
            let subscription = subscription(&self.config, queue, 1);
            until_refused(&subscription, "ACCESS_REFUSED").await;
            subscription.close().await;
        }
    }

    /// It writes into the destination's control log, and reads it to its end.
    async fn may_share_control_of_crm(&self, world: &World) {
        let control = world.names("crm").control();
        let joined = Notice::new(1, News::Joined { replica: self.url.clone() });
        let publisher = publisher(&self.config);
        let (way, notice) = (route(&control, ""), joined.message("joined").unwrap());
        assert!(publisher.publish(&way, notice).await.unwrap().routed);
        publisher.close().await;
        let mut log = ControlLog::follow(&self.config, "fanfare tests follow", &control);
        let own = async {
            while !matches!(log.next().await, ControlEvent::Notice(notice, _) if notice == joined) {
            }
        };
        within("one's own notice", own).await;
        log.close().await;
    }

    async fn may_not_follow(&self, queue: &str) {
        let mut log = ControlLog::follow(&self.config, "fanfare tests follow", queue);
        match within("a refusal", log.next()).await {
            ControlEvent::Missing(why) => assert!(why.contains("ACCESS_REFUSED"), "{why}"),
            other => panic!("{queue}: {other:?}"),
        }
        log.close().await;
    }

    /// Declaring and deleting are one right.
    async fn may_not_declare(&self, topology: &Topology) {
        match declare(&self.config, topology).await {
            Err(fanfare_broker::topology::DeclareError::Object { object, source }) => {
                assert!(source.is_access_refused(), "{object}: {source}");
            }
            other => panic!("{other:?}"),
        }
    }

    /// Neither an exchange nor a queue, nor the removal of a binding.
    async fn may_change_nothing(&self, world: &World) {
        let events = world.namespace().events();
        let new_exchange = vec![exchange("t.mine", ExchangeKind::Fanout)];
        self.may_not_declare(&Topology { exchanges: new_exchange, ..objects() }).await;
        self.may_not_declare(&Topology { queues: vec![queue("t.mine")], ..objects() }).await;
        let way_in = vec![to_queue(&events, "t.crm", "")];
        self.may_not_declare(&Topology { outdated: way_in, ..objects() }).await;
        self.may_not_declare(&Topology::of_namespace(world.namespace())).await;
    }
}

#[tokio::test]
async fn a_producer_may_publish_events_and_nothing_else() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let user = user(&world, PRODUCER).await;

    let config = ProducerConfig::with_broker(user.config.clone(), "t").unwrap();
    let producer = Producer::start(config.without_declaring());
    assert!(producer.publish(&registered(1)).await.unwrap().routed);
    producer.close().await;
    world.until_ready("t.crm", 1).await;

    user.may_not_publish_to(&[
        DEFAULT_EXCHANGE,
        "t.crm.replay",
        "t.crm.dead",
        "t.crm.delay.00",
        "t.crm.control",
        "t.reports",
    ])
    .await;
    user.may_not_consume(&["t.crm", "t.crm.dead", "t.unrouted"]).await;
    user.may_change_nothing(&world).await;
    world.end().await;
}

#[tokio::test]
async fn a_consumer_may_deliver_retry_dead_letter_and_report_and_nothing_else() {
    let world = World::start().await;
    world.declare(&["crm", "mail"]).await;
    let reports = Topology {
        queues: vec![queue("heard")],
        bindings: vec![
            to_queue(&world.namespace().reports(), "heard", "crm.#"),
            to_queue(&world.namespace().replies(), "heard", "me"),
        ],
        ..objects()
    };
    declare(world.config(), &reports).await.unwrap();
    let user = user(&world, CONSUMER_OF_CRM).await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::script([Fault::status(503), Fault::status(400)])).unwrap();
    let variables = [("FANFARE_AMQP_URL", user.url.as_str()), ("FANFARE_TOPOLOGY", "verify")];
    let consumer = RunningConsumer::start(&world, "crm", &api, &variables);

    // The first is tried again and then refused for good, the second is taken.
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    world.until_ready("t.crm.dead", 1).await;
    producer.close().await;
    let publisher = publisher(world.config());
    let waiting = Message::new("2", registered(2).to_json())
        .and_then(|message| message.content_type("application/cloudevents+json"))
        .and_then(|message| message.reply("me", None))
        .unwrap();
    publisher
        .publish(&route(&world.namespace().events(), "user.registered"), waiting)
        .await
        .unwrap();
    api.wait_until("a delivery", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    // A retry, a dead letter, a delivery, and the answer to whoever waits for it.
    world.until_ready("heard", 4).await;
    consumer.stop().await;
    publisher.close().await;
    assert_eq!(world.ready("t.crm").await, 0);

    user.may_share_control_of_crm(&world).await;
    let others = ["t.events", "t.crm.replay", "t.mail.dead", "t.mail.control", DEFAULT_EXCHANGE];
    user.may_not_publish_to(&others).await;
    user.may_not_consume(&["t.mail", "t.mail.dead", "t.crm.dead", "t.unrouted"]).await;
    user.may_not_follow("t.mail.control").await;
    user.may_change_nothing(&world).await;
    world.end().await;
}

#[tokio::test]
async fn an_operator_may_read_and_replay_dead_letters_and_nothing_else() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let user = user(&world, OPERATOR).await;
    let own = publisher(world.config());
    own.publish(&route("t.crm.dead", ""), dead_letter()).await.unwrap();
    own.publish(&route("t.unrouted", ""), message(2)).await.unwrap();
    own.close().await;

    // As a replay does it: copy, confirm, remove.
    let publisher = publisher(&user.config);
    let mut browser = Browser::open(&user.config, "t.crm.dead").await.unwrap();
    let letter = browser.next().await.unwrap().expect("the dead letter");
    let copy = letter.message.successor("unused").unwrap().replay("a-replay");
    assert!(publisher.publish(&route("t.crm.replay", ""), copy).await.unwrap().routed);
    browser.remove(letter).await.unwrap();
    browser.close().await;
    publisher.close().await;
    world.until_ready("t.crm", 1).await;
    world.until_ready("t.crm.dead", 0).await;
    assert_eq!(world.read("t.crm").await[0].replay(), Some("a-replay"));

    let mut parked = Browser::open(&user.config, "t.unrouted").await.unwrap();
    assert!(parked.next().await.unwrap().is_some());
    parked.close().await;

    user.may_share_control_of_crm(&world).await;
    user.may_not_publish_to(&[DEFAULT_EXCHANGE, "t.events", "t.crm.dead", "t.crm.delay.00"]).await;
    user.may_not_consume(&["t.crm", "t.crm.delay.00"]).await;
    user.may_change_nothing(&world).await;
    world.end().await;
}

fn dead_letter() -> Message {
    message(1).death_note(&DeathNote {
        cause: fanfare_broker::Cause::Rejected,
        reason: "no such thing".to_owned(),
        status: Some(422),
        response: None,
        dead_at_ms: 1,
        destination: "crm".to_owned(),
        consumer: "fanfare-tests".to_owned(),
    })
}

#[tokio::test]
async fn a_gateway_may_publish_events_and_wait_for_its_own_replies_and_nothing_else() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let user = user(&world, GATEWAY).await;

    let replies = Topology {
        queues: vec![queue("t.reply.one")],
        bindings: vec![to_queue(&world.namespace().replies(), "t.reply.one", "one")],
        ..objects()
    };
    declare(&user.config, &replies).await.unwrap();
    let publisher = publisher(&user.config);
    let asks = message(1).reply("one", Some("question")).unwrap();
    assert!(publisher.publish(&route("t.events", "user.registered"), asks).await.unwrap().routed);
    publisher.close().await;
    let asked = world.read("t.crm").await;
    assert_eq!((asked[0].reply_to(), asked[0].correlation_id()), (Some("one"), Some("question")));

    let answers = super::stage::publisher(world.config());
    answers.publish(&route("t.replies", "one"), message(2)).await.unwrap();
    answers.close().await;
    let mut own = subscription(&user.config, "t.reply.one", 1);
    next(&mut own).await.ack();
    own.close().await;

    user.may_not_publish_to(&[DEFAULT_EXCHANGE, "t.crm.replay", "t.crm.dead", "t.replies"]).await;
    user.may_not_consume(&["t.crm", "t.crm.dead", "t.unrouted"]).await;
    user.may_change_nothing(&world).await;
    world.end().await;
}

#[tokio::test]
async fn the_owner_of_the_topology_may_declare_it_and_nothing_outside() {
    let world = World::start().await;
    declare_queues(&world, &["foreign"]).await;
    let user = user(&world, OWNER).await;
    for subscriptions in [&[][..], &["user.#".to_owned()][..], &[][..]] {
        let plan = DestinationPlan::new(world.namespace(), "crm", subscriptions).unwrap();
        declare(&user.config, &Topology::of(world.namespace(), &[plan])).await.unwrap();
    }
    user.may_not_declare(&Topology { queues: vec![queue("foreign")], ..objects() }).await;
    user.may_not_publish_to(&[DEFAULT_EXCHANGE, "x"]).await;
    user.may_not_consume(&["foreign"]).await;
    world.end().await;
}

/// Up to RabbitMQ 4.2.5 everybody may look at a queue, later only who has a right to it.
#[tokio::test]
async fn a_queue_that_may_not_be_looked_at_stands_in_nobodys_way() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let user = user(&world, OPERATOR).await;
    let inspector = Inspector::connect(&user.config).await.unwrap();
    let (theirs, nobodys) = (inspector.depth("t.crm").await, inspector.depth("t.mail").await);
    match (&theirs, &nobodys) {
        (Ok(Some(_)), Ok(None)) => {}
        (Err(theirs), Err(_)) => {
            assert!(matches!(theirs, InspectError::Refused { .. }), "{theirs:?}");
            assert!(!theirs.is_unreachable());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(inspector.depth("t.crm.dead").await.unwrap().unwrap().ready, 0);
    inspector.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_user_who_is_turned_away_gets_in_once_the_broker_knows_them() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let name = format!("{}-user", world.vhost());
    let mut url = url::Url::parse(world.url()).unwrap();
    url.set_username(&name).unwrap();
    url.set_password(Some("secret")).unwrap();
    let publisher = publisher(&BrokerConfig::from_urls(url.as_str(), false).unwrap());
    let publishing = publisher.clone();
    let published = tokio::spawn(async move {
        publishing.publish(&route("t.events", "user.registered"), message(1)).await
    });
    let refused = Inspector::connect(&BrokerConfig::from_urls(url.as_str(), false).unwrap()).await;
    assert!(matches!(refused, Err(InspectError::Unreachable(_))), "{refused:?}");

    user(&world, PRODUCER).await;
    assert!(within("the publish", published).await.unwrap().unwrap().routed);
    publisher.close().await;
    world.end().await;
}
