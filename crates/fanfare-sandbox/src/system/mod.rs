//! What the machine gives to those who need servers of their own: packages, processes, ports.

mod keeper;
mod package;
mod ports;
mod reaped;

pub(crate) use keeper::Keeper;
pub(crate) use package::{Package, PackageManager};
pub(crate) use ports::free_ports;
pub(crate) use reaped::Reaped;
