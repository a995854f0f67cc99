//! Progress of long work, on standard error.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that goes when it is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

const DRAWN_PER_SECOND: u8 = 10;

impl Progress {
    pub(super) fn shown(what: &'static str, total: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWN_PER_SECOND);
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{prefix} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
            None => "{prefix} {human_pos} {per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self(bar)
    }

    /// A bar that nobody sees.
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Says how much there is, once it is known.
    pub fn set_total(&self, total: u64) {
        self.0.set_length(total);
    }

    /// So many more are done.
    pub fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// Prints a line above the bar, or plainly where there is none.
    pub fn remark(&self, text: &str) {
        // Where nobody listens, the counts and the exit code still say it.
        self.0.suspend(|| writeln!(io::stderr(), "{text}").ok());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
