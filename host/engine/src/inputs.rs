//! Which inputs of a step are new, by the ledger.
//!
//! Progress is by arrival: every file that was loaded is in the ledger with its size, time and
//! digest, and what is not there is new, whatever it is called and however late it comes.

use std::{collections::HashMap, path::Path};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use wigeon_manifest::{Location, PathPattern, Source};
use wigeon_warehouse::{
    AttachedTable, FileIdentity, LedgerEntry, ReadError, RecordedInput, Warehouse, list_files,
};

use crate::{DataError, EngineError, PlannedInput, Project, steps::file_source};

/// A file that was not loaded yet.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub(crate) identity: FileIdentity,
    /// The time in its name, in the pipeline's time zone.
    pub(crate) time: Option<NaiveDateTime>,
    /// What it must still be, if it was loaded before and is to be read once more.
    pub(crate) loaded: Option<LoadedFile>,
}

/// What the ledger says of a file.
#[derive(Debug, Clone)]
pub(crate) struct LoadedFile {
    /// When it was loaded, in words.
    pub(crate) at: String,
    pub(crate) digest: String,
}

/// What a step has not loaded yet.
#[derive(Debug, Clone)]
pub(crate) enum NewInputs {
    /// Files, by the time in their name and then by path.
    Files(Vec<NewFile>),
    /// A table, or query, of another DuckDB file.
    Table(Option<NewTable>),
}

/// Rows of a table that were not loaded yet.
#[derive(Debug, Clone)]
pub(crate) struct NewTable {
    /// The effective date, for a snapshot.
    pub(crate) time: Option<NaiveDateTime>,
    /// The greatest value of the watermark column that was loaded, and that there is now.
    pub(crate) after: Option<String>,
    pub(crate) up_to: Option<String>,
}

impl NewInputs {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Files(files) => files.len(),
            Self::Table(table) => usize::from(table.is_some()),
        }
    }

    pub(crate) fn planned(&self, source: &Source) -> Vec<PlannedInput> {
        match self {
            Self::Files(files) => files
                .iter()
                .map(|file| PlannedInput {
                    path: file.identity.path.clone(),
                    size_bytes: Some(file.identity.size_bytes),
                    time: file.time,
                })
                .collect(),
            Self::Table(table) => table
                .iter()
                .map(|table| PlannedInput {
                    path: location(source),
                    size_bytes: None,
                    time: table.time,
                })
                .collect(),
        }
    }
}

/// What is asked about a step's inputs.
pub(crate) struct Question<'a> {
    pub(crate) project: &'a Project,
    pub(crate) warehouse: &'a Warehouse,
    pub(crate) step: &'a str,
    pub(crate) source: &'a Source,
    /// Whether each input stands for a time of its own.
    pub(crate) snapshot: bool,
    pub(crate) at: DateTime<Utc>,
}

impl Question<'_> {
    /// Finds the new inputs.
    pub(crate) fn new_inputs(&self) -> Result<NewInputs, EngineError> {
        match &self.source.location {
            Location::Files(pattern) => self.new_files(pattern).map(NewInputs::Files),
            Location::Table { path, table } => {
                self.new_table(path, &AttachedTable::Table(table.clone()))
            }
            Location::Query { path, query } => {
                self.new_table(path, &AttachedTable::Query(query.clone()))
            }
        }
    }

    fn new_files(&self, pattern: &PathPattern) -> Result<Vec<NewFile>, EngineError> {
        let listed = list_files(self.project.directory(), &pattern.glob())
            .map_err(|source| self.read_error(source))?;
        let loaded = self
            .warehouse
            .inputs(self.step)
            .map_err(EngineError::ReadWarehouse)?;
        if listed.is_empty() && loaded.is_empty() {
            return Err(self.data_error(DataError::NoFiles {
                pattern: pattern.to_string(),
            }));
        }
        let now = local(self.at, self.project.pipeline().time_zone());
        let mut files = vec![];
        for identity in listed {
            let time = self.time_of(pattern, &identity)?;
            if self.is_loaded(&identity, &loaded)? || time.is_some_and(|time| time > now) {
                continue;
            }
            files.push(NewFile {
                identity,
                time,
                loaded: None,
            });
        }
        files.sort_by(|a, b| (a.time, &a.identity.path).cmp(&(b.time, &b.identity.path)));
        Ok(files)
    }

    fn time_of(
        &self,
        pattern: &PathPattern,
        file: &FileIdentity,
    ) -> Result<Option<NaiveDateTime>, EngineError> {
        if !pattern.has_time() {
            return Ok(None);
        }
        let time = pattern.time_of(&file.path);
        if time.is_none() {
            return Err(self.data_error(DataError::NoTime {
                path: file.path.clone(),
                pattern: pattern.to_string(),
            }));
        }
        Ok(time)
    }

    /// Says whether a file was loaded, and refuses one that was and has changed.
    fn is_loaded(
        &self,
        file: &FileIdentity,
        loaded: &HashMap<String, RecordedInput>,
    ) -> Result<bool, EngineError> {
        let Some(known) = loaded.get(&file.path) else {
            return Ok(false);
        };
        if known.size_bytes == file.size_bytes && known.modified == file.modified {
            return Ok(true);
        }
        let mut file = file.clone();
        let taken = file.take_digest(&file_source(self.source), false);
        taken.map_err(|source| self.read_error(source))?;
        let now = file.digest.clone().unwrap_or_default();
        let before = known.digest.clone().unwrap_or_default();
        if now == before {
            return Ok(true);
        }
        let entry = self.entries()?;
        let load = entry.iter().find(|entry| entry.load_id == known.load_id);
        Err(self.data_error(DataError::ChangedFile {
            path: file.path.clone(),
            loaded_at: load.map_or_else(String::new, loaded_at),
            before,
            now,
        }))
    }

    fn new_table(&self, path: &str, rows: &AttachedTable) -> Result<NewInputs, EngineError> {
        if self.snapshot {
            let time = midnight(local(self.at, self.project.pipeline().time_zone()).date());
            let entries = self.entries()?;
            let taken = entries
                .iter()
                .any(|entry| entry.effective_time.is_some_and(|taken| taken >= time));
            let table = NewTable {
                time: Some(time),
                after: None,
                up_to: None,
            };
            return Ok(NewInputs::Table((!taken).then_some(table)));
        }
        let Some(column) = &self.source.watermark else {
            unreachable!("a checked pipeline has a watermark where it is needed");
        };
        let path = self.project.directory().join(path);
        let after = self.entries()?.iter().find_map(|entry| {
            let watermark = entry.details.get("watermark")?;
            watermark.as_str().map(str::to_owned)
        });
        let newest = self
            .warehouse
            .newest_watermark(&path, rows, column, after.as_deref())
            .map_err(|source| self.read_error(source))?;
        if newest.nulls > 0 {
            return Err(self.data_error(DataError::NullWatermark {
                path: location(self.source),
                column: column.clone(),
                rows: newest.nulls,
            }));
        }
        let table = newest.value.map(|up_to| NewTable {
            time: None,
            after,
            up_to: Some(up_to),
        });
        Ok(NewInputs::Table(table))
    }

    /// The step's ledger, newest first.
    fn entries(&self) -> Result<Vec<LedgerEntry>, EngineError> {
        self.warehouse
            .ledger(Some(self.step), usize::MAX)
            .map_err(EngineError::ReadWarehouse)
    }

    fn read_error(&self, source: ReadError) -> EngineError {
        EngineError::Read {
            step: self.step.to_owned(),
            source,
        }
    }

    fn data_error(&self, source: DataError) -> EngineError {
        EngineError::Data {
            step: self.step.to_owned(),
            source,
        }
    }
}

/// Says when a load was done.
pub(crate) fn loaded_at(load: &LedgerEntry) -> String {
    load.finished_at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns where a source is, as the manifest says it.
pub(crate) fn location(source: &Source) -> String {
    match &source.location {
        Location::Files(pattern) => pattern.to_string(),
        Location::Table { path, table } => format!("{path}: {table}"),
        Location::Query { path, .. } => path.clone(),
    }
}

/// Returns the table of a source that is one.
pub(crate) fn attached<'a>(
    source: &'a Source,
    directory: &Path,
) -> Option<(std::path::PathBuf, AttachedTable, &'a str)> {
    match &source.location {
        Location::Files(_) => None,
        Location::Table { path, table } => Some((
            directory.join(path),
            AttachedTable::Table(table.clone()),
            path,
        )),
        Location::Query { path, query } => Some((
            directory.join(path),
            AttachedTable::Query(query.clone()),
            path,
        )),
    }
}

/// Returns an instant as the clocks of the pipeline show it.
pub(crate) fn local(instant: DateTime<Utc>, time_zone: Tz) -> NaiveDateTime {
    instant.with_timezone(&time_zone).naive_local()
}

fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(chrono::NaiveTime::MIN)
}
