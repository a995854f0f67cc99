//! The life of a private Redis.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::{RedisError, install_if_missing};
use crate::system::{Keeper, Reaped, free_ports};

/// A Redis of one's own. Dropping it leaves no process and no folder.
#[derive(Debug)]
pub struct RedisNode {
    // Dropped in this order: the keeper removes the folder when nobody writes there any more.
    server: Option<Reaped>,
    _keeper: Keeper,
    home: PathBuf,
    port: u16,
    url: String,
    tls: Option<Tls>,
}

/// What it shows to who dials it with TLS.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate, in PEM.
    pub cert_pem: String,
    /// Its private key, in PEM.
    pub key_pem: String,
}

#[derive(Debug)]
struct Tls {
    port: u16,
    url: String,
}

/// A start takes a few milliseconds; a busy machine gets its time.
const START: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// Another process may take a free port before the server does.
const TRIES: usize = 3;
/// Not a secret: it is there so that tests see that nobody prints it.
const PASSWORD: &str = "open-sesame";
const CERT_FILE: &str = "cert.pem";
const KEY_FILE: &str = "key.pem";

impl RedisNode {
    /// Starts a Redis, installing it if it is missing, and waits until it answers.
    pub async fn private() -> Result<Self, RedisError> {
        Self::start_new(None).await
    }

    /// The same, which also listens with TLS, and asks nobody for a certificate.
    pub async fn private_with_tls(certificate: &Certificate) -> Result<Self, RedisError> {
        Self::start_new(Some(certificate)).await
    }

    async fn start_new(certificate: Option<&Certificate>) -> Result<Self, RedisError> {
        install_if_missing().await?;
        let mut last = Self::launch(certificate).await;
        for _ in 1..TRIES {
            if last.is_ok() {
                break;
            }
            last = Self::launch(certificate).await;
        }
        last
    }

    async fn launch(certificate: Option<&Certificate>) -> Result<Self, RedisError> {
        let home = tempfile::Builder::new()
            .prefix("fanfare-redis-")
            .tempdir()
            .map_err(failed("making a folder for redis-server"))?;
        let keeper = Keeper::of_folder(home.path()).map_err(failed("starting its keeper"))?;
        // From here on the folder is the keeper's to remove.
        let home = home.keep();
        let [port, tls_port] = free_ports().map_err(failed("finding a free port"))?;
        let url = format!("redis://:{PASSWORD}@127.0.0.1:{port}");
        let tls = certificate.map(|certificate| {
            fs::write(home.join(CERT_FILE), &certificate.cert_pem)?;
            fs::write(home.join(KEY_FILE), &certificate.key_pem)?;
            let url = format!("rediss://:{PASSWORD}@127.0.0.1:{tls_port}");
            Ok(Tls { port: tls_port, url })
        });
        let tls = tls.transpose().map_err(failed("writing its certificate"))?;
        let mut node = Self { server: None, _keeper: keeper, home, port, url, tls };
        node.start().await?;
        Ok(node)
    }

    /// Its URL, with the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its URL with TLS, if it was given a certificate.
    pub fn tls_url(&self) -> Option<&str> {
        self.tls.as_ref().map(|tls| tls.url.as_str())
    }

    /// The password in the URL, which nobody may print.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Kills it with signal 9; what it acknowledged stays for [`start`](Self::start).
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Starts it again on its old data and port, and waits until it answers.
    pub async fn start(&mut self) -> Result<(), RedisError> {
        if self.server.is_none() {
            let log = self.home.join("output");
            let output = || File::create(&log).map_or_else(|_| Stdio::null(), Stdio::from);
            let server = Reaped::spawn(&mut self.server_command(), 0, output, Stdio::null)
                .map_err(failed("starting redis-server"))?;
            self._keeper.watch_group(server.pid()).map_err(failed("telling its keeper"))?;
            self.server = Some(server);
        }
        let deadline = Instant::now() + START;
        while self.ask(&["PING"]).is_err() {
            if self.server.as_mut().is_none_or(Reaped::has_ended) || Instant::now() > deadline {
                let output = fs::read_to_string(self.home.join("output")).unwrap_or_default();
                return Err(RedisError::Silent { output });
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Stops it in the middle of what it does: connections stay, and nothing is answered.
    pub fn pause(&self) -> Result<(), RedisError> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub fn go_on(&self) -> Result<(), RedisError> {
        self.signal(Signal::SIGCONT)
    }

    /// Asks it something, as `redis-cli` would; an answer of several values is one a line.
    pub fn ask(&self, question: &[&str]) -> Result<String, RedisError> {
        let output = Command::new("redis-cli")
            .args(["-e", "--raw", "-p", &self.port.to_string()])
            .args(question)
            .env("REDISCLI_AUTH", PASSWORD)
            .stdin(Stdio::null())
            .output()
            .map_err(failed("running redis-cli"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let answer = text(&[output.stdout, output.stderr].concat());
        Err(RedisError::Refused { question: question.join(" "), answer })
    }

    fn signal(&self, signal: Signal) -> Result<(), RedisError> {
        let Some(server) = &self.server else { return Ok(()) };
        server.signal(signal).map_err(failed("sending redis-server a signal"))
    }

    fn server_command(&self) -> Command {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--requirepass", PASSWORD])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
            .current_dir(&self.home);
        if let Some(tls) = &self.tls {
            command.args(["--tls-port", &tls.port.to_string(), "--tls-auth-clients", "no"]).args([
                "--tls-cert-file",
                CERT_FILE,
                "--tls-key-file",
                KEY_FILE,
            ]);
        }
        command
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> RedisError {
    move |source| RedisError::System { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_redis_lives_dies_and_lives_again_without_a_trace() {
        let mut node = RedisNode::private().await.unwrap();
        let home = node.home.clone();
        node.ask(&["SET", "key", "value"]).unwrap();
        node.kill();
        assert!(node.ask(&["GET", "key"]).is_err());
        node.start().await.unwrap();
        assert_eq!(node.ask(&["GET", "key"]).unwrap(), "value");
        assert!(matches!(node.ask(&["NONSENSE"]), Err(RedisError::Refused { .. })));
        drop(node);
        assert!(!home.exists());
    }
}
