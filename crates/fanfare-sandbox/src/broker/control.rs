//! How a broker is told to make vhosts and users, whatever kind it is.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Permissions;
use super::container::ContainerShell;
use super::erlang::{self, DONE};
use super::error::NodeError;
use super::home::Place;
use super::local::LocalNode;
use super::management::Management;

/// Evaluates `$1` on the node: in 10 ms where `erl_call` is at hand, in half a second else.
///
/// By default every `erl_call` is the node `c17`, and a second one at the same time is turned away.
pub(super) const EVAL: &str = r#"
if command -v erl_call >/dev/null; then
  printf '%s\n' "$1" | erl_call -h "fanfare-$$" -n "$RABBITMQ_NODENAME" -e
else
  "${RABBITMQCTL:-rabbitmqctl}" --quiet --node "$RABBITMQ_NODENAME" eval "$1"
fi
"#;

/// The monitor looks once a second; more than this and it will not happen.
const ALARM_SECONDS: u64 = 10;

const POLL: Duration = Duration::from_millis(50);

/// The way to a broker's administration.
#[derive(Debug)]
pub(super) enum Control {
    Local(LocalNode),
    Container(ContainerShell),
    Management(Management),
}

impl From<Place> for Control {
    fn from(place: Place) -> Self {
        match place {
            Place::Process(local) => Self::Local(local),
            Place::Container { name } => Self::Container(ContainerShell::new(name)),
        }
    }
}

impl Control {
    pub(super) async fn add_vhost(&self, name: &str, user: &str) -> Result<(), NodeError> {
        match self {
            Self::Management(management) => management.add_vhost(name, user).await,
            Self::Local(_) | Self::Container(_) => {
                self.change(&format!("add the vhost {name}"), &erlang::add_vhost(name, user)).await
            }
        }
    }

    pub(super) async fn delete_vhost(&self, name: &str) -> Result<(), NodeError> {
        match self {
            Self::Management(management) => management.delete_vhost(name).await,
            Self::Local(_) | Self::Container(_) => {
                self.change(&format!("delete the vhost {name}"), &erlang::delete_vhost(name)).await
            }
        }
    }

    pub(super) async fn add_user(
        &self,
        name: &str,
        password: &str,
        vhost: &str,
        permissions: Permissions<'_>,
    ) -> Result<(), NodeError> {
        match self {
            Self::Management(management) => {
                management.add_user(name, password, vhost, permissions).await
            }
            Self::Local(_) | Self::Container(_) => {
                let expression = erlang::add_user(name, password, vhost, permissions);
                self.change(&format!("add the user {name}"), &expression).await
            }
        }
    }

    pub(super) async fn memory_alarm(&self, raised: bool) -> Result<(), NodeError> {
        let operation = if raised { "raise the memory alarm" } else { "clear the memory alarm" };
        self.change(operation, &erlang::memory_alarm(raised)).await?;
        let deadline = Instant::now() + Duration::from_secs(ALARM_SECONDS);
        let question = erlang::memory_alarm_is(raised);
        while self.change(operation, &question).await.is_err() {
            if Instant::now() > deadline {
                let awaited = "the change of the broker's memory alarm";
                return Err(NodeError::Deadline { awaited, seconds: ALARM_SECONDS });
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    pub(super) async fn rabbitmqctl(&self, arguments: &[&str]) -> Result<String, NodeError> {
        let operation = format!("run rabbitmqctl {}", arguments.join(" "));
        match self {
            Self::Local(local) => {
                let mut command = local.rabbitmqctl();
                command.args(arguments);
                run(operation, command).await
            }
            Self::Container(container) => {
                let mut command = vec!["rabbitmqctl", "--quiet"];
                command.extend(arguments);
                container.run(operation, &command).await
            }
            Self::Management(_) => Err(NodeError::Impossible {
                operation: "run rabbitmqctl or change an alarm",
                broker: "a broker known by its URL only",
            }),
        }
    }

    /// Evaluates an expression that answers [`DONE`] when it was carried out.
    async fn change(&self, operation: &str, expression: &str) -> Result<(), NodeError> {
        let answer = match self {
            Self::Local(local) => {
                let mut command = local.tool("sh");
                command.args(["-c", EVAL, "eval", expression]);
                run(operation.to_owned(), command).await?
            }
            Self::Container(container) => {
                container.run(operation.to_owned(), &["sh", "-c", EVAL, "eval", expression]).await?
            }
            Self::Management(_) => self.rabbitmqctl(&["eval", expression]).await?,
        };
        // `rabbitmqctl eval` prints the value, `erl_call` prints it with an `ok`.
        if answer == DONE || answer == format!("{{ok, {DONE}}}") {
            return Ok(());
        }
        Err(NodeError::Refused { operation: operation.to_owned(), answer })
    }
}

async fn run(operation: String, command: Command) -> Result<String, NodeError> {
    let ended = tokio::process::Command::from(command)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| NodeError::System { operation: operation.clone(), source })?;
    let answer = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
    if ended.status.success() {
        return Ok(answer);
    }
    let complaint = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(NodeError::Refused {
        operation,
        answer: format!("{answer}\n{complaint}").trim().to_owned(),
    })
}
