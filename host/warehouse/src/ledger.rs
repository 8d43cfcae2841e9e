//! What has been loaded, from what, by which plugin.
//!
//! The ledger is written in the transaction of the load that it describes, so progress
//! and data cannot differ.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::{DateTime, NaiveDateTime, Utc};

use crate::{
    error::{DatabaseError, LoadError, ReadError},
    files::FileIdentity,
    invariants::{CommittedLoad, WrittenLoad},
    load::Load,
    reader::batch_reader,
    snapshot::time,
    source::RejectedRow,
    sql,
    warehouse::Warehouse,
};

/// A load, as it is written in the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadRecord {
    /// The run.
    pub run_id: String,
    /// The step.
    pub step: String,
    /// The kind of the step.
    pub kind: String,
    /// The plugin, as the manifest names it.
    pub plugin: String,
    /// The digest of the plugin.
    pub plugin_digest: String,
    /// The version of the contract that the plugin was built for.
    pub contract: String,
    /// The time that the run stands for.
    pub logical_time: DateTime<Utc>,
    /// The time from which a snapshot's extract holds, in the pipeline's time zone.
    pub effective_time: Option<NaiveDateTime>,
    /// When the step started.
    pub started_at: DateTime<Utc>,
    /// When the step was done, short of this record and the commit.
    pub finished_at: DateTime<Utc>,
    /// Rows read.
    pub rows_in: u64,
    /// Rows written or changed.
    pub rows_out: u64,
    /// How far the rows of a source without files were read; kept in the details as `watermark`.
    pub watermark: Option<LoadWatermark>,
    /// Anything else, an object.
    pub details: serde_json::Value,
    /// The files that were read, and the time in the name of each.
    pub inputs: Vec<(FileIdentity, Option<NaiveDateTime>)>,
    /// The rows that go to quarantine.
    pub rejected: Vec<RejectedRow>,
}

/// The greatest value that was read of a column that grows with every new row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadWatermark {
    /// The value, as [`crate::NewestWatermark`] gave it.
    pub value: String,
    /// The declared type of the column.
    pub data_type: DataType,
}

/// A load, as it was found in the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// Its number, from 1, in the order of the commits.
    pub load_id: i64,
    /// The run.
    pub run_id: String,
    /// The step.
    pub step: String,
    /// The kind of the step.
    pub kind: String,
    /// The plugin, as the manifest named it.
    pub plugin: String,
    /// The digest of the plugin.
    pub plugin_digest: String,
    /// The version of the contract.
    pub contract: String,
    /// The time that the run stood for.
    pub logical_time: DateTime<Utc>,
    /// The time from which a snapshot's extract holds.
    pub effective_time: Option<NaiveDateTime>,
    /// When the step started.
    pub started_at: DateTime<Utc>,
    /// When the step was done.
    pub finished_at: DateTime<Utc>,
    /// Rows read.
    pub rows_in: u64,
    /// Rows written or changed.
    pub rows_out: u64,
    /// Rows in quarantine.
    pub rows_rejected: u64,
    /// Anything else; null if it cannot be read.
    pub details: serde_json::Value,
}

/// A file that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedInput {
    /// The load that read it.
    pub load_id: i64,
    /// Its path, relative to the directory that was searched.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// When it was last modified.
    pub modified: DateTime<Utc>,
    /// Its digest.
    pub digest: Option<String>,
    /// The time in its name.
    pub file_time: Option<NaiveDateTime>,
}

impl Load {
    /// Writes a load in the ledger, with its files and the rows that go to quarantine.
    ///
    /// Returns the number of the load.
    ///
    /// # Errors
    ///
    /// [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn record(&self, record: &LoadRecord) -> Result<i64, LoadError> {
        let ledger = sql::internal("ledger");
        let effective = record
            .effective_time
            .map_or_else(|| "NULL".to_owned(), sql::timestamp);
        let statement = format!(
            "INSERT INTO {ledger} VALUES (?, ?, ?, ?, ?, ?, ?, {}, {effective}, {}, {}, ?, ?, ?, ?)",
            sql::timestamp_tz(record.logical_time),
            sql::timestamp_tz(record.started_at),
            sql::timestamp_tz(record.finished_at),
        );
        let mut details = record.details.clone();
        if let Some(watermark) = &record.watermark {
            details["watermark"] = watermark.value.as_str().into();
        }
        let load_id: i64 = self.try_to(|connection| {
            let next = format!("SELECT coalesce(max(load_id), 0) + 1 FROM {ledger}");
            let load_id: i64 = connection.query_row(&next, [], |row| row.get(0))?;
            connection.execute(
                &statement,
                duckdb::params![
                    load_id,
                    record.run_id,
                    record.step,
                    record.kind,
                    record.plugin,
                    record.plugin_digest,
                    record.contract,
                    signed(record.rows_in),
                    signed(record.rows_out),
                    signed(record.rejected.len() as u64),
                    details.to_string(),
                ],
            )?;
            Ok(load_id)
        })?;
        if !record.inputs.is_empty() {
            self.insert_batch("input", inputs(load_id, record))?;
        }
        if !record.rejected.is_empty() {
            self.insert_batch("quarantine", rejected(load_id, record))?;
        }
        let rejected = record.rejected.len() as u64;
        self.written.borrow_mut().load(WrittenLoad {
            load: CommittedLoad {
                load_id,
                step: record.step.clone(),
                rows_in: record.rows_in,
                rows_out: record.rows_out,
                rejected,
                quarantined: rejected,
                inputs: record.inputs.len() as u64,
            },
            effective_time: record.effective_time,
            watermark: record.watermark.clone(),
        });
        Ok(load_id)
    }

    fn insert_batch(
        &self,
        table: &str,
        batch: Result<RecordBatch, ArrowError>,
    ) -> Result<(), LoadError> {
        let batch = batch.map_err(LoadError::Reader)?;
        let reader = batch_reader(batch.schema(), [Ok::<_, ArrowError>(batch)]);
        self.insert(&sql::internal(table), reader, "")?;
        Ok(())
    }
}

fn inputs(load_id: i64, record: &LoadRecord) -> Result<RecordBatch, ArrowError> {
    let time =
        |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let inputs = || record.inputs.iter();
    let modified: TimestampMicrosecondArray = inputs()
        .map(|(file, _)| Some(file.modified.timestamp_micros()))
        .collect();
    batch(vec![
        (
            "load_id",
            DataType::Int64,
            ids(load_id, record.inputs.len()),
        ),
        ("step", DataType::Utf8, steps(record, record.inputs.len())),
        (
            "path",
            DataType::Utf8,
            texts(inputs().map(|(file, _)| Some(file.path.as_str()))),
        ),
        (
            "size_bytes",
            DataType::Int64,
            Arc::new(Int64Array::from_iter_values(
                inputs().map(|(file, _)| signed(file.size_bytes)),
            )),
        ),
        (
            "modified",
            time(Some("UTC")),
            Arc::new(modified.with_timezone("UTC")),
        ),
        (
            "digest",
            DataType::Utf8,
            texts(inputs().map(|(file, _)| file.digest.as_deref())),
        ),
        (
            "file_time",
            time(None),
            Arc::new(
                inputs()
                    .map(|(_, time)| time.map(|time| time.and_utc().timestamp_micros()))
                    .collect::<TimestampMicrosecondArray>(),
            ),
        ),
    ])
}

fn rejected(load_id: i64, record: &LoadRecord) -> Result<RecordBatch, ArrowError> {
    let rows = || record.rejected.iter();
    batch(vec![
        (
            "load_id",
            DataType::Int64,
            ids(load_id, record.rejected.len()),
        ),
        ("step", DataType::Utf8, steps(record, record.rejected.len())),
        (
            "path",
            DataType::Utf8,
            texts(rows().map(|row| Some(row.path.as_str()))),
        ),
        (
            "line",
            DataType::Int64,
            Arc::new(Int64Array::from_iter_values(
                rows().map(|row| signed(row.line)),
            )),
        ),
        (
            "column",
            DataType::Utf8,
            texts(rows().map(|row| row.column.as_deref())),
        ),
        (
            "reason",
            DataType::Utf8,
            texts(rows().map(|row| Some(row.reason.as_str()))),
        ),
        (
            "raw",
            DataType::Utf8,
            texts(rows().map(|row| Some(row.raw.as_str()))),
        ),
    ])
}

fn batch(columns: Vec<(&str, DataType, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, data_type, _)| Field::new(*name, data_type.clone(), true))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(
        schema,
        columns.into_iter().map(|(_, _, column)| column).collect(),
    )
}

fn ids(load_id: i64, rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from_value(load_id, rows))
}

fn steps(record: &LoadRecord, rows: usize) -> ArrayRef {
    texts(std::iter::repeat_n(Some(record.step.as_str()), rows))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Warehouse {
    /// Returns the newest loads first, of one step or of all, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn ledger(&self, step: Option<&str>, limit: usize) -> Result<Vec<LedgerEntry>, ReadError> {
        let filter = step.map_or_else(String::new, |step| {
            format!("WHERE step = {}", sql::text(step))
        });
        let query = format!(
            "SELECT load_id, run_id, step, kind, plugin, plugin_digest, contract, epoch_us(logical_time), \
             epoch_us(effective_time), epoch_us(started_at), epoch_us(finished_at), rows_in, rows_out, \
             rows_rejected, details FROM {} {filter} ORDER BY load_id DESC LIMIT {}",
            sql::internal("ledger"),
            // DuckDB's own ceiling.
            i64::try_from(limit).unwrap_or(i64::MAX)
        );
        let entry = |row: &duckdb::Row<'_>| -> duckdb::Result<LedgerEntry> {
            let details: String = row.get(14)?;
            Ok(LedgerEntry {
                load_id: row.get(0)?,
                run_id: row.get(1)?,
                step: row.get(2)?,
                kind: row.get(3)?,
                plugin: row.get(4)?,
                plugin_digest: row.get(5)?,
                contract: row.get(6)?,
                logical_time: point(row.get(7)?),
                effective_time: row.get::<_, Option<i64>>(8)?.and_then(time),
                started_at: point(row.get(9)?),
                finished_at: point(row.get(10)?),
                rows_in: row.get(11)?,
                rows_out: row.get(12)?,
                rows_rejected: row.get(13)?,
                details: serde_json::from_str(&details).unwrap_or_default(),
            })
        };
        let list = || -> Result<Vec<LedgerEntry>, DatabaseError> {
            let connection = self.connect()?;
            let mut statement = connection.prepare(&query)?;
            let entries = statement.query_map([], |row| entry(row))?;
            Ok(entries.collect::<Result<_, _>>()?)
        };
        list().map_err(ReadError::Database)
    }

    /// Returns the logical time of the newest load of every step that has one, by its name.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn last_loads(&self) -> Result<HashMap<String, DateTime<Utc>>, ReadError> {
        let query = format!(
            "SELECT step, epoch_us(arg_max(logical_time, load_id)) FROM {} GROUP BY step",
            sql::internal("ledger")
        );
        let list = || -> Result<HashMap<_, _>, DatabaseError> {
            let connection = self.connect()?;
            let mut statement = connection.prepare(&query)?;
            let loads = statement.query_map([], |row| Ok((row.get(0)?, point(row.get(1)?))))?;
            Ok(loads.collect::<Result<_, _>>()?)
        };
        list().map_err(ReadError::Database)
    }

    /// Returns the greatest logical time, up to `at`, of the loads of some steps that have an entry of
    /// this name among their details.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn last_load_with(
        &self,
        detail: &str,
        steps: &[&str],
        at: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, ReadError> {
        let steps: Vec<_> = steps.iter().map(|step| sql::text(step)).collect();
        let query = format!(
            "SELECT epoch_us(max(logical_time)) FROM {} WHERE step IN ({}) AND logical_time <= {} \
             AND contains(details, {})",
            sql::internal("ledger"),
            steps.join(", "),
            sql::timestamp_tz(at),
            // Within a text, quotes are escaped.
            sql::text(&format!("\"{detail}\":")),
        );
        let found = || -> Result<Option<i64>, DatabaseError> {
            Ok(self.connect()?.query_row(&query, [], |row| row.get(0))?)
        };
        Ok(found().map_err(ReadError::Database)?.map(point))
    }

    /// Returns the files that a step has loaded, by path; of each the newest load.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn inputs(&self, step: &str) -> Result<HashMap<String, RecordedInput>, ReadError> {
        let query = format!(
            "SELECT load_id, path, size_bytes, epoch_us(modified), digest, epoch_us(file_time) \
             FROM {} WHERE step = {} ORDER BY load_id",
            sql::internal("input"),
            sql::text(step)
        );
        let list = || -> Result<HashMap<String, RecordedInput>, DatabaseError> {
            let connection = self.connect()?;
            let mut statement = connection.prepare(&query)?;
            let inputs = statement.query_map([], |row| {
                Ok(RecordedInput {
                    load_id: row.get(0)?,
                    path: row.get(1)?,
                    size_bytes: row.get(2)?,
                    modified: point(row.get(3)?),
                    digest: row.get(4)?,
                    file_time: row.get::<_, Option<i64>>(5)?.and_then(time),
                })
            })?;
            let mut by_path = HashMap::new();
            for input in inputs {
                let input = input?;
                by_path.insert(input.path.clone(), input);
            }
            Ok(by_path)
        };
        list().map_err(ReadError::Database)
    }

    /// Returns the rows in quarantine that a load left out, by path and line.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn quarantine(&self, load_id: i64) -> Result<Vec<RejectedRow>, ReadError> {
        let query = format!(
            "SELECT path, line, \"column\", reason, raw FROM {} WHERE load_id = {load_id} ORDER BY path, line",
            sql::internal("quarantine")
        );
        let list = || -> Result<Vec<RejectedRow>, DatabaseError> {
            let connection = self.connect()?;
            let mut statement = connection.prepare(&query)?;
            let rows = statement.query_map([], |row| {
                Ok(RejectedRow {
                    path: row.get(0)?,
                    line: row.get(1)?,
                    column: row.get(2)?,
                    reason: row.get(3)?,
                    raw: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        list().map_err(ReadError::Database)
    }
}

fn point(microseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(microseconds).unwrap_or_default()
}
