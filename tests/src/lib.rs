//! The harness: a broker of one's own, consumers in the process or as programs, and
//! waits that name what they wait for.

mod cluster;
mod destination;
mod events;
mod load;
mod net;
mod process;
mod replica;
mod vendors;
mod wait;
mod world;

pub use destination::{KeyedSink, RunningConsumer};
pub use events::{deleted, registered, registered_many};
pub use load::{Load, Published};
pub use net::{free_port, get, metric};
pub use process::{ProgramSettings, RunningProgram, program, run_to_end};
pub use replica::Replica;
pub use vendors::{Vendor, hubspot, sendgrid};
pub use wait::{PATIENCE, eventually, within};
pub use world::{World, now_ms};
