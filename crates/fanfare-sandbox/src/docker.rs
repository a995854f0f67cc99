//! A Docker engine for whoever must have one: the one that answers, or one of our own.
//!
//! Its socket is in a folder of its own and not where Docker's is, so that nobody else on the
//! machine takes it for theirs.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use testcontainers::bollard::{API_DEFAULT_VERSION, Docker};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::broker::engine;
use crate::last_will::LastWill;
use crate::system::{Package, PackageManager};

/// Where an engine of ours keeps its images from one time to the next.
pub const IMAGES: &str = "/var/cache/fanfare/docker";

/// Newer releases of Debian have the command line in a package of its own.
const PROGRAMS: [(&str, Package); 2] = [
    ("dockerd", Package { debian: "docker.io", homebrew: "docker" }),
    ("docker", Package { debian: "docker-cli", homebrew: "docker" }),
];

/// An engine takes three seconds on two idle cores.
const START_SECONDS: u64 = 60;

const PING_SECONDS: u64 = 3;

const POLL: Duration = Duration::from_millis(100);

/// `$1` is the folder of the engine, `$2` the one of its images. Nothing but tests uses this
/// engine, so all its containers may go.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
export DOCKER_HOST="unix://$1/docker.sock"
dockerd --host "$DOCKER_HOST" --pidfile "$1/pid" --exec-root "$1/run" --data-root "$2" \
    >"$1/log" 2>&1 &
engine=$!
while read -r _; do :; done
docker ps --all --quiet | while read -r container; do docker rm -f -v "$container"; done
kill "$engine"
wait "$engine"
rm -rf "$1"
"#;

/// An engine that this process started; dropping it leaves no process, container or folder.
#[derive(Debug)]
pub struct Engine {
    folder: PathBuf,
    _will: LastWill,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nobody else may start one.
    #[error("no Docker engine answers, and only root may start one")]
    NotRoot,
    /// Docker is not installed and cannot be.
    #[error("no Docker engine answers, and {program} is missing: {why}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Why it could not be installed.
        why: String,
    },
    /// The engine's folder or process could not be had.
    #[error("a Docker engine could not be started")]
    System(#[from] io::Error),
    /// It was started and does not answer.
    #[error("the Docker engine does not answer after {seconds} s; the end of its log:\n{log}")]
    Silent {
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
}

impl Engine {
    /// Whether an engine answers where Docker's own settings say; then none need be started.
    pub async fn answers() -> bool {
        engine::answers().await.is_ok()
    }

    /// Starts one in the background, after installing Docker if it is missing.
    pub async fn start() -> Result<Self, EngineError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(EngineError::NotRoot);
        }
        for (program, package) in PROGRAMS {
            install_if_missing(program, package).await?;
        }
        std::fs::create_dir_all(IMAGES)?;
        let folder = tempfile::Builder::new().prefix("fanfare-docker-").tempdir()?.keep();
        let will = LastWill::new(SCRIPT, [folder.as_os_str(), IMAGES.as_ref()])?;
        let engine = Self { folder, _will: will };
        engine.until_it_answers().await?;
        Ok(engine)
    }

    /// What `DOCKER_HOST` has to be for programs that are to use it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }

    async fn until_it_answers(&self) -> Result<(), EngineError> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
        while !self.answers_here().await {
            if Instant::now() > deadline {
                return Err(EngineError::Silent { seconds: START_SECONDS, log: self.log() });
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    async fn answers_here(&self) -> bool {
        match Docker::connect_with_socket(&self.host(), PING_SECONDS, API_DEFAULT_VERSION) {
            Ok(docker) => docker.ping().await.is_ok(),
            Err(_) => false,
        }
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

async fn install_if_missing(program: &'static str, package: Package) -> Result<(), EngineError> {
    if is_at_hand(program).await {
        return Ok(());
    }
    let provided = PackageManager::provide(&format!("docker: {program} is"), &package).await;
    provided.map(drop).map_err(|why| EngineError::Missing { program, why })
}

async fn is_at_hand(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output().await;
    version.is_ok_and(|ended| ended.status.success())
}
