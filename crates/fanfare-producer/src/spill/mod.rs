//! An event that is safe on the service's own disk while the broker is away.
//!
//! For services without a database of their own to put an [outbox](crate::outbox) into.
//!
//! ```no_run
//! use fanfare_events::{Event, UserRegistered};
//! use fanfare_producer::spill::{Spill, Stored};
//! use fanfare_producer::{Producer, ProducerConfig};
//!
//! # async fn service(user: UserRegistered) -> Result<(), Box<dyn std::error::Error>> {
//! let config = ProducerConfig::new("amqp://guest:guest@127.0.0.1:5672/%2f")?;
//! let producer = Spill::new("/var/lib/app/spill.db").open(Producer::start(config)).await?;
//!
//! match producer.publish(&Event::of("/signup", &user)?).await? {
//!     Stored::Broker(_) => {} // as ever
//!     Stored::Spill(_) => {}  // on this disk, and published when the broker is back
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - An event goes straight to the broker while the broker answers. When it does not (not
//!   connected, an alarm, no confirm within [`Spill::confirm_within`]), the event is written
//!   into the file, and `publish` answers once it is on the disk.
//! - While anything waits in the file, later events go through it, too: all are published in the
//!   order in which they came. Where the broker refuses an event (a permission is missing, a
//!   foreign queue is full), it is tried again every few seconds; later ones with its subject wait
//!   behind it, others go on through the file.
//! - What is in the file when the process dies is published at the next start.
//! - An event that was on its way when the broker fell silent, or is slower to confirm than
//!   [`Spill::confirm_within`], may be published twice, as may one that was confirmed just before
//!   the process died; always with the same id.
//! - The file is bounded. When it is full, `publish` waits for room as long as
//!   [`Spill::wait_for_room`] says, which is not at all by default, and then answers
//!   [`SpillError::Full`], which is transient: publish it again. A disk that is full itself
//!   refuses with [`SpillError::File`] until it has room, also while the broker is back and rows
//!   wait in the file.
//! - The file is one process's. What is on a disk that is lost is lost.

mod desk;
mod error;
mod file;
mod on_the_way;
mod pace;
mod producer;
mod relaying;
mod room;
mod settings;
mod waiting;

pub use error::{OpenError, SpillError};
pub use producer::{SpillStatus, SpillingProducer, Stored};
pub use settings::Spill;
