//! A directory that is there as long as it is used.

use std::{
    fs::TryLockError,
    io::{self, ErrorKind},
    path::Path,
};

use fs_err as fs;
use tempfile::TempDir;

/// The file in a temporary directory that is locked as long as it is used.
const LOCK: &str = ".wigeon-in-use";

/// A directory for this user alone, which is removed with what is in it when this is dropped.
#[derive(Debug)]
pub struct TemporaryDirectory {
    lock: fs::File,
    directory: TempDir,
}

impl TemporaryDirectory {
    /// Makes a directory where the system has temporary files, as [`Self::new_in`] does.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn new(prefix: &str) -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir(), prefix)
    }

    /// Makes a directory in another, which must be there, with a name that begins with `prefix`.
    /// Those that killed processes have left there with the same prefix are removed first.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn new_in(parent: &Path, prefix: &str) -> io::Result<Self> {
        remove_left(parent, prefix);
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            builder.permissions(std::fs::Permissions::from_mode(0o700));
        }
        loop {
            let directory = builder.tempdir_in(parent)?;
            let path = directory.path().join(LOCK);
            let lock = match fs::File::create_new(&path) {
                Ok(lock) => lock,
                // Somebody took it for one that is left, here and below.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // Any other error says that there are no locks here: then nobody has one.
            if !matches!(lock.file().try_lock(), Err(TryLockError::WouldBlock))
                && path.try_exists()?
            {
                return Ok(Self { lock, directory });
            }
        }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What is left of it, the directory itself, goes right after that.
        remove_all(self.directory.path(), self.lock.path());
    }
}

fn remove_left(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let has_prefix = name.as_encoded_bytes().starts_with(prefix.as_bytes());
        let is_directory = || entry.file_type().is_ok_and(|found| found.is_dir());
        if !has_prefix || !is_directory() {
            continue;
        }
        let lock = entry.path().join(LOCK);
        match fs::symlink_metadata(&lock) {
            // To open a pipe would be to wait for who writes into it.
            Ok(found) if found.is_file() => remove_unless_in_use(&entry.path(), &lock),
            // Its process was killed right after making it, or has yet to go on. Or it is not ours,
            // and not empty.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                drop(fs::remove_dir(entry.path()));
            }
            _ => {}
        }
    }
}

fn remove_unless_in_use(directory: &Path, lock: &Path) {
    // It is kept until all is removed.
    let Ok(file) = fs::File::open(lock) else {
        return;
    };
    if file.file().try_lock().is_ok() {
        remove_all(directory, lock);
    }
}

/// Removes a directory and what is in it, the lock last: who is killed meanwhile has left it too.
fn remove_all(directory: &Path, lock: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path == lock {
            continue;
        }
        if entry.file_type().is_ok_and(|found| found.is_dir()) {
            drop(fs::remove_dir_all(path));
        } else {
            drop(fs::remove_file(path));
        }
    }
    drop(fs::remove_file(lock));
    drop(fs::remove_dir(directory));
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_left_is_removed_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let at = |path: &str| parent.path().join(path);
        for directory in ["a-left", "a-empty", "a-user", "b-other"] {
            fs::create_dir(at(directory)).unwrap();
        }
        fs::write(at("a-left").join(LOCK), "").unwrap();
        fs::write(at("a-left/big"), "").unwrap();
        fs::write(at("a-user/file"), "").unwrap();
        let in_use = TemporaryDirectory::new_in(parent.path(), "a-").unwrap();
        let other = TemporaryDirectory::new_in(parent.path(), "a-").unwrap();
        assert!(in_use.path().join(LOCK).exists() && other.path().exists());
        assert!(!at("a-left").exists() && !at("a-empty").exists());
        assert!(at("a-user/file").exists() && at("b-other").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            let mode = fs::metadata(in_use.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        fs::create_dir(in_use.path().join("deep")).unwrap();
        fs::write(in_use.path().join("deep/file"), "").unwrap();
        let paths = [in_use.path().to_owned(), other.path().to_owned()];
        drop((in_use, other));
        assert!(paths.iter().all(|path| !path.exists()));
    }

    #[test]
    fn many_at_once_keep_theirs() {
        let parent = tempfile::tempdir().unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let own = TemporaryDirectory::new_in(parent.path(), "a-").unwrap();
                        fs::write(own.path().join("file"), "").unwrap();
                        thread::yield_now();
                        assert!(own.path().join("file").exists());
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
