//! Three nodes, of which one is lost, and another, and two at the same time.

mod control_log;
mod delay_line;
mod each_node;
mod leaders;
mod majority;
mod silent;
mod stage;
