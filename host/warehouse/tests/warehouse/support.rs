//! A temporary warehouse, batches from literals, and tables as text.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{ArrayRef, Int8Array, Int64Array, RecordBatch, RecordBatchReader, StringArray};
use arrow_cast::{
    cast,
    display::{ArrayFormatter, FormatOptions},
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use chrono::{NaiveDate, NaiveDateTime};
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use wigeon_warehouse::{
    FileIdentity, FileSource, ReadError, RejectedRow, RowStream, Settings, SourceFormat, Stage,
    Warehouse, batch_reader, list_files,
};

pub(crate) struct Context {
    pub(crate) directory: TempDir,
    pub(crate) warehouse: Warehouse,
}

fn read(mut stream: RowStream) -> Result<Read, ReadError> {
    let mut batches = Vec::new();
    for batch in stream.by_ref() {
        batches.push(batch?);
    }
    Ok(Read {
        rows: text(&batches),
        rejected: stream.rejected().to_vec(),
    })
}

impl Context {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(&settings(&directory.path().join("test.duckdb"))).unwrap();
        Self {
            directory,
            warehouse,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    pub(crate) fn files(&self, pattern: &str) -> Vec<FileIdentity> {
        list_files(self.directory.path(), pattern).unwrap()
    }

    /// Reads all columns, and says what came of it.
    pub(crate) fn read(
        &self,
        source: &FileSource,
        pattern: &str,
        max_rejected: u64,
    ) -> Result<Read, ReadError> {
        let projection: Vec<_> = (0..source.columns.len()).collect();
        self.read_projected(source, pattern, &projection, max_rejected)
    }

    pub(crate) fn read_projected(
        &self,
        source: &FileSource,
        pattern: &str,
        projection: &[usize],
        max_rejected: u64,
    ) -> Result<Read, ReadError> {
        let files = self.files(pattern);
        let warehouse = &self.warehouse;
        let streamed = warehouse
            .read_files(source, &files, projection, max_rejected)
            .and_then(read);
        let at_once = warehouse
            .read_files_at_once(source, &files, projection, max_rejected)
            .and_then(read);
        // What is known of a file whose digest was taken decides who reads it.
        let mut digested = files.clone();
        let taken = digested
            .iter_mut()
            .try_for_each(|file| file.take_digest(source, true));
        let digested = taken
            .and_then(|()| warehouse.read_files(source, &digested, projection, max_rejected))
            .and_then(read);
        assert_same(&streamed, &at_once);
        assert_same(&streamed, &digested);
        streamed
    }

    /// Streams files into a table.
    pub(crate) fn append_files_to(&self, table: &str, source: &FileSource, pattern: &str) {
        let projection: Vec<_> = (0..source.columns.len()).collect();
        let files = self.files(pattern);
        let stream = self
            .warehouse
            .read_files(source, &files, &projection, 0)
            .unwrap();
        let load = self.warehouse.begin().unwrap();
        load.append(table, batch_reader(stream.schema(), stream))
            .unwrap();
        load.commit().unwrap();
    }

    pub(crate) fn query(&self, query: &str) -> String {
        table(self.warehouse.query(query).unwrap())
    }

    pub(crate) fn stage(&self, batch: RecordBatch) -> Stage {
        self.warehouse.stage(reader(batch)).unwrap()
    }

    /// Appends to a table, in a load of its own.
    pub(crate) fn append(&self, table: &str, batch: RecordBatch) {
        let load = self.warehouse.begin().unwrap();
        load.append(table, reader(batch)).unwrap();
        load.commit().unwrap();
    }
}

/// Whichever way, a reader gets the same rows or the same message.
fn assert_same(one: &Result<Read, ReadError>, other: &Result<Read, ReadError>) {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            let sorted = |read: &Read| {
                let mut lines: Vec<_> = read.rows.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(sorted(one), sorted(other));
            assert_eq!(one.rejected, other.rejected);
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        _ => panic!("only one way fails: {one:?} {other:?}"),
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) rows: String,
    pub(crate) rejected: Vec<RejectedRow>,
}

pub(crate) fn settings(path: &Path) -> Settings {
    Settings {
        path: path.to_owned(),
        memory_limit_mib: 512,
        threads: Some(2),
        temp_directory: None,
    }
}

pub(crate) fn csv(columns: &[(&str, DataType)]) -> FileSource {
    FileSource {
        format: SourceFormat::Csv {
            delimiter: ',',
            null_value: String::new(),
        },
        columns: fields(columns),
        ignore_extra_columns: false,
        accept_missing_line_end: false,
    }
}

pub(crate) fn ndjson(columns: &[(&str, DataType)]) -> FileSource {
    FileSource {
        format: SourceFormat::Ndjson,
        columns: fields(columns),
        ignore_extra_columns: false,
        accept_missing_line_end: false,
    }
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn fields(columns: &[(&str, DataType)]) -> Vec<Field> {
    columns
        .iter()
        .map(|(name, data_type)| Field::new(*name, data_type.clone(), true))
        .collect()
}

pub(crate) fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

pub(crate) fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

pub(crate) fn changes(values: impl IntoIterator<Item = i8>) -> ArrayRef {
    Arc::new(Int8Array::from_iter_values(values))
}

pub(crate) fn texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

pub(crate) fn reader(batch: RecordBatch) -> Box<dyn RecordBatchReader + Send> {
    batch_reader(batch.schema(), [Ok::<_, ArrowError>(batch)])
}

pub(crate) fn day(day: u32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 1, day)
        .unwrap()
        .and_hms_opt(0, 0, 0)
        .unwrap()
}

/// Returns the rows of a stream, sorted, one per line.
pub(crate) fn table(stream: RowStream) -> String {
    let batches: Vec<_> = stream.map(Result::unwrap).collect();
    text(&batches)
}

pub(crate) fn text(batches: &[RecordBatch]) -> String {
    let options = FormatOptions::new().with_null("null");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                // arrow-cast shows no named zone without a database of them.
                DataType::Timestamp(unit, Some(_)) => {
                    cast(column, &DataType::Timestamp(*unit, None)).unwrap()
                }
                _ => Arc::clone(column),
            })
            .collect();
        let columns: Vec<_> = columns
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<_> = columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect();
            lines.push(values.join(" | "));
        }
    }
    lines.sort();
    lines.join("\n")
}

/// Returns an error and its causes, one per line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut lines = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        lines.push(error.to_string());
        source = error.source();
    }
    lines.join("\n")
}
