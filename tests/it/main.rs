//! Stories about the whole house.

mod tidy;
