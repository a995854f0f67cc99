//! `fanfare-sandbox` as a process of its own.

use std::net::TcpListener;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::{DEADLINE, MAIL_SEND, call_as, mail};

fn sandbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare-sandbox"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Starts a server and reads from its first line where it listens.
async fn start(args: &[&str]) -> (Child, String) {
    let mut child = sandbox(args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let address = line.rsplit(' ').next().unwrap().to_owned();
    (child, address)
}

async fn terminate(mut child: Child) -> ExitStatus {
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    timeout(DEADLINE, child.wait()).await.expect("the program to end after SIGTERM").unwrap()
}

#[tokio::test]
async fn a_mock_behind_a_proxy_serves_until_sigterm() {
    let (mock, address) = start(&["mock", "sendgrid", "--token", "SG.x"]).await;
    let (proxy, front) = start(&["proxy", "--listen", "127.0.0.1:0", "--to", &address]).await;
    let url = format!("http://{front}{MAIL_SEND}");
    assert_eq!(call_as("SG.x", Method::POST, &url, mail("k")).await.unwrap().status, 202);
    assert_eq!(call_as("SG.y", Method::POST, &url, mail("k")).await.unwrap().status, 401);
    assert!(terminate(proxy).await.success());
    assert!(terminate(mock).await.success());
}

#[tokio::test]
async fn the_health_check_tells_well_from_unwell() {
    let (mock, address) = start(&["mock", "hubspot", "--listen", "127.0.0.1:0"]).await;
    let check = async |url: String| {
        let output = sandbox(&["healthcheck", &url]).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(format!("http://{address}/_health")).await, (true, String::new()));
    let (well, why) = check(format!("http://{address}/unknown")).await;
    assert!(!well && why.contains("answered `HTTP/1.1 401`"), "{why}");
    assert!(terminate(mock).await.success());

    // Bound and let go again: nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (well, why) = check(format!("http://{free}/_health")).await;
    assert!(!well && why.contains("no answer"), "{why}");
    let (well, why) = check("https://127.0.0.1/".to_owned()).await;
    assert!(!well && why.contains("is not an http:// URL"), "{why}");
}
