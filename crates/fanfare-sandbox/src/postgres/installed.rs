//! Looks for a PostgreSQL server that any user can start, and installs it if there is none.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::Mutex;

use super::PostgresError;
use crate::system::{Package, PackageManager};

const POSTGRES: Package = Package { debian: "postgresql", homebrew: "postgresql@17" };

/// Prints the last folder that holds the programs: Debian keeps each version in its own, and
/// puts none of them on the path.
const SCRIPT: &str = r#"
for folder in "$(dirname "$(command -v initdb)")" /usr/local/opt/postgresql*/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/lib/postgresql/*/bin; do
  if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ -x "$folder/psql" ]; then
    found=$folder
  fi
done
printf %s "$found"
"#;

/// Installs PostgreSQL unless it is there, after saying so.
pub async fn install_if_missing() -> Result<(), PostgresError> {
    programs().await.map(drop)
}

/// The folder of `postgres`, `initdb` and `psql`.
pub(super) async fn programs() -> Result<PathBuf, PostgresError> {
    /// Many tests may find it missing at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    if let Some(programs) = find().await {
        return Ok(programs);
    }
    let provided = PackageManager::provide("postgres:", &POSTGRES).await;
    let says = provided.map_err(PostgresError::Missing)?;
    find().await.ok_or_else(|| PostgresError::Missing(format!("{says} brought no server")))
}

async fn find() -> Option<PathBuf> {
    let mut search = Command::new("sh");
    search.args(["-c", SCRIPT]).stdin(Stdio::null()).stderr(Stdio::null());
    let folder = String::from_utf8(search.output().await.ok()?.stdout).ok()?;
    (!folder.is_empty()).then(|| PathBuf::from(folder))
}
