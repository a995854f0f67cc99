//! The life of a private node, told against a real one.

use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::management::Management;
use super::*;
use crate::holder;
use crate::system::free_ports;

// AMQP reply codes.
const ACCESS_REFUSED: u16 = 403;
const NOT_ALLOWED: u16 = 530;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn is_running(pid: u32) -> bool {
    kill(Pid::from_raw(pid.try_into().unwrap()), None).is_ok()
}

async fn refused(at: &str) -> u16 {
    match login::log_in(&url(at)).await {
        Err(LoginError::Refused { code, .. }) => code,
        otherwise => panic!("expected a refusal at {at}, got {otherwise:?}"),
    }
}

#[test]
fn a_vhost_with_a_slash_stays_one_segment() {
    let node = url("amqp://guest:guest@127.0.0.1:5672/%2f");
    assert_eq!(in_vhost(&node, "a/b").as_str(), "amqp://guest:guest@127.0.0.1:5672/a%2Fb");
}

/// What every broker that we started can do, whether in a process or in a container.
async fn tell_the_story_of(node: &mut BrokerNode) {
    let home = node.home().unwrap().to_owned();
    assert!(node.version().await.unwrap().starts_with(|first: char| first.is_ascii_digit()));

    // Vhosts and users, with names that would break a careless URL or expression.
    let vhost = node.vhost("orders/\"1\"").await.unwrap();
    login::log_in(&url(&vhost)).await.unwrap();
    let nothing = Permissions { configure: "^$", write: "^$", read: "^$" };
    let stranger = node.add_user("stranger", "s3:cr/et", "orders/\"1\"", nothing).await.unwrap();
    login::log_in(&url(&stranger)).await.unwrap();
    assert_eq!(refused(&stranger.replace("s3", "s4")).await, ACCESS_REFUSED);
    let elsewhere = in_vhost(&url(&stranger), "/");
    assert_eq!(refused(elsewhere.as_str()).await, NOT_ALLOWED);

    // Another process joins by the folder, but does not stop what it did not start.
    let mut guest = BrokerNode::attach(&home).await.unwrap();
    assert_eq!(guest.url(), node.url());
    let second = guest.vhost("second").await.unwrap();
    login::log_in(&url(&second)).await.unwrap();
    assert!(matches!(guest.kill().await, Err(NodeError::Impossible { .. })));
    guest.delete_vhost("second").await.unwrap();
    assert_eq!(refused(&second).await, NOT_ALLOWED);

    // The alarm.
    let alarms = ["eval", "rabbit_alarm:get_alarms()."];
    node.memory_alarm(true).await.unwrap();
    let raised = node.rabbitmqctl(&alarms).await.unwrap();
    assert!(raised.contains("resource_limit,memory"), "{raised}");
    node.memory_alarm(false).await.unwrap();
    assert_eq!(node.rabbitmqctl(&alarms).await.unwrap(), "[]");

    // Killed, then back with its data on the same port; the same after an orderly stop.
    node.kill().await.unwrap();
    assert!(login::log_in(&url(&vhost)).await.is_err());
    node.start().await.unwrap();
    login::log_in(&url(&vhost)).await.unwrap();
    node.stop().await.unwrap();
    assert!(login::log_in(&url(&vhost)).await.is_err());
    node.start().await.unwrap();
    login::log_in(&url(&vhost)).await.unwrap();
}

/// Tests share a node, but each has a runtime of its own, which ends with the test.
fn every_runtime_can_use(node: &BrokerNode) {
    std::thread::scope(|scope| {
        for vhost in ["one", "two"] {
            let test = scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async { node.vhost(vhost).await.unwrap() })
            });
            test.join().unwrap();
        }
    });
}

#[tokio::test]
async fn a_private_node_lives_dies_and_lives_again_without_a_trace() {
    let mut node = BrokerNode::private("").await.unwrap();
    let first = node.pid().unwrap();
    tell_the_story_of(&mut node).await;
    every_runtime_can_use(&node);
    let last = node.pid().unwrap();
    let home = node.home().unwrap().to_owned();
    node.end();
    assert!(!is_running(first) && !is_running(last) && !home.exists());
}

#[tokio::test]
#[ignore = "needs a Docker engine, and FANFARE_RABBITMQ_IMAGE if it cannot pull the default image"]
async fn a_container_lives_dies_and_lives_again_without_a_trace() {
    let image =
        std::env::var_os("FANFARE_RABBITMQ_IMAGE").map(|image| image.into_string().unwrap());
    let mut node = BrokerNode::provision(&Wishes { url: None, image }).await.unwrap();
    assert!(matches!(node.life, Life::Container(_)), "not in a container");
    tell_the_story_of(&mut node).await;
    every_runtime_can_use(&node);
    let (home, broker) = (node.home().unwrap().to_owned(), url(node.url()));
    node.end();
    assert!(login::log_in(&broker).await.is_err() && !home.exists());
}

#[tokio::test]
async fn a_node_does_not_outlive_a_process_that_is_killed() {
    let (mut holder, pid, home) = holder::start::<u32>("broker::tests::hold_a_node_until_killed");
    assert!(is_running(pid) && home.exists());

    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_running(pid) || home.exists() {
        assert!(Instant::now() < deadline, "the keeper did not end the broker and its folder");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[ignore = "run by the test above, which kills it"]
async fn hold_a_node_until_killed() {
    let node = BrokerNode::private("").await.unwrap();
    holder::hold(node.pid().unwrap(), node.home().unwrap()).await;
}

#[tokio::test]
async fn tests_of_one_process_share_a_node_that_another_process_started() {
    let node = BrokerNode::private("").await.unwrap();
    let first = shared(&Wishes::default(), node.home()).await.unwrap();
    let again = shared(&Wishes::default(), None).await.unwrap();
    assert_eq!((first.url(), again.url()), (node.url(), node.url()));
}

#[tokio::test]
async fn a_broker_known_by_its_url_is_administered_through_its_management_api() {
    let [port] = free_ports().unwrap();
    let config = format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n");
    let node = BrokerNode::private(&config).await.unwrap();
    let plugins = node.home().unwrap().join("plugins");
    std::fs::write(&plugins, "[rabbitmq_management].").unwrap();
    let enable = format!("rabbit_plugins:ensure(\"{}\").", plugins.display());
    node.rabbitmqctl(&["eval", &enable]).await.unwrap();

    let given = Wishes { url: Some(node.url().to_owned()), image: None };
    let mut given = BrokerNode::provision(&given).await.unwrap();
    given.control = Control::Management(Management::at(&given.url, port));
    let vhost = given.vhost("a/b").await.unwrap();
    login::log_in(&url(&vhost)).await.unwrap();
    let nothing = Permissions { configure: "^$", write: "^$", read: "^$" };
    let stranger = given.add_user("stranger", "s3:cr/et", "a/b", nothing).await.unwrap();
    login::log_in(&url(&stranger)).await.unwrap();
    given.delete_vhost("a/b").await.unwrap();
    assert_eq!(refused(&vhost).await, NOT_ALLOWED);
    assert!(matches!(given.delete_vhost("a/b").await, Err(NodeError::Refused { .. })));
    assert!(matches!(given.memory_alarm(true).await, Err(NodeError::Impossible { .. })));
    assert!(matches!(given.stop().await, Err(NodeError::Impossible { .. })));
}

#[tokio::test]
async fn a_folder_without_a_node_is_told_from_a_node_that_is_gone() {
    let empty = tempfile::tempdir().unwrap();
    let error = BrokerNode::attach(empty.path()).await.unwrap_err();
    assert!(matches!(error, AttachError::NoDescription { .. }));

    let [port] = free_ports().unwrap();
    let place = home::Place::Container { name: "gone".to_owned() };
    let url = url(&format!("amqp://127.0.0.1:{port}/"));
    Description { url, place }.write(empty.path()).unwrap();
    let error = BrokerNode::attach(empty.path()).await.unwrap_err();
    assert!(matches!(error, AttachError::NoAnswer { .. }));
}

#[tokio::test]
async fn a_given_broker_that_is_not_there_is_an_error_and_not_a_reason_to_look_elsewhere() {
    let [port] = free_ports().unwrap();
    let given = Some(format!("amqp://me:secret@127.0.0.1:{port}/"));
    let error = BrokerNode::provision(&Wishes { url: given, image: None }).await.unwrap_err();
    assert!(matches!(error, ProvisionError::Given { .. }));
    assert!(!error.to_string().contains("secret"), "{error}");
}
