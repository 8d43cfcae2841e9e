//! Where a process writes what is gone when it ends: what DuckDB spills, and pieces of files.
//!
//! DuckDB numbers the files that it spills to from zero and opens them without a lock, so two
//! processes with one directory write over each other's rows. Therefore each has its own, with a
//! random name: beside the warehouse, made only when it is needed, since who reads may not be allowed
//! to make any; or in the `temp_directory` of the settings, which several pipelines may share.
//!
//! A process that is killed leaves its files. In a `temp_directory` whoever comes next finds that they
//! are in use no more ([`TemporaryDirectory`]). Beside the warehouse, who has it for writing knows that
//! nobody else is at work.

use std::{
    ffi::OsStr,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
};

use wigeon_files::{TemporaryDirectory, directory_of};

use crate::{
    held::canonical,
    warehouse::{Settings, beside},
};

/// How the names of directories in a `temp_directory` begin.
const SHARED: &str = "wigeon-spill-";

/// What follows the name of the warehouse, before what is random.
const BESIDE: &str = ".tmp.";

/// What follows the name of a directory, for the one in which pieces of files are.
const PIECES: &str = ".pieces";

/// The directories of a process for a warehouse.
#[derive(Debug)]
pub(crate) struct Scratch {
    spill: PathBuf,
    pieces: PathBuf,
    _shared: Option<TemporaryDirectory>,
}

impl Scratch {
    /// Returns new directories.
    pub(crate) fn new(settings: &Settings) -> Self {
        let random = RandomState::new().hash_one(()) >> 32;
        let Some(directory) = &settings.temp_directory else {
            let path = canonical(&settings.path);
            return Self::at(beside(&path, &format!("{BESIDE}{random:08x}")));
        };
        // Not those above it: a disk that is not mounted is to be told.
        drop(fs_err::create_dir(directory));
        match TemporaryDirectory::new_in(directory, SHARED) {
            Ok(shared) => Self {
                spill: shared.path().to_owned(),
                pieces: shared.path().join("pieces"),
                _shared: Some(shared),
            },
            // Most need none. Who does is told by then.
            Err(_) => Self::at(directory.join(format!("{SHARED}{random:08x}"))),
        }
    }

    fn at(spill: PathBuf) -> Self {
        Self {
            pieces: beside(&spill, PIECES),
            spill,
            _shared: None,
        }
    }

    /// Returns where DuckDB spills to. It makes the directory if it is not there, and removes it then.
    pub(crate) fn spill(&self) -> &Path {
        &self.spill
    }

    /// Returns where pieces of files are. Whoever needs it makes it.
    pub(crate) fn pieces(&self) -> &Path {
        &self.pieces
    }

    /// Removes what killed processes have left beside a warehouse. Only for who has it for writing: its
    /// own directory stays.
    ///
    /// What cannot be removed stays as well: it is in nobody's way.
    pub(crate) fn remove_left(&self, warehouse: &Path) {
        let path = canonical(warehouse);
        let (Some(name), Ok(entries)) = (path.file_name(), fs_err::read_dir(directory_of(&path)))
        else {
            return;
        };
        for entry in entries.flatten() {
            let is_directory = || entry.file_type().is_ok_and(|found| found.is_dir());
            let left = entry.path();
            if is_left(name, &entry.file_name())
                && is_directory()
                && left != self.spill
                && left != self.pieces
            {
                drop(fs_err::remove_dir_all(left));
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs_err::remove_dir(&self.pieces));
    }
}

/// Returns whether a name is one that a process gave a directory beside the warehouse of a name.
fn is_left(warehouse: &OsStr, name: &OsStr) -> bool {
    let (warehouse, name) = (warehouse.as_encoded_bytes(), name.as_encoded_bytes());
    let random = name
        .strip_prefix(warehouse)
        .and_then(|rest| rest.strip_prefix(BESIDE.as_bytes()))
        .map(|rest| rest.strip_suffix(PIECES.as_bytes()).unwrap_or(rest));
    random.is_some_and(|random| random.len() == 8 && random.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(path: PathBuf, temp_directory: Option<PathBuf>) -> Settings {
        Settings {
            path,
            memory_limit_mib: 64,
            threads: None,
            temp_directory,
        }
    }

    #[test]
    fn no_two_processes_share_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        let shared = Some(at("shared"));
        // Another container may have another warehouse at the same path.
        let all = [None, None, shared.clone(), shared.clone()]
            .map(|directory| Scratch::new(&settings(at("a.duckdb"), directory)));
        for (place, one) in all.iter().enumerate() {
            assert!(
                all[place + 1..]
                    .iter()
                    .all(|other| other.spill != one.spill)
            );
        }
        assert!(!all[0].spill.exists(), "nobody has needed it");
        assert!(
            all[2..]
                .iter()
                .all(|one| one.spill.starts_with(at("shared")) && one.spill.exists())
        );
        drop(all);
        assert_eq!(fs_err::read_dir(at("shared")).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_is_told_to_who_needs_it() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("not/mounted");
        let scratch = Scratch::new(&settings(directory.path().join("a"), Some(missing.clone())));
        assert!(scratch.spill.starts_with(&missing));
        assert!(!missing.exists());
    }

    #[test]
    fn what_is_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        let settings = settings(at("a.duckdb"), None);
        let [left, own] = [(); 2].map(|()| Scratch::new(&settings));
        let others = [
            "a.duckdb.tmp",
            "a.duckdb.tmp.old",
            "a.duckdb.tmp.0123456z",
            "b.duckdb.tmp.01234567",
        ];
        let others = others.map(at);
        let dirs = [&left.spill, &left.pieces, &own.spill, &own.pieces];
        for made in dirs.into_iter().chain(&others) {
            fs_err::create_dir(made).unwrap();
            fs_err::write(made.join("duckdb_temp_storage_DEFAULT-0.tmp"), "").unwrap();
        }
        fs_err::write(at("a.duckdb.tmp.89abcdef"), "a file").unwrap();

        own.remove_left(&settings.path);

        assert!(!left.spill.exists() && !left.pieces.exists());
        assert!(own.spill.exists() && own.pieces.exists());
        assert!(others.iter().all(|other| other.exists()), "{others:?}");
        assert!(at("a.duckdb.tmp.89abcdef").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_warehouse_has_its_directories_where_it_is_and_not_where_a_link_is() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs_err::create_dir(at("real")).unwrap();
        fs_err::write(at("real/a.duckdb"), "").unwrap();
        fs_err::os::unix::fs::symlink(at("real/a.duckdb"), at("link.duckdb")).unwrap();
        let scratch = Scratch::new(&settings(at("link.duckdb"), None));
        let real = fs_err::canonicalize(at("real")).unwrap();
        assert_eq!(directory_of(&scratch.spill), real);
        fs_err::create_dir(&scratch.spill).unwrap();
        Scratch::new(&settings(at("b"), None)).remove_left(&at("link.duckdb"));
        assert!(!scratch.spill.exists());
    }
}
