//! A change as it is seen on a terminal or read by a script.

use serde::Serialize;

use super::dead_letter::DeadLetter;
use super::report::Report;
use super::tally::Tally;
use crate::output::{Console, Progress};

/// Shows progress, says which letters stay, and counts those that do not.
pub(super) struct OnConsole<'a> {
    console: &'a mut Console,
    progress: Progress,
    seen: u64,
    pub(super) done: Tally,
}

/// What a script reads about a letter that stays.
#[derive(Serialize)]
struct FailedLetter<'a> {
    id: Option<&'a str>,
    error: &'a str,
}

impl<'a> OnConsole<'a> {
    pub(super) fn new(console: &'a mut Console, what: &'static str) -> Self {
        let progress = console.progress(what, Some(0));
        Self { console, progress, seen: 0, done: Tally::default() }
    }
}

impl Report for OnConsole<'_> {
    fn unproven(&mut self, parking: &str) {
        self.progress.remark(&format!(
            "it cannot be known whether copies arrive: the broker user may not look at {parking}"
        ));
    }

    fn begins(&mut self, letters: u64) {
        self.progress.set_total(letters);
    }

    fn read(&mut self, letters: u64) {
        self.progress.advance(letters - self.seen);
        self.seen = letters;
    }

    fn done(&mut self, letter: &DeadLetter) {
        self.done.add(letter);
    }

    fn failed(&mut self, letter: &DeadLetter, why: &str) {
        if self.console.json {
            // A reader that has gone must not end a change half-way; the audit log counts.
            self.console.object(&FailedLetter { id: letter.id.as_deref(), error: why }).ok();
        } else {
            let id = letter.shown_id();
            self.progress.remark(&format!("{id} stays a dead letter: {why}"));
        }
    }
}
