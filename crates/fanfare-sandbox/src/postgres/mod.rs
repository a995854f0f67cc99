//! A PostgreSQL for tests: a server of one's own, on a free loopback port.
//!
//! What it committed survives a kill, and it asks for a password. It is installed with the
//! system's package manager if it is missing, and leaves nothing behind, as the
//! [broker](crate::broker) does. The system's own server, if there is one, is left alone.
//!
//! Tests [share](shared) one node and take a database each; a test that kills its server
//! starts one of its own with [`PostgresNode::private`].

mod end;
mod error;
mod installed;
mod node;

use tokio::sync::OnceCell;

pub use error::PostgresError;
pub use installed::install_if_missing;
pub use node::PostgresNode;

/// The one node of this process, started when it is first asked for.
///
/// It ends with the process: its keeper needs no destructor to run.
pub async fn shared() -> Result<&'static PostgresNode, PostgresError> {
    static NODE: OnceCell<PostgresNode> = OnceCell::const_new();
    NODE.get_or_try_init(PostgresNode::private).await
}
