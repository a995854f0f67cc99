//! What can go wrong between wanting a PostgreSQL and having one.

use std::io;

/// Why there is no PostgreSQL, or why it did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// It is not installed, and could not be.
    #[error("postgres is not installed, and installing it did not work: {0}")]
    Missing(String),
    /// A file, a port or a process that it needs could not be had.
    #[error("{what} failed")]
    System {
        /// What was attempted.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Its data folder could not be made.
    #[error("initdb made no data folder: {answer}")]
    Initdb {
        /// What it printed.
        answer: String,
    },
    /// It ended, or did not answer in time.
    #[error("postgres does not answer; the end of its output:\n{output}")]
    Silent {
        /// The last lines that it printed.
        output: String,
    },
    /// It did not end in time when it was asked to.
    #[error("postgres did not stop within {seconds} s")]
    Stays {
        /// How long was waited.
        seconds: u64,
    },
    /// It answered a statement with an error.
    #[error("`{statement}` was answered: {answer}")]
    Refused {
        /// What was asked.
        statement: String,
        /// What it said.
        answer: String,
    },
}
