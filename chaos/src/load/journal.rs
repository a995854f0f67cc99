//! What a producer knows, on disk: what it began to publish, and what the broker confirmed.
//!
//! `b NUMBER MS` stands there before the publish begins, so that whoever comes after a kill
//! knows what may have been published. `o NUMBER MS ROUTED` and `f NUMBER MS` follow the answer,
//! `c NUMBER MS` a commit and `r NUMBER MS` a rollback; a yes counts once it was written and
//! synced.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::clock::now_ms;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Which event it is about.
    pub number: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: f64,
    /// What was said of it.
    pub said: Said,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// From now on it may have been published.
    Begun,
    /// The broker has it.
    Confirmed {
        /// Whether any destination subscribes to it.
        routed: bool,
    },
    /// The transaction that enqueued it is committed.
    Committed,
    /// The transaction that enqueued it is rolled back.
    RolledBack,
    /// Nobody knows whether it is published.
    Failed,
}

/// A journal that is written to.
#[derive(Debug)]
pub struct Journal {
    begun: File,
    answers: Option<Sender<Entry>>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Journal {
    /// Goes on with the journal at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let open = || OpenOptions::new().create(true).append(true).open(path);
        let (begun, mut file) = (open()?, open()?);
        let (answers, waiting) = channel();
        let writer = std::thread::spawn(move || write_in_batches(&mut file, &waiting));
        Ok(Self { begun, answers: Some(answers), writer: Some(writer) })
    }

    /// Written before this returns, so that a kill of the process leaves it there.
    pub fn begin(&mut self, number: u64) -> io::Result<()> {
        let entry = Entry { number, at_ms: now_ms(), said: Said::Begun };
        self.begun.write_all(entry.to_line().as_bytes())
    }

    /// Written and synced soon, together with others.
    pub fn answered(&self, number: u64, said: Said) {
        let entry = Entry { number, at_ms: now_ms(), said };
        if let Some(answers) = &self.answers {
            // The writer ends early only with an error, which `close` returns.
            answers.send(entry).ok();
        }
    }

    /// Waits until everything is written.
    pub fn close(mut self) -> io::Result<()> {
        self.answers = None;
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(written)) => written,
            Some(Err(_)) => Err(io::Error::other("the journal's writer has panicked")),
            None => Ok(()),
        }
    }
}

/// As many answers as have come meanwhile share a sync.
fn write_in_batches(file: &mut File, waiting: &Receiver<Entry>) -> io::Result<()> {
    while let Ok(first) = waiting.recv() {
        let mut lines = first.to_line();
        while let Ok(more) = waiting.try_recv() {
            lines.push_str(&more.to_line());
        }
        file.write_all(lines.as_bytes())?;
        file.sync_data()?;
    }
    Ok(())
}

/// Everything in the journal at `path`; a line that a kill has cut is not there.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    read_from(path, &mut 0)
}

/// What was added since `offset`, which moves on.
pub fn read_from(path: &Path, offset: &mut u64) -> io::Result<Vec<Entry>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(*offset))?;
    let mut entries = Vec::new();
    let mut lines = BufReader::new(&file);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        if !line.ends_with('\n') {
            break;
        }
        *offset += line.len() as u64;
        entries.extend(Entry::parse(line.trim_end()));
        line.clear();
    }
    Ok(entries)
}

impl Entry {
    fn to_line(self) -> String {
        let Self { number, at_ms, said } = self;
        match said {
            Said::Begun => format!("b {number} {at_ms:.3}\n"),
            Said::Confirmed { routed } => format!("o {number} {at_ms:.3} {routed}\n"),
            Said::Committed => format!("c {number} {at_ms:.3}\n"),
            Said::RolledBack => format!("r {number} {at_ms:.3}\n"),
            Said::Failed => format!("f {number} {at_ms:.3}\n"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (what, number, at_ms) = (words.next()?, words.next()?, words.next()?);
        let said = match what {
            "b" => Said::Begun,
            "o" => Said::Confirmed { routed: words.next()?.parse().ok()? },
            "c" => Said::Committed,
            "r" => Said::RolledBack,
            "f" => Said::Failed,
            _ => return None,
        };
        Some(Self { number: number.parse().ok()?, at_ms: at_ms.parse().ok()?, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        assert_eq!(read(&path).unwrap(), []);
        let mut journal = Journal::open(&path).unwrap();
        journal.begin(7).unwrap();
        journal.begin(8).unwrap();
        journal.answered(7, Said::Confirmed { routed: false });
        journal.answered(8, Said::Failed);
        journal.close().unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"o 9 170").unwrap();
        let mut offset = 0;
        let read: Vec<_> = read_from(&path, &mut offset)
            .unwrap()
            .iter()
            .map(|entry| (entry.number, entry.said))
            .collect();
        let confirmed = Said::Confirmed { routed: false };
        assert_eq!(read, [(7, Said::Begun), (8, Said::Begun), (7, confirmed), (8, Said::Failed)]);
        file.write_all(b"0.5 true\n").unwrap();
        let rest = read_from(&path, &mut offset).unwrap();
        assert_eq!(
            rest,
            [Entry { number: 9, at_ms: 1700.5, said: Said::Confirmed { routed: true } }]
        );
    }
}
