//! Events that are written in the service's own transaction, and published after it.

mod large;
mod postgres;
mod postgres_refused;
mod postgres_shared;
mod postgres_stage;
mod postgres_trouble;
mod program;
mod spill;
mod sqlite;
mod sqlite_trouble;
mod stage;
