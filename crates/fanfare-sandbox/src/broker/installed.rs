//! Looks for a `rabbitmq-server` that any user can start.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// Prints the first folder that holds the plain script, with Erlang at hand.
///
/// Debian's `/usr/sbin/rabbitmq-server` changes user and reads the system node's files; the
/// plain script is told from such a wrapper by the `rabbitmq-env` beside it.
const SCRIPT: &str = r#"
command -v erl >/dev/null && command -v epmd >/dev/null || exit 1
for folder in /usr/lib/rabbitmq/bin /opt/homebrew/opt/rabbitmq/sbin /usr/local/opt/rabbitmq/sbin \
    /opt/rabbitmq/sbin "$(dirname "$(command -v rabbitmq-server)")"; do
  if [ -x "$folder/rabbitmq-server" ] && [ -r "$folder/rabbitmq-env" ]; then
    printf %s "$folder"
    exit 0
  fi
done
exit 1
"#;

/// The folder of `rabbitmq-server` and `rabbitmqctl`, if RabbitMQ is installed.
pub(super) async fn scripts() -> Option<PathBuf> {
    let answer = Command::new("sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await
        .ok()?;
    let folder = String::from_utf8(answer.stdout).ok()?;
    (answer.status.success() && !folder.is_empty()).then(|| PathBuf::from(folder))
}
