//! Hearing about a change while it is made.

use super::dead_letter::DeadLetter;

/// Told about each step of a change; the default is not to care.
pub trait Report {
    /// Whether copies arrive cannot be known, since `parking` may not be looked at.
    fn unproven(&mut self, parking: &str) {
        let _ = parking;
    }

    /// So many letters will be looked at.
    fn begins(&mut self, letters: u64) {
        let _ = letters;
    }

    /// So many letters have been looked at.
    fn read(&mut self, letters: u64) {
        let _ = letters;
    }

    /// This letter was replayed or removed.
    fn done(&mut self, letter: &DeadLetter) {
        let _ = letter;
    }

    /// This letter could not be; it stays.
    fn failed(&mut self, letter: &DeadLetter, why: &str) {
        let _ = (letter, why);
    }
}

/// Cares about nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Report for Quiet {}
