//! What a person or a script sees.

mod console;
mod progress;
mod table;
mod text;

pub use console::Console;
pub use progress::Progress;
pub use table::{Rows, Tone};
pub use text::{plain, shortened};
