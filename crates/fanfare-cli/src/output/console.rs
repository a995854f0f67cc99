//! Where a command's answer, its questions and its remarks go.

use std::fmt;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};

use fanfare_process::settings::Vars;
use serde::Serialize;

use super::progress::Progress;
use super::table::Rows;

/// Answers go to standard output; questions, remarks and progress to standard error.
pub struct Console {
    out: Box<dyn Write + Send>,
    /// Whether answers are JSON, one object a line.
    pub json: bool,
    /// Whether standard output is a terminal.
    pub terminal: bool,
    coloured: bool,
    can_ask: bool,
    remarks: bool,
}

impl Console {
    /// The standard streams of this process.
    pub fn of_process(vars: &dyn Vars, json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let no_color = vars.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            out: Box::new(BufWriter::new(io::stdout())),
            json,
            terminal,
            coloured: terminal && !no_color,
            can_ask: io::stdin().is_terminal() && io::stderr().is_terminal(),
            remarks: true,
        }
    }

    /// A console that writes to `out` and shows and asks nothing else, for tests.
    pub fn writing_to(out: impl Write + Send + 'static, json: bool) -> Self {
        Self {
            out: Box::new(out),
            json,
            terminal: false,
            coloured: false,
            can_ask: false,
            remarks: false,
        }
    }

    /// Writes one line of text.
    pub fn line(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Writes one JSON object on a line of its own.
    pub fn object(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    /// Writes a table as wide as the terminal, or as it needs where there is none.
    pub fn table(&mut self, rows: Rows) -> io::Result<()> {
        let table = rows.laid_out(self.terminal, self.coloured);
        writeln!(self.out, "{table}")
    }

    /// Clears the screen of a terminal, to draw on it again.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.terminal { self.out.write_all(b"\x1b[H\x1b[2J\x1b[3J") } else { Ok(()) }
    }

    /// Hands over what was written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Says something that is not part of the answer, below what was written so far.
    pub fn remark(&mut self, text: impl fmt::Display) {
        if self.remarks {
            // A reader that has gone is met at the next flush.
            self.out.flush().ok();
            // Where nobody listens, the answer and the exit code still stand.
            writeln!(io::stderr(), "{text}").ok();
        }
    }

    /// Whether there is somebody to ask.
    pub fn can_ask(&self) -> bool {
        self.can_ask
    }

    /// Asks on the terminal; anything but `y` and `yes` is a no.
    pub fn confirm(&mut self, question: &str) -> io::Result<bool> {
        self.out.flush()?;
        write!(io::stderr(), "{question} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
    }

    /// A progress bar, which is only seen where standard error is a terminal.
    pub fn progress(&self, what: &'static str, total: Option<u64>) -> Progress {
        if self.remarks { Progress::shown(what, total) } else { Progress::hidden() }
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("json", &self.json).finish_non_exhaustive()
    }
}
