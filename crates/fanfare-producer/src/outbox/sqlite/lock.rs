//! One relay at a time, without a clock: the operating system takes the lock back from whoever
//! dies, at once.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;

/// Held as long as it lives. Two relays at a time would publish rows twice, no more than that.
#[derive(Debug)]
pub(super) struct RelayLock {
    _file: Option<File>,
}

impl RelayLock {
    /// Takes the lock of the database in `file`; `None` while another relay has it.
    ///
    /// It is a file of its own beside the database, since SQLite's locks on a file end when
    /// anybody in the same process closes it.
    pub(super) fn take(file: Option<&str>) -> io::Result<Option<Self>> {
        // A database in memory is seen by one process, which knows how many relays it started.
        let Some(file) = file else { return Ok(Some(Self { _file: None })) };
        let path = PathBuf::from(format!("{file}-relay"));
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_lock_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("outbox.db");
        let file = file.to_str();
        let held = RelayLock::take(file).unwrap().unwrap();
        assert!(RelayLock::take(file).unwrap().is_none());
        drop(held);
        assert!(RelayLock::take(file).unwrap().is_some());
    }
}
