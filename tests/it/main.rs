//! Stories about the whole house.
#![allow(clippy::unwrap_used, reason = "a story fails where something is not as it tells")]

mod activity;
mod adversity;
mod batches;
mod broker;
mod cli;
mod crashes;
mod dead_letters;
mod demo;
mod failover;
mod faults;
mod foreign;
mod isolation;
mod knee;
mod ledger;
mod ordered;
mod outage;
mod outbox;
mod programs;
mod rate_headers;
mod replicas;
mod retry;
mod rules;
mod shared_rate;
mod tidy;
mod webhook;
