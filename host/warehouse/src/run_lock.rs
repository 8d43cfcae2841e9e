//! The lock that lets one run at a time write to a warehouse.
//!
//! It lies beside the warehouse and is taken before anything else, so that a second run
//! learns who holds it before it has read a file. The operating system gives it up when
//! its holder dies, however it dies; the file stays.

use std::{
    fs::TryLockError,
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, Utc};
use fs_err::{File, OpenOptions};
use serde::{Deserialize, Serialize};

use crate::error::LockError;

/// The right to be the run that writes, until it is dropped.
#[derive(Debug)]
pub struct RunLock {
    // Closing it gives up the lock.
    _file: File,
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    pid: u32,
    started_at: String,
    command: String,
}

impl RunLock {
    /// Takes the lock of a warehouse, the file `<warehouse>.lock`, or fails at once.
    ///
    /// `command` and `started_at` are what a second run is told about this one.
    ///
    /// # Errors
    ///
    /// - [`LockError::Busy`] if another run holds it.
    /// - [`LockError::Unusable`] if the file cannot be made or locked.
    pub fn acquire(
        warehouse: &Path,
        command: &str,
        started_at: DateTime<Utc>,
    ) -> Result<Self, LockError> {
        let mut path = warehouse.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let unusable = |source| LockError::Unusable {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(unusable)?;
                // The holder may have locked the file and not yet written to it.
                let content: Option<Content> = serde_json::from_str(&text).ok();
                return Err(LockError::Busy {
                    path,
                    pid: content.as_ref().map(|content| content.pid),
                    started_at: content.as_ref().map(|content| content.started_at.clone()),
                    command: content.map(|content| content.command),
                });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let content = Content {
            pid: std::process::id(),
            started_at: started_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            command: command.to_owned(),
        };
        let write = |file: &mut File| -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&serde_json::to_vec(&content)?)
        };
        write(&mut file).map_err(unusable)?;
        Ok(Self { _file: file, path })
    }

    /// Returns the path of the lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
