//! Stories about the whole house.

mod broker;
mod cli;
mod demo;
mod retry;
mod tidy;
