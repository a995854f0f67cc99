//! Stories about the whole house.
