//! Events that are written in the service's own transaction, and published after it.

mod large;
mod program;
mod spill;
mod sqlite;
mod sqlite_trouble;
mod stage;
