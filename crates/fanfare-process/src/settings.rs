//! Settings: read once from the environment, with every problem reported together.

mod error;
mod reader;
mod secret;
mod setting;
mod source;
mod unknown;
mod variable;
mod vars;

pub use error::{Problem, SettingsError};
pub use reader::Reader;
pub use secret::{Secret, SecretFileError};
pub use setting::Setting;
pub use source::read_file;
pub use variable::{Group, IfUnset, Variable};
pub use vars::{Environment, Vars};
