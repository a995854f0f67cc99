//! Word of new rows, from whoever has written them.

use std::convert::Infallible;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

/// What the trigger in the database says its word on.
const CHANNEL: &str = "fanfare_outbox";

/// Passes on each word, until the connection is lost. What was said before it began is not
/// heard: the table is to be looked at when this has begun, which is passed on as a word, too.
pub(super) async fn listen(
    pool: &PgPool,
    heard: &watch::Sender<()>,
) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    heard.send_replace(());
    while listener.try_recv().await?.is_some() {
        heard.send_replace(());
    }
    Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()))
}
