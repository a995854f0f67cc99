//! The life of a private PostgreSQL, told against a real one.

use std::process::Child;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::*;
use crate::holder;

/// A client whose server process is too busy to notice that the first one is gone.
fn busy_client(node: &PostgresNode) -> Child {
    Command::new(node.programs.join("psql"))
        .args(["--dbname", node.url(), "--command", "DO $$ BEGIN LOOP END LOOP; END $$"])
        .env("PGOPTIONS", "-c statement_timeout=60s")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Everything that serves the node now.
async fn family(node: &PostgresNode) -> Vec<i32> {
    let deadline = Instant::now() + START;
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'";
    while node.ask(busy).await.unwrap() != "1" {
        assert!(Instant::now() < deadline, "no client is served");
        sleep(POLL).await;
    }
    let backends = node.ask("SELECT pid FROM pg_stat_activity").await.unwrap();
    let own = node.server.as_ref().unwrap().pid().to_string();
    backends.lines().chain([own.as_str()]).map(|pid| pid.parse().unwrap()).collect()
}

fn is_running(pid: &i32) -> bool {
    // A zombie, whose parent is slow to wait for it, runs no more.
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    kill(Pid::from_raw(*pid), None).is_ok() && !status.contains(") Z")
}

/// The number of its segment of shared memory.
fn segment(node_home: &Path) -> String {
    let about_itself = fs::read_to_string(node_home.join("data/postmaster.pid")).unwrap();
    let line = about_itself.lines().nth(6).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

fn has_segment(number: &str) -> bool {
    let segments = Command::new("ipcs").args(["-m"]).output().unwrap();
    text(&segments.stdout).lines().any(|line| line.split_whitespace().nth(1) == Some(number))
}

#[tokio::test]
async fn a_postgres_lives_dies_and_lives_again_without_a_trace() {
    let mut node = PostgresNode::private().await.unwrap();
    node.ask("CREATE TABLE t AS SELECT 1 AS number").await.unwrap();
    let other = node.database("a \"second\" one").await.unwrap();
    assert!(other.ends_with("/a%20%22second%22%20one"), "{other}");
    assert!(matches!(node.database("postgres").await, Err(PostgresError::Refused { .. })));

    let mut client = busy_client(&node);
    let killed = family(&node).await;
    node.kill().unwrap();
    assert!(!killed.iter().any(is_running), "some of its processes outlive a kill");
    client.wait().unwrap();
    assert!(node.ask("SELECT 1").await.is_err());
    node.start().await.unwrap();
    assert_eq!(node.ask("SELECT number, 'x' FROM t").await.unwrap(), "1|x");
    node.stop().await.unwrap();
    node.start().await.unwrap();

    let mut client = busy_client(&node);
    let ended = family(&node).await;
    let (home, segment) = (node.home.clone(), segment(&node.home));
    assert!(has_segment(&segment));
    drop(node);
    client.wait().unwrap();
    assert!(!ended.iter().any(is_running) && !home.exists() && !has_segment(&segment));
}

#[tokio::test]
async fn a_postgres_does_not_outlive_a_process_that_is_killed() {
    let (mut holder, pid, home) = holder::start("postgres::node::tests::hold_a_node_until_killed");
    let segment = segment(&home);
    assert!(is_running(&pid) && has_segment(&segment));

    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + START;
    while is_running(&pid) || home.exists() {
        assert!(Instant::now() < deadline, "the keeper did not end postgres and its folder");
        sleep(POLL).await;
    }
    assert!(!has_segment(&segment));
}

#[tokio::test]
#[ignore = "run by the test above, which kills it"]
async fn hold_a_node_until_killed() {
    let node = PostgresNode::private().await.unwrap();
    holder::hold(node.server.as_ref().unwrap().pid(), &node.home).await;
}

#[tokio::test]
async fn tests_of_one_process_share_a_postgres_and_take_a_database_each() {
    let node = super::super::shared().await.unwrap();
    let again = super::super::shared().await.unwrap();
    assert_eq!(node.url(), again.url());
    assert_ne!(node.database("one").await.unwrap(), again.database("two").await.unwrap());
}
