//! Installs a server with the system's package manager, without starting the system's own.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Erlang and RabbitMQ are some 50 MB; a slow mirror gets its time, a dead one does not.
const INSTALL_MINUTES: u64 = 10;

/// A server's package starts it unless a policy says no (Debian Policy 9.3.3.1); a policy
/// that is already there is left alone. `$1` is the package, and its service.
const APT: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
install_it() {
  apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$1"
}
# A package list that is missing or old is the usual reason for a first failure.
install_it "$1" || { apt-get -q -o DPkg::Lock::Timeout=120 update && install_it "$1"; }
if [ -d /run/systemd/system ]; then systemctl disable --now "$1"; fi
"#;

/// A package, by the names that the package managers have for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    pub(crate) debian: &'static str,
    pub(crate) homebrew: &'static str,
}

/// A way to install packages that needs nobody at the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PackageManager {
    AptAsRoot,
    AptWithSudo,
    Homebrew,
}

const NEEDS: &str = "needs apt-get as root or with a sudo that asks no password, or Homebrew";

impl PackageManager {
    /// The one that this machine has and this user may use.
    async fn find() -> Option<Self> {
        if succeeds("command -v apt-get").await {
            if nix::unistd::geteuid().is_root() {
                return Some(Self::AptAsRoot);
            }
            if succeeds("sudo -n true").await {
                return Some(Self::AptWithSudo);
            }
        }
        succeeds("command -v brew").await.then_some(Self::Homebrew)
    }

    /// Installs a package with what this machine has, after saying that `what` is not there;
    /// tells how, or why not.
    pub(crate) async fn provide(what: &str, package: &Package) -> Result<String, String> {
        let Some(manager) = Self::find().await else {
            return Err(NEEDS.to_owned());
        };
        let says = manager.says(package);
        eprintln!("{what} not installed here; installing it: {says}");
        manager.install(package).await.map(|()| says)
    }

    fn says(self, package: &Package) -> String {
        match self {
            Self::AptAsRoot => format!("apt-get install {} (as root)", package.debian),
            Self::AptWithSudo => format!("sudo apt-get install {}", package.debian),
            Self::Homebrew => format!("brew install {}", package.homebrew),
        }
    }

    /// Installs a package, or says why not.
    async fn install(self, package: &Package) -> Result<(), String> {
        let mut command = match self {
            Self::AptAsRoot => Command::new("sh"),
            Self::AptWithSudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "sh"]);
                sudo
            }
            Self::Homebrew => Command::new("sh"),
        };
        let (script, name) = match self {
            Self::AptAsRoot | Self::AptWithSudo => (APT, package.debian),
            Self::Homebrew => ("NONINTERACTIVE=1 brew install \"$1\"", package.homebrew),
        };
        let says = self.says(package);
        command.args(["-c", script, "install", name]).stdin(Stdio::null()).kill_on_drop(true);
        match timeout(Duration::from_secs(60 * INSTALL_MINUTES), command.output()).await {
            Ok(Ok(ended)) if ended.status.success() => Ok(()),
            Ok(Ok(ended)) => Err(format!("{says} failed: {}", last_words(&ended))),
            Ok(Err(error)) => Err(format!("{says} could not be run: {error}")),
            Err(_) => Err(format!("{says} took more than {INSTALL_MINUTES} minutes")),
        }
    }
}

async fn succeeds(script: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

fn last_words(ended: &Output) -> String {
    let text = if ended.stderr.is_empty() { &ended.stdout } else { &ended.stderr };
    let text = String::from_utf8_lossy(text);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word").to_owned()
}
