//! Lines of bounded length, with their numbers.

use std::io::{self, BufRead, Read};

/// Reads lines and never keeps more than one of them.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    limit: usize,
    number: u64,
}

/// A line that is not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedLine {
    /// Its number, from 1, blank lines counted.
    pub number: u64,
    /// What it says.
    pub line: Line,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes without the line ending.
    Bytes(Vec<u8>),
    /// More than the limit; the rest of it was skipped.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// Reads lines of at most `limit` bytes, the line ending not counted.
    pub fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit, number: 0 }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        // Room for `\r\n` behind a line of just the limit.
        let most = u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_add(2);
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let is_whole = bytes.last() == Some(&b'\n');
        if is_whole {
            bytes.pop();
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if bytes.len() <= self.limit {
            return Ok(Some(Line::Bytes(bytes)));
        }
        if !is_whole {
            self.reader.skip_until(b'\n')?;
        }
        Ok(Some(Line::TooLong))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<NumberedLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read().transpose()? {
                Ok(Line::Bytes(bytes)) if bytes.trim_ascii().is_empty() => {}
                Ok(line) => return Some(Ok(NumberedLine { number: self.number, line })),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, Option<String>)> {
        Lines::new(text.as_bytes(), 4)
            .map(|line| line.unwrap())
            .map(|NumberedLine { number, line }| match line {
                Line::Bytes(bytes) => (number, Some(String::from_utf8(bytes).unwrap())),
                Line::TooLong => (number, None),
            })
            .collect()
    }

    fn some(number: u64, text: &str) -> (u64, Option<String>) {
        (number, Some(text.to_owned()))
    }

    #[test]
    fn blank_lines_count_and_are_left_out() {
        assert_eq!(lines("a\n\n \r\nb"), [some(1, "a"), some(4, "b")]);
        assert_eq!(lines(""), []);
        assert_eq!(lines("\n"), []);
    }

    #[test]
    fn line_endings_do_not_count_towards_the_limit() {
        assert_eq!(
            lines("abcd\r\nabcd\nabcd"),
            [some(1, "abcd"), some(2, "abcd"), some(3, "abcd")]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_whole() {
        assert_eq!(lines("abcde\nb"), [(1, None), some(2, "b")]);
        assert_eq!(lines("abcdefghijklmnop\nb"), [(1, None), some(2, "b")]);
        assert_eq!(lines("abcdefghijklmnop"), [(1, None)]);
        assert_eq!(lines("abcde\r\nb"), [(1, None), some(2, "b")]);
    }
}
