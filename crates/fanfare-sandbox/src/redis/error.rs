//! What can go wrong between wanting a Redis and having one.

use std::io;

/// Why there is no Redis, or why it did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// It is not installed, and could not be.
    #[error("redis-server is not installed, and installing it did not work: {0}")]
    Missing(String),
    /// A file, a port or a process that it needs could not be had.
    #[error("{what} failed")]
    System {
        /// What was attempted.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// It ended, or did not answer in time.
    #[error("redis-server does not answer; the end of its output:\n{output}")]
    Silent {
        /// The last lines that it printed.
        output: String,
    },
    /// It answered a question with an error.
    #[error("redis-cli {question} was answered: {answer}")]
    Refused {
        /// What was asked.
        question: String,
        /// What it said.
        answer: String,
    },
}
