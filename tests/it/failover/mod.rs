//! Three nodes, of which one is lost, and another, and two at the same time.

mod half_dead;
mod leaders;
mod stage;
