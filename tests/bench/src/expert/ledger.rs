//! What was loaded, and from which files.

use std::{collections::BTreeSet, path::PathBuf};

use chrono::{DateTime, Utc};
use fs_err as fs;

use super::{
    Expert, ExpertError,
    statement::{text, timestamp},
};

/// An extract that was not yet loaded.
#[derive(Debug)]
pub(super) struct NewFile {
    /// Its name.
    pub(super) name: String,
    /// The time in its name, such as `2019-10-12` or `2019-10-12T08`.
    pub(super) time: String,
    pub(super) size_bytes: u64,
    modified: DateTime<Utc>,
}

impl Expert {
    /// Returns the extracts of `prefix` that `step` has not loaded, in the order of their times.
    pub(super) fn new_files(&self, step: &str, prefix: &str) -> Result<Vec<NewFile>, ExpertError> {
        let loaded = self.loaded_files(step)?;
        let mut files = vec![];
        for entry in fs::read_dir(&self.settings.extracts).map_err(ExpertError::Extracts)? {
            let entry = entry.map_err(ExpertError::Extracts)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let time = name
                .strip_prefix(prefix)
                .and_then(|rest| rest.strip_suffix(".csv"));
            // Times of one form are in order as texts, and a shorter one is its own beginning.
            let Some(time) = time.filter(|time| *time <= self.settings.at.as_str()) else {
                continue;
            };
            if loaded.contains(&name) {
                continue;
            }
            let metadata = entry.metadata().map_err(ExpertError::Extracts)?;
            let modified = metadata.modified().map_err(ExpertError::Extracts)?;
            files.push(NewFile {
                time: time.to_owned(),
                name,
                size_bytes: metadata.len(),
                modified: modified.into(),
            });
        }
        files.sort_by(|one, other| one.time.cmp(&other.time));
        Ok(files)
    }

    fn loaded_files(&self, step: &str) -> Result<BTreeSet<String>, ExpertError> {
        let mut statement = self
            .connection
            .prepare("select file from load_input where step = ?")?;
        let files = statement.query_map([step], |row| row.get(0))?;
        Ok(files.collect::<Result<_, _>>()?)
    }

    /// Writes down a load, in the transaction that it is part of.
    pub(super) fn record(
        &self,
        step: &str,
        effective: Option<&str>,
        rows_changed: usize,
        files: &[NewFile],
    ) -> Result<(), ExpertError> {
        let step = text(step);
        let effective = effective.map_or("null".to_owned(), timestamp);
        let load_id: i64 = self.connection.query_row(
            &format!(
                "insert into load_ledger \
                 select coalesce(max(load_id), 0) + 1, {step}, {effective}, now(), {rows_changed} \
                 from load_ledger returning load_id"
            ),
            [],
            |row| row.get(0),
        )?;
        let inputs: Vec<_> = files
            .iter()
            .map(|file| {
                format!(
                    "({load_id}, {step}, {}, {}, {})",
                    text(&file.name),
                    file.size_bytes,
                    timestamp(&file.modified.naive_utc().to_string())
                )
            })
            .collect();
        if inputs.is_empty() {
            return Ok(());
        }
        self.batch(&format!(
            "insert into load_input values {}",
            inputs.join(", ")
        ))
    }

    pub(super) fn extracts(&self) -> PathBuf {
        self.settings.extracts.clone()
    }
}
