//! The life of a private PostgreSQL.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};
use tokio::time::{Instant, sleep};
use url::Url;

use super::PostgresError;
use super::end::{self, Keeper};
use super::installed::programs;
use crate::system::{Reaped, free_ports};

/// A PostgreSQL of one's own. Dropping it leaves no process and no folder.
#[derive(Debug)]
pub struct PostgresNode {
    server: Option<Reaped>,
    keeper: Keeper,
    home: PathBuf,
    programs: PathBuf,
    /// Whom it runs as, where that is somebody else: it refuses to run as root.
    user: Option<User>,
    port: u16,
    url: Url,
}

/// A start takes a fraction of a second, and more after a kill; a busy machine gets its time.
const START: Duration = Duration::from_secs(60);
const STOP_SECONDS: u64 = 30;
const POLL: Duration = Duration::from_millis(20);
/// Another process may take a free port before the server does.
const TRIES: usize = 3;
/// Not a secret: it is there so that tests see that nobody prints it.
const PASSWORD: &str = "open-sesame";

impl PostgresNode {
    /// Starts a PostgreSQL, installing it if it is missing, and waits until it answers.
    pub async fn private() -> Result<Self, PostgresError> {
        let programs = programs().await?;
        let mut last = Self::launch(&programs).await;
        for _ in 1..TRIES {
            if !matches!(last, Err(PostgresError::Silent { .. })) {
                break;
            }
            last = Self::launch(&programs).await;
        }
        last
    }

    async fn launch(programs: &Path) -> Result<Self, PostgresError> {
        let home = tempfile::Builder::new()
            .prefix("fanfare-postgres-")
            .tempdir()
            .map_err(failed("making a folder for postgres"))?;
        let keeper = Keeper::of_folder(home.path()).map_err(failed("starting its keeper"))?;
        // From here on the folder is the keeper's to remove.
        let home = home.keep();
        let user = somebody_else().map_err(failed("finding a user for postgres"))?;
        if let Some(user) = &user {
            chown(&home, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .map_err(failed("giving its folder away"))?;
        }
        let [port] = free_ports().map_err(failed("finding a free port"))?;
        let url = first_database(port);
        let programs = programs.to_owned();
        let mut node = Self { server: None, keeper, home, programs, user, port, url };
        node.lay_out().await?;
        node.start().await?;
        Ok(node)
    }

    /// The URL of its first database, with the password.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The password in the URLs, which nobody may print.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Creates a database and returns its URL.
    pub async fn database(&self, name: &str) -> Result<String, PostgresError> {
        let quoted = name.replace('"', "\"\"");
        self.ask(&format!("CREATE DATABASE \"{quoted}\"")).await?;
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push(name);
        }
        Ok(url.into())
    }

    /// Has the first database carry out a statement; rows are lines, columns have a `|` between.
    pub async fn ask(&self, statement: &str) -> Result<String, PostgresError> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--no-align", "--tuples-only", "--quiet"])
            .args(["--dbname", self.url(), "--command", statement])
            .env("PGCONNECT_TIMEOUT", "5")
            .stdin(Stdio::null());
        let output = tokio::process::Command::from(psql)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(failed("running psql"))?;
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(PostgresError::Refused {
            statement: statement.to_owned(),
            answer: text(&output.stderr),
        })
    }

    /// Kills all its processes with signal 9; what it committed stays for
    /// [`start`](Self::start).
    pub fn kill(&mut self) -> Result<(), PostgresError> {
        let Some(server) = self.server.take() else { return Ok(()) };
        end::kill(server.pid()).map_err(failed("killing postgres"))?;
        self.keeper.forget().map_err(failed("telling its keeper"))
    }

    /// Stops it as an operator would who does not wait for clients.
    pub async fn stop(&mut self) -> Result<(), PostgresError> {
        let Some(server) = &mut self.server else { return Ok(()) };
        server.signal(Signal::SIGINT).map_err(failed("sending postgres a signal"))?;
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS);
        while !server.has_ended() {
            if Instant::now() > deadline {
                return Err(PostgresError::Stays { seconds: STOP_SECONDS });
            }
            sleep(POLL).await;
        }
        self.server = None;
        self.keeper.forget().map_err(failed("telling its keeper"))
    }

    /// Starts it again on its old data and port, and waits until it answers.
    pub async fn start(&mut self) -> Result<(), PostgresError> {
        if self.server.is_none() {
            let log = self.home.join("output");
            let output = || File::create(&log).map_or_else(|_| Stdio::null(), Stdio::from);
            let server = Reaped::spawn(&mut self.server_command(), 0, output, output)
                .map_err(failed("starting postgres"))?;
            self.keeper.watch(server.pid()).map_err(failed("telling its keeper"))?;
            self.server = Some(server);
        }
        let deadline = Instant::now() + START;
        while self.ask("SELECT 1").await.is_err() {
            if self.server.as_mut().is_none_or(Reaped::has_ended) || Instant::now() > deadline {
                let output = fs::read_to_string(self.home.join("output")).unwrap_or_default();
                return Err(PostgresError::Silent { output });
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    async fn lay_out(&self) -> Result<(), PostgresError> {
        let password = self.home.join("password");
        fs::write(&password, PASSWORD).map_err(failed("writing its password"))?;
        let mut initdb = self.program("initdb");
        initdb
            .args(["--username", "postgres", "--encoding", "UTF8", "--locale", "C"])
            // In the clear, over loopback: a client that is built for tests takes its time to hash.
            .args(["--auth", "password", "--pwfile", "password"])
            .args(["--no-sync", "--no-instructions", "--pgdata", "data"])
            .stdin(Stdio::null());
        let ended = tokio::process::Command::from(initdb)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(failed("running initdb"))?;
        if ended.status.success() {
            return Ok(());
        }
        Err(PostgresError::Initdb { answer: text(&[ended.stdout, ended.stderr].concat()) })
    }

    fn server_command(&self) -> Command {
        let mut command = self.program("postgres");
        command.args(["-D", "data", "-p", &self.port.to_string(), "-h", "127.0.0.1"]);
        for setting in [
            // Beside its data: the system's folder for sockets may not be there, or not its.
            &format!("unix_socket_directories={}", self.home.display()),
            // Tests kill it, and what it said must hold.
            "fsync=on",
            "synchronous_commit=on",
            "shared_buffers=16MB",
            // In its folder, where a kill leaves nothing that outlives it.
            "dynamic_shared_memory_type=mmap",
            "logging_collector=off",
        ] {
            command.args(["-c", setting]);
        }
        command
    }

    /// One of its programs, run by the user whose data it is.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command.current_dir(&self.home);
        command
    }
}

impl Drop for PostgresNode {
    /// Before its keeper, so that it is waited for and no zombie is left.
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(%error, "a test's postgres cannot be ended");
        }
    }
}

/// For root, the user that Debian's package makes, or else nobody.
fn somebody_else() -> io::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let user = match User::from_name("postgres")? {
        Some(user) => Some(user),
        None => User::from_name("nobody")?,
    };
    user.map(Some).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The database that every server has.
fn first_database(port: u16) -> Url {
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/postgres");
    Url::parse(&url).expect("a literal with a number in it is a URL")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> PostgresError {
    move |source| PostgresError::System { what, source }
}

#[cfg(test)]
mod tests;
