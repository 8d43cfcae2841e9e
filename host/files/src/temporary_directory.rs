//! A directory that is there as long as it is used.

use std::{io, io::ErrorKind, path::Path};

use fs_err as fs;
use tempfile::TempDir;

/// The file in a temporary directory that is locked as long as it is used.
const LOCK: &str = ".wigeon-in-use";

/// A directory for this user alone, which is removed with what is in it when this is dropped.
#[derive(Debug)]
pub struct TemporaryDirectory {
    // Closed before the directory is removed.
    _lock: fs::File,
    directory: TempDir,
}

impl TemporaryDirectory {
    /// Makes a directory in another, which must be there, with a name that begins with `prefix`.
    /// Those that killed processes have left there with the same prefix are removed first.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn new_in(parent: &Path, prefix: &str) -> io::Result<Self> {
        remove_left(parent, prefix);
        loop {
            let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
            let path = directory.path().join(LOCK);
            let lock = match fs::File::create_new(&path) {
                Ok(lock) => lock,
                // Somebody took it for one that is left.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // An error says that there are no locks here: then others have none either.
            drop(lock.file().lock());
            if path.try_exists()? {
                return Ok(Self {
                    _lock: lock,
                    directory,
                });
            }
        }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
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
    let Ok(lock) = fs::File::open(lock) else {
        return;
    };
    if lock.file().try_lock().is_ok() {
        drop(fs::remove_dir_all(directory));
    }
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
