//! Files that are written whole or not at all.

use std::{
    fs::TryLockError,
    io::{self, Write},
    path::Path,
};

use fs_err as fs;
use tempfile::NamedTempFile;

use crate::directory_of;

/// How the name of a file begins that is being written.
const UNFINISHED: &str = ".wigeon-unfinished-";

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Everybody whom the user's mask lets.
    Everybody,
    /// This user.
    Owner,
}

/// Makes a file of some bytes, or replaces one, and sees to it that they are on disk.
///
/// # Errors
///
/// Those of [`write_whole_with`].
pub fn write_whole(path: &Path, readers: Readers, parts: &[&[u8]]) -> io::Result<()> {
    write_whole_with(path, readers, |file| {
        parts.iter().try_for_each(|part| file.write_all(part))
    })
}

/// Makes a file of what `write` writes, or replaces one, and sees to it that it is on disk.
///
/// It is written beside its place, under a name of its own that is taken away if that fails. What a
/// killed process has left there is removed first.
///
/// # Errors
///
/// Those of the file system and of `write`. The file is then as it was.
pub fn write_whole_with(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    remove_unfinished(path);
    let mut file = unfinished(directory_of(path), readers)?;
    write(&mut file)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // That it has this name is on disk with its directory. Not every system can be asked for that.
    if let Ok(directory) = fs::File::open(directory_of(path)) {
        drop(directory.sync_all());
    }
    Ok(())
}

/// Removes the files beside another that [`write_whole`] had begun in processes that were killed.
///
/// What cannot be removed stays: it is in nobody's way.
pub fn remove_unfinished(path: &Path) {
    let Ok(entries) = fs::read_dir(directory_of(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_unfinished = name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
        let is_file = || entry.file_type().is_ok_and(|found| found.is_file());
        if !is_unfinished || !is_file() {
            continue;
        }
        // It is kept until the file is removed.
        let Ok(file) = fs::File::open(entry.path()) else {
            continue;
        };
        if file.file().try_lock().is_ok() {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn unfinished(directory: &Path, readers: Readers) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        builder.permissions(std::fs::Permissions::from_mode(match readers {
            Readers::Everybody => 0o644,
            Readers::Owner => 0o600,
        }));
    }
    #[cfg(not(unix))]
    let _: Readers = readers;
    loop {
        let file = builder.tempfile_in(directory)?;
        // Before it was locked, it looked like one that is left, and somebody may have taken it for
        // that. Any other error says that there are no locks here: then nobody has one.
        if !matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock))
            && file.path().try_exists()?
        {
            return Ok(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, thread};

    use tempfile::TempDir;

    use super::*;

    fn place() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.lock");
        (directory, path)
    }

    fn names(directory: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_in_use_stays() {
        let (directory, path) = place();
        let at = |name: &str| directory.path().join(name);
        fs::write(at(".wigeon-unfinished-left00"), "half").unwrap();
        fs::write(at("wigeon-unfinished"), "of the user").unwrap();
        fs::create_dir(at(".wigeon-unfinished-dir")).unwrap();
        let in_use = unfinished(directory.path(), Readers::Owner).unwrap();
        write_whole(&path, Readers::Everybody, &[b"who", b"le"]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        let name = in_use.path().file_name().unwrap().to_str().unwrap();
        let mut expected = [
            ".wigeon-unfinished-dir",
            name,
            "a.lock",
            "wigeon-unfinished",
        ];
        expected.sort_unstable();
        assert_eq!(names(&directory), expected);
        drop(in_use);
    }

    #[test]
    fn those_who_write_at_once_do_not_disturb_each_other() {
        let (directory, path) = place();
        // Each its own length, so that two that were mixed are neither.
        let texts: Vec<_> = (0..8_u8)
            .map(|n| vec![n; 10_000 + usize::from(n)])
            .collect();
        thread::scope(|scope| {
            for text in &texts {
                scope.spawn(|| {
                    for _ in 0..50 {
                        write_whole(&path, Readers::Owner, &[text]).unwrap();
                        assert!(texts.contains(&fs::read(&path).unwrap()));
                    }
                });
            }
        });
        assert_eq!(names(&directory), ["a.lock"]);
    }

    #[test]
    fn nothing_is_left_of_what_fails() {
        let (directory, path) = place();
        fs::create_dir(&path).unwrap();
        let error = write_whole(&path, Readers::Owner, &[b"whole"]);
        assert!(error.is_err(), "a directory was replaced");
        assert_eq!(names(&directory), ["a.lock"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_not_followed() {
        use std::os::unix::fs::PermissionsExt;

        let (directory, path) = place();
        let other = directory.path().join("other");
        fs::write(&other, "not ours").unwrap();
        for link in [&path, &directory.path().join(".wigeon-unfinished-link00")] {
            fs_err::os::unix::fs::symlink(&other, link).unwrap();
        }
        write_whole(&path, Readers::Owner, &[b"whole"]).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}
