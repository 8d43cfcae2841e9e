//! The databases that both sides work on, and prepared copies of them.

use std::{
    io,
    path::{Path, PathBuf},
};

use fs_err as fs;

use crate::sides::{Side, Sides};

/// What DuckDB and Wigeon may leave beside a database file.
const BESIDE: [&str; 4] = ["", ".wal", ".tmp", ".lock"];

/// Prepared databases, a directory for each state.
pub(crate) struct Databases {
    prepared: PathBuf,
}

impl Databases {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            prepared: directory.join("prepared"),
        }
    }

    /// Returns whether a state was prepared.
    pub(crate) fn has(&self, state: &str) -> bool {
        self.prepared.join(state).is_dir()
    }

    /// Gives a side a copy of a state to work on; without one it begins with nothing.
    ///
    /// The copy is on disk and in the page cache when this returns, for both sides alike.
    pub(crate) fn restore(&self, state: Option<&str>, side: Side, sides: &Sides) -> io::Result<()> {
        discard(side, sides)?;
        if let Some(state) = state {
            let database = sides.database(side);
            fs::copy(self.file(state, side), &database)?;
            fs::OpenOptions::new()
                .write(true)
                .open(&database)?
                .sync_all()?;
        }
        Ok(())
    }

    /// Gives both sides a state to go on from, which is then prepared no more.
    pub(crate) fn take(&self, state: &str, sides: &Sides) -> io::Result<()> {
        for side in Side::BOTH {
            discard(side, sides)?;
            fs::rename(self.file(state, side), sides.database(side))?;
        }
        self.remove(state)
    }

    /// Keeps what both sides work on as a state.
    pub(crate) fn keep(&self, state: &str, sides: &Sides) -> io::Result<()> {
        let unfinished = self.prepared.join(format!("{state}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        for side in Side::BOTH {
            let file = unfinished.join(file_name(side));
            fs::rename(sides.database(side), file)?;
            discard(side, sides)?;
        }
        fs::rename(unfinished, self.prepared.join(state))
    }

    /// Removes a state.
    pub(crate) fn remove(&self, state: &str) -> io::Result<()> {
        fs::remove_dir_all(self.prepared.join(state))
    }

    fn file(&self, state: &str, side: Side) -> PathBuf {
        self.prepared.join(state).join(file_name(side))
    }
}

/// Removes what a side works on.
pub(crate) fn discard(side: Side, sides: &Sides) -> io::Result<()> {
    let database = sides.database(side);
    for suffix in BESIDE {
        let mut path = database.clone().into_os_string();
        path.push(suffix);
        let path = PathBuf::from(path);
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else if path.exists() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn file_name(side: Side) -> String {
    format!("{}.duckdb", side.name())
}
