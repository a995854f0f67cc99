//! One at a time, without a clock: the operating system takes the lock back from whoever dies,
//! at once.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held as long as it lives.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock that is the file at `path`; `None` while somebody else has it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The lock of the relay of the database in `file`. Two relays at a time would publish rows
/// twice, no more than that.
///
/// It is a file of its own beside the database, since SQLite's locks on a file end when anybody
/// in the same process closes it.
pub(super) fn beside(file: &str) -> PathBuf {
    PathBuf::from(format!("{file}-relay"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_lock_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("outbox.db-relay");
        let held = FileLock::take(&file).unwrap().unwrap();
        assert!(FileLock::take(&file).unwrap().is_none());
        drop(held);
        assert!(FileLock::take(&file).unwrap().is_some());
    }
}
