//! Where a process writes what is gone when it ends: what DuckDB spills, and pieces of files.
//!
//! DuckDB numbers the files that it spills to from zero and opens them without a lock, so two
//! processes with one directory write over each other's rows. Therefore each has its own: who writes
//! to the warehouse, and is alone with it, the one with the plain name, and who reads it one with a
//! random ending; and in a `temp_directory` that pipelines share, all have the warehouse in their
//! names. None of them is made before it is needed.
//!
//! A process that is killed leaves its files. Whoever has the warehouse for writing can tell that
//! nobody else is at work, and removes them.

use std::{
    ffi::OsStr,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
};

use crate::warehouse::{Settings, beside};

/// What follows the name of the directory in which pieces of files are.
const PIECES: &str = ".pieces";

/// How the names of files begin that may be removed: DuckDB's, and pieces.
const OURS: [&str; 2] = ["duckdb_temp_", PIECE];

/// How the names of pieces begin.
pub(crate) const PIECE: &str = "piece-";

/// The directories of a process for a warehouse.
#[derive(Debug)]
pub(crate) struct Scratch {
    spill: PathBuf,
}

impl Scratch {
    /// Returns the directories of who is alone with a warehouse.
    ///
    /// They are `<path>.tmp`, or `<name>-<hash of the path>.tmp` in the directory of the settings.
    pub(crate) fn of_writer(settings: &Settings) -> Self {
        let path = &settings.path;
        let spill = match (&settings.temp_directory, path.file_name()) {
            (Some(directory), Some(name)) => {
                let canonical = crate::held::canonical(path);
                let hash = blake3::hash(canonical.as_os_str().as_encoded_bytes()).to_hex();
                directory.join(beside(Path::new(name), &format!("-{}.tmp", &hash[..16])))
            }
            _ => beside(path, ".tmp"),
        };
        // DuckDB makes the last directory only. If this fails, so does that, where it is needed.
        if let Some(directory) = &settings.temp_directory {
            drop(fs_err::create_dir_all(directory));
        }
        Self { spill }
    }

    /// Returns the directories of one of many who read a warehouse.
    pub(crate) fn of_reader(settings: &Settings) -> Self {
        let random = RandomState::new().hash_one(());
        Self {
            spill: beside(&Self::of_writer(settings).spill, &format!(".{random:016x}")),
        }
    }

    /// Returns where DuckDB spills to. It makes the directory, and removes it.
    pub(crate) fn spill(&self) -> &Path {
        &self.spill
    }

    /// Returns where pieces of files are. Whoever needs it makes it.
    pub(crate) fn pieces(&self) -> PathBuf {
        beside(&self.spill, PIECES)
    }

    /// Removes what processes have left that were killed. Only for who is alone with the warehouse.
    ///
    /// What cannot be removed stays: it is in nobody's way.
    pub(crate) fn remove_left(&self) {
        let (Some(directory), Some(own)) = (self.spill.parent(), self.spill.file_name()) else {
            return;
        };
        let directory = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        };
        let Ok(entries) = fs_err::read_dir(directory) else {
            return;
        };
        for entry in entries.flatten() {
            if is_of(own, &entry.file_name()) {
                remove(&entry.path());
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs_err::remove_dir(self.pieces()));
    }
}

/// Returns whether a name is that of a directory that belongs to a writer's, or the same.
fn is_of(own: &OsStr, name: &OsStr) -> bool {
    let (own, name) = (own.as_encoded_bytes(), name.as_encoded_bytes());
    let Some(rest) = name.strip_prefix(own) else {
        return false;
    };
    let rest = rest.strip_suffix(PIECES.as_bytes()).unwrap_or(rest);
    match rest {
        [] => true,
        [b'.', random @ ..] => random.len() == 16 && random.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

/// Removes our files in a directory, and then the directory, if it is one and empty: it may be a
/// link to one on another disk, or have somebody's files in it.
fn remove(directory: &Path) {
    let Ok(entries) = fs_err::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if OURS.iter().any(|ours| name.starts_with(ours.as_bytes())) {
            drop(fs_err::remove_file(entry.path()));
        }
    }
    drop(fs_err::remove_dir(directory));
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
        for shared in [None, Some(at("shared"))] {
            let of = |path: &str| settings(at(path), shared.clone());
            let writer = Scratch::of_writer(&of("a.duckdb"));
            assert_eq!(writer.spill, Scratch::of_writer(&of("a.duckdb")).spill);
            for other in [
                Scratch::of_reader(&of("a.duckdb")),
                Scratch::of_reader(&of("a.duckdb")),
                // The same name, and another warehouse.
                Scratch::of_writer(&of("other/a.duckdb")),
            ] {
                assert_ne!(writer.spill, other.spill);
            }
            let [one, other] = [(); 2].map(|()| Scratch::of_reader(&of("a.duckdb")));
            assert_ne!(one.spill, other.spill);
        }
        let beside = Scratch::of_writer(&settings(at("a.duckdb"), None));
        assert_eq!(beside.spill, at("a.duckdb.tmp"));
    }

    #[test]
    fn what_is_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        let settings = settings(at("a.duckdb"), None);
        let reader = Scratch::of_reader(&settings);
        let left = [at("a.duckdb.tmp"), reader.spill.clone(), reader.pieces()];
        for left in &left {
            fs_err::create_dir(left).unwrap();
            fs_err::write(left.join("duckdb_temp_storage_DEFAULT-0.tmp"), "").unwrap();
            fs_err::write(left.join("piece-abc"), "").unwrap();
        }
        let others = [
            at("a.duckdb.tmp.old"),
            at("b.duckdb.tmp"),
            at("a.duckdb.tmp.pieces"),
        ];
        for other in &others {
            fs_err::create_dir(other).unwrap();
            fs_err::write(other.join("duckdb_temp_block-1.block"), "").unwrap();
        }
        fs_err::write(others[2].join("of the user"), "").unwrap();
        fs_err::write(at("a.duckdb.tmp.0123456789abcdef"), "a file").unwrap();

        Scratch::of_writer(&settings).remove_left();

        assert!(left.iter().all(|left| !left.exists()), "{left:?}");
        let files = |of: &Path| fs_err::read_dir(of).unwrap().count();
        assert_eq!(others.map(|other| files(&other)), [1, 1, 1]);
        assert!(at("a.duckdb.tmp.0123456789abcdef").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_another_disk_stays() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs_err::create_dir(at("disk")).unwrap();
        fs_err::write(at("disk/duckdb_temp_storage_DEFAULT-0.tmp"), "").unwrap();
        fs_err::os::unix::fs::symlink(at("disk"), at("a.duckdb.tmp")).unwrap();
        Scratch::of_writer(&settings(at("a.duckdb"), None)).remove_left();
        assert!(at("a.duckdb.tmp").is_symlink());
        assert_eq!(fs_err::read_dir(at("disk")).unwrap().count(), 0);
    }
}
