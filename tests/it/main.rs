//! Stories about the whole house.

mod retry;
mod tidy;
