//! Where the demo speaks: what it tells, and what it shows while it works.

mod live;
mod paint;
mod panel;

use std::fmt;
use std::io::{self, IsTerminal, Write};

pub(super) use live::Live;
pub(super) use paint::{Paint, grouped};

/// Where the demo speaks. What it tells stays; what it shows while it works goes to stderr.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    tells: Option<Stream>,
    shows: Shows,
    paint: Paint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Lines that are drawn again and again.
    Live,
    /// A line every few seconds.
    Lines,
    Nothing,
}

impl Screen {
    /// The standard streams of this process; stdout stays free when it is kept for JSON.
    pub fn of_process(keeps_stdout: bool, no_color: bool) -> Self {
        let (tells, is_terminal) = if keeps_stdout {
            (Stream::Err, io::stderr().is_terminal())
        } else {
            (Stream::Out, io::stdout().is_terminal())
        };
        let shows = if io::stderr().is_terminal() { Shows::Live } else { Shows::Lines };
        let is_painted = !no_color && is_terminal;
        Self { tells: Some(tells), shows, paint: Paint::new(is_painted) }
    }

    /// Nowhere, for tests.
    pub fn silent() -> Self {
        Self { tells: None, shows: Shows::Nothing, paint: Paint::new(false) }
    }

    /// Tells one line.
    pub fn tell(&self, line: impl fmt::Display) {
        // Where nobody listens, the exit code still says how it went.
        match self.tells {
            Some(Stream::Out) => writeln!(io::stdout(), "{line}").ok(),
            Some(Stream::Err) => writeln!(io::stderr(), "{line}").ok(),
            None => None,
        };
    }

    pub(super) fn tell_all(&self, lines: impl IntoIterator<Item = String>) {
        lines.into_iter().for_each(|line| self.tell(line));
    }

    pub(super) fn paint(&self) -> Paint {
        self.paint
    }
}
