//! Stories about the whole house.

mod cli;
mod retry;
mod tidy;
