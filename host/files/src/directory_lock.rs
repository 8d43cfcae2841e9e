//! One process at a time changes a file.

use std::{
    fs::TryLockError,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fs_err::File;

/// How long one is waited for. What is done meanwhile takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The right to read files of a directory, and to change them by what was read.
///
/// It is a lock on the directory itself, so that nothing else lies about. Where there are no such
/// locks, or one has been held for five seconds, one goes on without.
#[derive(Debug)]
pub struct DirectoryLock {
    _directory: Option<File>,
}

impl DirectoryLock {
    /// Takes the lock of a directory, and gives it up when this is dropped.
    pub fn take(directory: &Path) -> Self {
        let Ok(directory) = File::open(directory) else {
            return Self { _directory: None };
        };
        let begun = Instant::now();
        while matches!(directory.file().try_lock(), Err(TryLockError::WouldBlock))
            && begun.elapsed() < PATIENCE
        {
            thread::sleep(Duration::from_millis(2));
        }
        Self {
            _directory: Some(directory),
        }
    }
}
