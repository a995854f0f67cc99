//! The broker crate against a real RabbitMQ: what it promises, and what breaks on the way.

mod stage;

mod browsing;
mod delay_line;
mod order;
mod topology;
mod verdicts;
