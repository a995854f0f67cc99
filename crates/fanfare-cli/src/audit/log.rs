//! The file that changes are recorded in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use uuid::Uuid;

use super::record::{Change, Ending, Line, Phase};
use super::who::Who;
use crate::when;

/// Where changes are recorded, and by whom they are made.
#[derive(Clone, Copy, Debug)]
pub struct AuditLog<'a> {
    path: Option<&'a Path>,
    who: &'a Who,
}

/// A change whose beginning is recorded.
#[derive(Debug)]
#[must_use = "a change without its end in the log looks interrupted"]
pub struct Recorded<'a> {
    file: File,
    path: PathBuf,
    who: &'a Who,
    id: String,
    change: Change,
}

/// Why a change cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Neither a setting nor a home folder says where.
    #[error(
        "there is no place for the audit log, so nothing was changed; give --audit-log or set FANFARE_AUDIT_LOG"
    )]
    NoPlace,
    /// The beginning.
    #[error("the audit log {} cannot be written, so nothing was changed", path.display())]
    NotStarted {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The end.
    #[error("the change was made, but its end cannot be written to the audit log {}", path.display())]
    NotFinished {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Filters may hold ids of events; they concern nobody but operators.
const MODE: u32 = 0o600;

impl<'a> AuditLog<'a> {
    /// Records in the file at `path` what `who` does.
    pub fn new(path: Option<&'a Path>, who: &'a Who) -> Self {
        Self { path, who }
    }

    /// Records that `change` is about to be made; it must not be made when this fails.
    pub fn begin(self, change: Change) -> Result<Recorded<'a>, AuditError> {
        let path = self.path.ok_or(AuditError::NoPlace)?.to_owned();
        let id = Uuid::now_v7().to_string();
        let not_started = |source| AuditError::NotStarted { path: path.clone(), source };
        let mut file = open(&path).map_err(not_started)?;
        let line = line(Phase::Started, &id, self.who, &change, None);
        append(&mut file, &line).map_err(not_started)?;
        Ok(Recorded { file, path, who: self.who, id, change })
    }
}

impl Recorded<'_> {
    /// Records how the change came out.
    pub fn finish(mut self, ending: &Ending) -> Result<(), AuditError> {
        let line = line(Phase::Finished, &self.id, self.who, &self.change, Some(ending));
        append(&mut self.file, &line)
            .map_err(|source| AuditError::NotFinished { path: self.path, source })
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

/// In one write, so that lines of several operators do not mix, and down to the disk.
fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
    file.write_all(line)?;
    match file.sync_data() {
        // Not everything that takes lines is a disk: pipes and /dev/stderr are neither.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

fn line(phase: Phase, id: &str, who: &Who, what: &Change, ending: Option<&Ending>) -> Vec<u8> {
    let at = when::rfc3339(OffsetDateTime::now_utc());
    let actor = who.actor.as_deref();
    let line = Line { at, phase, change: id, user: &who.user, actor, what, ending };
    let mut bytes =
        serde_json::to_vec(&line).expect("texts, numbers and maps with text keys are JSON");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn who() -> Who {
        Who { user: "ada".into(), actor: Some("ticket 7".into()) }
    }

    fn change() -> Change {
        Change {
            command: "dlq replay",
            namespace: "fanfare".into(),
            destinations: vec!["hubspot".into()],
            broker: "amqp://guest@localhost".into(),
            filter: Some(json!({ "cause": ["rejected"] })),
            replay: Some("r-1".into()),
            why: None,
        }
    }

    #[test]
    fn a_change_leaves_two_lines_that_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("audit.ndjson");
        let who = who();
        for _ in 0..2 {
            let recorded = AuditLog::new(Some(&path), &who).begin(change()).unwrap();
            let counts = json!({ "replayed": 3 });
            recorded.finish(&Ending { counts, interrupted: false, error: None }).unwrap();
        }
        let lines: Vec<Value> = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["phase"], "started");
        assert_eq!(lines[1]["phase"], "finished");
        assert_eq!(lines[0]["change"], lines[1]["change"]);
        assert_ne!(lines[0]["change"], lines[2]["change"]);
        for line in &lines {
            assert_eq!(line["user"], "ada");
            assert_eq!(line["actor"], "ticket 7");
            assert_eq!(line["filter"]["cause"][0], "rejected");
            assert_eq!(line["replay"], "r-1");
        }
        assert_eq!(lines[1]["counts"]["replayed"], 3);
        assert!(lines[0].get("counts").is_none());
    }

    #[test]
    fn what_cannot_be_recorded_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let who = who();
        let in_the_way = folder.path().join("file");
        fs::write(&in_the_way, "").unwrap();
        let path = in_the_way.join("audit.ndjson");
        let refused = AuditLog::new(Some(&path), &who).begin(change()).unwrap_err();
        assert!(matches!(refused, AuditError::NotStarted { .. }));
        assert!(matches!(AuditLog::new(None, &who).begin(change()), Err(AuditError::NoPlace)));
    }

    #[test]
    fn a_device_may_be_the_log() {
        let who = who();
        let recorded = AuditLog::new(Some(Path::new("/dev/null")), &who).begin(change()).unwrap();
        let ending = Ending { counts: json!({}), interrupted: true, error: None };
        recorded.finish(&ending).unwrap();
    }
}
