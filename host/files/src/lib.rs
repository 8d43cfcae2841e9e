//! Files and directories of which nothing is left when a process is killed.
//!
//! What has only a temporary name, [`write_whole`]'s files before they have their own and each
//! [`TemporaryDirectory`], is removed when it is done with or has failed. A process that is killed
//! cannot do so; but it held a lock, which the system drops with it, and so the next process that
//! comes to the same place can tell what is left from what is in use, and removes it. Names are random,
//! so that nothing that lies there already is opened or waited for.
//!
//! Where a file system has no locks nothing can be told, and what is left stays. One whose locks are
//! only seen by the machine that takes them must not be shared by several.

mod directory_lock;
mod temporary_directory;
mod whole;

use std::path::Path;

pub use directory_lock::DirectoryLock;
pub use temporary_directory::TemporaryDirectory;
pub use whole::{Readers, remove_unfinished, write_whole, write_whole_with};

/// Returns the directory that a file is in.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}
