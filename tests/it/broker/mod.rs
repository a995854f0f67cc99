//! The broker crate against a real RabbitMQ: what it promises, and what breaks on the way.

mod stage;

mod alarm;
mod browsing;
mod connection;
mod consuming;
mod control;
mod delay_line;
mod order;
mod overdue;
mod permissions;
mod single_active;
mod topology;
mod verdicts;
