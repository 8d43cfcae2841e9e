//! The last load of every step, noted beside the warehouse, so that a run with nothing due need not
//! open it.
//!
//! Only the ledger says what was loaded. The note is made of it, and holds as long as the file of
//! the warehouse is as it was then: by its size, its time and its first blocks, in which DuckDB
//! counts the checkpoints and keeps where each one begins.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use fs_err::File;
use serde::{Deserialize, Serialize};

use crate::{held::Reservation, meta, warehouse::beside};

/// The first blocks of a DuckDB file: its head, and two headers that are written in turn.
const HEADERS: u64 = 3 * 4_096;

/// The note of the last loads of a warehouse: the file `<warehouse>.loads`. It is for those who hold
/// the run lock.
#[derive(Debug)]
pub struct LastLoads {
    warehouse: PathBuf,
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// That of the internal tables: a newer one means what this program cannot know.
    version: i64,
    warehouse: State,
    /// By the name of the step, in microseconds since 1970.
    logical_times: BTreeMap<String, i64>,
}

/// What tells a warehouse from what it was before, or will be later.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    size_bytes: u64,
    /// In nanoseconds since 1970.
    modified: u64,
    headers: String,
}

impl LastLoads {
    /// Returns the note beside a warehouse, which may be there or not.
    pub fn of(warehouse: &Path) -> Self {
        Self {
            warehouse: warehouse.to_owned(),
            path: beside(warehouse, ".loads"),
        }
    }

    /// Returns the logical time of the newest load of every step that has one; none if that is not
    /// known for certain without the warehouse.
    pub fn read(&self) -> Option<HashMap<String, DateTime<Utc>>> {
        let text = fs_err::read(&self.path).ok()?;
        let note: Note = serde_json::from_slice(&text).ok()?;
        if note.version != meta::VERSION || self.state().ok()?? != note.warehouse {
            return None;
        }
        let times = note.logical_times.into_iter();
        times
            .map(|(step, time)| Some((step, DateTime::from_timestamp_micros(time)?)))
            .collect()
    }

    /// Notes what the ledger of the warehouse says, which is closed.
    ///
    /// # Errors
    ///
    /// If the note cannot be written, or the warehouse cannot be looked at.
    pub fn write(&self, loads: &HashMap<String, DateTime<Utc>>) -> io::Result<()> {
        let Some(warehouse) = self.state()? else {
            return Ok(());
        };
        let times = loads.iter();
        let note = Note {
            version: meta::VERSION,
            warehouse,
            logical_times: times
                .map(|(step, time)| (step.clone(), time.timestamp_micros()))
                .collect(),
        };
        fs_err::write(&self.path, serde_json::to_vec(&note)?)
    }

    /// Returns the state of the warehouse, none if some of it is in a write-ahead log, or if this
    /// process has it open.
    fn state(&self) -> io::Result<Option<State>> {
        // Of a link, DuckDB takes the file that is meant, and puts the log beside that.
        let path = fs_err::canonicalize(&self.warehouse)?;
        let Some(_reservation) = Reservation::take(&path, true) else {
            return Ok(None);
        };
        if beside(&path, ".wal").try_exists()? {
            return Ok(None);
        }
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        let modified = modified.map_err(io::Error::other)?.as_nanos();
        let mut headers = vec![];
        file.take(HEADERS).read_to_end(&mut headers)?;
        Ok(Some(State {
            size_bytes: metadata.len(),
            modified: u64::try_from(modified).map_err(io::Error::other)?,
            headers: format!("blake3:{}", blake3::hash(&headers).to_hex()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes another file of one that was modified then.
    type Alter = fn(&Path, SystemTime);

    struct Beside {
        directory: tempfile::TempDir,
    }

    impl Beside {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs_err::write(directory.path().join("w.duckdb"), vec![7; 20_000]).unwrap();
            Self { directory }
        }

        fn path(&self, suffix: &str) -> PathBuf {
            self.directory.path().join(format!("w.duckdb{suffix}"))
        }

        fn last_loads(&self) -> LastLoads {
            LastLoads::of(&self.path(""))
        }
    }

    fn loads() -> HashMap<String, DateTime<Utc>> {
        let time = DateTime::from_timestamp_micros(1_570_752_000_123_456).unwrap();
        [("users".to_owned(), time), ("views".to_owned(), time)].into()
    }

    #[test]
    fn what_was_noted_holds_for_the_same_file() {
        let beside = Beside::new();
        let last = beside.last_loads();
        assert_eq!(last.read(), None);
        last.write(&loads()).unwrap();
        assert_eq!(last.read(), Some(loads()));
    }

    #[test]
    fn it_does_not_hold_for_a_file_that_is_another() {
        fn touch(path: &Path, modified: SystemTime) {
            let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
            file.file().set_modified(modified).unwrap();
        }
        let alterations: [Alter; 5] = [
            |path, _| touch(path, SystemTime::UNIX_EPOCH),
            |path, modified| {
                fs_err::write(path, vec![7; 20_001]).unwrap();
                touch(path, modified);
            },
            |path, modified| {
                let mut bytes = vec![7; 20_000];
                bytes[12_287] = 8;
                fs_err::write(path, bytes).unwrap();
                touch(path, modified);
            },
            |path, _| fs_err::write(beside(path, ".wal"), "").unwrap(),
            |path, _| fs_err::remove_file(path).unwrap(),
        ];
        for (number, alter) in alterations.iter().enumerate() {
            let beside = Beside::new();
            let last = beside.last_loads();
            last.write(&loads()).unwrap();
            let path = beside.path("");
            alter(&path, fs_err::metadata(&path).unwrap().modified().unwrap());
            assert_eq!(last.read(), None, "alteration {number}");
        }
    }

    #[test]
    fn the_log_is_looked_for_beside_the_file_that_a_link_means() {
        let (linked, beside_link) = (Beside::new(), Beside::new());
        fs_err::remove_file(beside_link.path("")).unwrap();
        fs_err::os::unix::fs::symlink(linked.path(""), beside_link.path("")).unwrap();
        let last = beside_link.last_loads();
        last.write(&loads()).unwrap();
        assert_eq!(last.read(), Some(loads()));
        fs_err::write(linked.path(".wal"), "").unwrap();
        assert_eq!(last.read(), None);
    }

    #[test]
    fn a_note_that_is_cut_off_says_nothing() {
        let beside = Beside::new();
        let last = beside.last_loads();
        last.write(&loads()).unwrap();
        let text = fs_err::read(beside.path(".loads")).unwrap();
        for length in 0..text.len() {
            fs_err::write(beside.path(".loads"), &text[..length]).unwrap();
            assert_eq!(last.read(), None, "{length}");
        }
    }

    #[test]
    fn nothing_is_noted_while_there_is_a_write_ahead_log() {
        let beside = Beside::new();
        fs_err::write(beside.path(".wal"), "").unwrap();
        beside.last_loads().write(&loads()).unwrap();
        assert!(!beside.path(".loads").exists());
    }
}
