//! Files that are written whole or not at all, even if the process is killed meanwhile.
//!
//! A file is first written beside its place, as `<name>.new`, and then renamed. The name is always
//! the same, so that what a killed process left is taken over by the next one that writes the file,
//! instead of lying about for ever. Who writes holds a lock on `<name>.new`, which the system drops
//! with the process; those who come meanwhile wait.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use fs_err as fs;

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Everybody whom the user's mask lets.
    Everybody,
    /// This user.
    Owner,
}

/// Replaces a file, or makes it.
pub(crate) fn write(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let unfinished = unfinished(path);
    let mut file = open_alone(&unfinished, readers)?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// Where a file is written before it has its name.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

/// Opens a file that no other process is writing, whatever a killed one has left there.
fn open_alone(path: &Path, readers: Readers) -> io::Result<fs::File> {
    loop {
        // A link would lead to a file that is not ours to overwrite.
        if !is_file_or_free(path)? {
            fs::remove_file(path)?;
        }
        let file = options(readers).open(path)?;
        file.file().lock()?;
        // It may have been renamed while we waited, or be another one by now.
        if is_still(&file, path)? {
            return Ok(file);
        }
    }
}

fn is_file_or_free(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_file()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Returns whether a path still leads to an opened file, and not over a link.
fn is_still(file: &fs::File, path: &Path) -> io::Result<bool> {
    let there = match same_file::Handle::from_path(path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let opened = same_file::Handle::from_file(file.file().try_clone()?)?;
    Ok(opened == there && is_file_or_free(path)?)
}

fn options(readers: Readers) -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    // It is emptied once it is known to be ours.
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;

        options.mode(match readers {
            Readers::Everybody => 0o644,
            Readers::Owner => 0o600,
        });
    }
    #[cfg(not(unix))]
    let _: Readers = readers;
    options
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_process_left_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.lock");
        fs::write(unfinished(&path), "much more than is to be written").unwrap();
        write(&path, b"whole", Readers::Everybody).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(names(directory.path()), ["a.lock"]);
    }

    #[test]
    fn those_who_write_at_once_wait_for_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.lock");
        // Each its own length, so that two that were mixed are neither.
        let texts: Vec<_> = (0..8_u8)
            .map(|n| vec![n; 10_000 + usize::from(n)])
            .collect();
        thread::scope(|scope| {
            for text in &texts {
                scope.spawn(|| {
                    for _ in 0..50 {
                        write(&path, text, Readers::Owner).unwrap();
                        assert!(texts.contains(&fs::read(&path).unwrap()));
                    }
                });
            }
        });
        assert_eq!(names(directory.path()), ["a.lock"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (
            directory.path().join("a.lock"),
            directory.path().join("other"),
        );
        fs::write(&other, "not ours").unwrap();
        std::os::unix::fs::symlink(&other, unfinished(&path)).unwrap();
        write(&path, b"whole", Readers::Everybody).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert!(!path.is_symlink());
        assert_eq!(names(directory.path()), ["a.lock", "other"]);
    }
}
