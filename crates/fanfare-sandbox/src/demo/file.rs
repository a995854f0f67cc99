//! Events that somebody else wrote: CloudEvents in JSON, one a line.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use fanfare_events::Event;

use super::chain;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Each event once, in the order of the file.
    pub(super) events: Vec<Event>,
    /// Lines that are no valid event.
    pub(super) invalid: Vec<Remark>,
    /// Lines that hold an event again, by source and id.
    pub(super) repeated: Vec<Remark>,
}

/// Something about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    /// From 1.
    pub(super) line: usize,
    pub(super) what: String,
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> anyhow::Result<Lines> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Lines::of(&bytes))
}

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        // Windows tools write it; JSON has no place for it.
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut lines = Self::default();
        let mut seen = HashMap::new();
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if text.trim_ascii().is_empty() {
                continue;
            }
            let event = match Event::from_json(text) {
                Ok(event) => event,
                Err(error) => {
                    lines.invalid.push(Remark { line, what: chain(&error) });
                    continue;
                }
            };
            let identity = (event.source().to_owned(), event.id().clone());
            if let Some(first) = seen.get(&identity) {
                let what = format!("is the event of line {first} again");
                lines.repeated.push(Remark { line, what });
                continue;
            }
            seen.insert(identity, line);
            lines.events.push(event);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_marks_and_carriage_returns_are_not_in_the_way() {
        let text = "\u{feff}{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}\r\n\
                    \r\n  \n{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/b\",\"type\":\"t\"}";
        let lines = Lines::of(text.as_bytes());
        assert_eq!(lines.events.len(), 2);
        assert!(lines.invalid.is_empty() && lines.repeated.is_empty());
    }

    #[test]
    fn what_is_no_event_or_no_new_one_is_named_by_its_line() {
        let event = r#"{"specversion":"1.0","id":"1","source":"/a","type":"t"}"#;
        let text = format!("{event}\n\nnot json\n{event}\n{{\"id\":\"2\"}}\n");
        let lines = Lines::of(text.as_bytes());
        assert_eq!(lines.events.len(), 1);
        assert_eq!(lines.invalid.iter().map(|remark| remark.line).collect::<Vec<_>>(), [3, 5]);
        let again = Remark { line: 4, what: "is the event of line 1 again".to_owned() };
        assert_eq!(lines.repeated, [again]);
    }
}
