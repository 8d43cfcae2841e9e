//! Malformed rows of CSV: finding the first one and saying where it is.
//!
//! This runs only after a read has failed. A file is examined piece by piece, since
//! DuckDB would keep all malformed rows of a file in memory, and names places in a file
//! in its message only.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
};

use arrow_schema::Field;
use tempfile::NamedTempFile;

use crate::{
    c_interface::Connection,
    csv::{self, Dialect, Rejects},
    csv_record::{self, Record, Records, Window, Windows},
    error::{DatabaseError, ReadError},
    files::FileIdentity,
    source::{FileSource, RejectedRow, SourceFormat},
    sql,
};

/// Makes an error of the first malformed row.
pub(crate) fn error(row: RejectedRow, count: u64) -> ReadError {
    ReadError::Malformed {
        path: row.path,
        line: row.line,
        column: row.column,
        reason: row.reason,
        raw: row.raw,
        count,
    }
}

/// Checks that the rows are not too many.
pub(crate) fn check_count(rows: &[RejectedRow], max_rejected: u64) -> Result<(), ReadError> {
    let count = rows.len() as u64;
    match rows.first() {
        Some(first) if count > max_rejected => Err(error(first.clone(), count)),
        _ => Ok(()),
    }
}

/// Turns DuckDB's paths into those of the files and its record numbers into lines.
pub(crate) fn place(
    rows: &[RejectedRow],
    files: &[FileIdentity],
    delimiter: u8,
) -> Result<Vec<RejectedRow>, ReadError> {
    let by_path: HashMap<_, _> = files
        .iter()
        .map(|file| (file.absolute.to_string_lossy().into_owned(), file))
        .collect();
    let mut placed = Vec::with_capacity(rows.len());
    for group in rows.chunk_by(|left, right| left.path == right.path) {
        let Some(file) = by_path.get(&group[0].path) else {
            placed.extend_from_slice(group);
            continue;
        };
        let records: Vec<_> = group.iter().map(|row| row.line).collect();
        let lines =
            lines_of_records(file, delimiter, &records).map_err(|error| file.read_error(error))?;
        placed.extend(group.iter().zip(lines).map(|(row, line)| RejectedRow {
            path: file.path.clone(),
            line,
            ..row.clone()
        }));
    }
    placed.sort_by(|left, right| (&left.path, left.line).cmp(&(&right.path, right.line)));
    Ok(placed)
}

/// Returns the lines at which records begin. Records are sorted and counted from 1.
fn lines_of_records(file: &FileIdentity, delimiter: u8, records: &[u64]) -> io::Result<Vec<u64>> {
    let mut lines = Vec::with_capacity(records.len());
    let reader = file
        .open()
        .map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
    let csv = Records::Csv(delimiter);
    let mut windows = Windows::new(reader, csv);
    let mut before = 0;
    while lines.len() < records.len()
        && let Some(window) = windows.next()?
    {
        let found = window.records(csv);
        let end = before + found.len() as u64;
        while let Some(record) = records.get(lines.len()).filter(|record| **record <= end) {
            let index = usize::try_from(record - before - 1).unwrap_or_default();
            lines.push(found.get(index).map_or(*record, |record| record.line));
        }
        before = end;
    }
    // Should the two counts differ, DuckDB's number is the best there is.
    lines.extend_from_slice(&records[lines.len()..]);
    Ok(lines)
}

/// What is needed to read a piece of a file as the whole was read.
pub(crate) struct Examination {
    pub(crate) source: FileSource,
    pub(crate) projection: Vec<usize>,
    /// For the pieces.
    pub(crate) directory: PathBuf,
}

/// What became of reading a piece.
enum Outcome {
    Fine,
    Rejected(Vec<RejectedRow>),
    Failed,
}

impl Examination {
    /// Fails if the first piece of a file alone has too many malformed rows.
    pub(crate) fn check_head(
        &self,
        connection: &Connection,
        file: &FileIdentity,
        max_rejected: u64,
    ) -> Result<(), ReadError> {
        let Some(mut pieces) = self.pieces(file)? else {
            return Ok(());
        };
        let window = pieces
            .windows
            .next()
            .map_err(|error| file.read_error(error))?;
        let Some(window) = window else {
            return Ok(());
        };
        if let Outcome::Rejected(rows) =
            self.read(connection, &pieces.header, &window.bytes, &pieces.columns)?
        {
            check_count(&pieces.place(&window, rows, file), max_rejected)?;
        }
        Ok(())
    }

    /// Finds the first malformed row of a file, and how many there are in its piece.
    pub(crate) fn first_malformed(
        &self,
        connection: &Connection,
        file: &FileIdentity,
    ) -> Result<Option<(RejectedRow, u64)>, ReadError> {
        let Some(mut pieces) = self.pieces(file)? else {
            return Ok(None);
        };
        while let Some(window) = pieces
            .windows
            .next()
            .map_err(|error| file.read_error(error))?
        {
            match self.read(connection, &pieces.header, &window.bytes, &pieces.columns)? {
                Outcome::Fine => {}
                Outcome::Rejected(rows) => {
                    let count = rows.len() as u64;
                    let mut rows = pieces.place(&window, rows, file).into_iter();
                    return Ok(rows.next().map(|row| (row, count)));
                }
                Outcome::Failed => {
                    let row = self.search(connection, &pieces, &window, file)?;
                    return Ok(row.map(|row| (row, 1)));
                }
            }
        }
        Ok(None)
    }

    fn pieces(&self, file: &FileIdentity) -> Result<Option<Pieces>, ReadError> {
        let Some(delimiter) = self.source.format.delimiter() else {
            return Ok(None);
        };
        let columns = csv::columns_in_file(file, &self.source, delimiter)?;
        let records = Records::Csv(delimiter);
        let mut windows = Windows::new(file.open()?, records);
        let header = windows.header().map_err(|error| file.read_error(error))?;
        Ok(Some(Pieces {
            header: header.map_or_else(Vec::new, |header| header.bytes),
            windows,
            records,
            columns,
        }))
    }

    /// Finds the record at which reading fails altogether.
    fn search(
        &self,
        connection: &Connection,
        pieces: &Pieces,
        window: &Window,
        file: &FileIdentity,
    ) -> Result<Option<RejectedRow>, ReadError> {
        let records = window.records(pieces.records);
        let fails = |end: usize| -> Result<bool, ReadError> {
            let outcome = self.read(
                connection,
                &pieces.header,
                &window.bytes[..end],
                &pieces.columns,
            )?;
            Ok(matches!(outcome, Outcome::Failed))
        };
        if fails(0)? {
            return Ok(None);
        }
        let (mut good, mut bad) = (0, records.len());
        while bad - good > 1 {
            let middle = usize::midpoint(good, bad);
            if fails(records[middle - 1].range.end)? {
                bad = middle;
            } else {
                good = middle;
            }
        }
        let record = records[bad - 1].clone();
        let bytes = &window.bytes[record.range];
        Ok(Some(RejectedRow {
            path: file.path.clone(),
            line: record.line,
            column: None,
            reason: "it is not valid CSV, for its line end perhaps".to_owned(),
            raw: csv_record::raw(bytes),
        }))
    }

    /// Reads a piece, from a temporary file.
    fn read(
        &self,
        connection: &Connection,
        header: &[u8],
        rows: &[u8],
        columns: &[Field],
    ) -> Result<Outcome, ReadError> {
        let SourceFormat::Csv { null_value, .. } = &self.source.format else {
            return Ok(Outcome::Fine);
        };
        let piece = self
            .write(header, rows)
            .map_err(|source| ReadError::Unreadable {
                path: self.directory.to_string_lossy().into_owned(),
                source,
            })?;
        let paths = [piece.path().to_string_lossy().into_owned()];
        let rejects = Rejects::new(connection);
        let dialect = Dialect {
            delimiter: self.source.format.delimiter().unwrap_or(b','),
            null_value: null_value.clone(),
        };
        let relation = csv::read_csv(&paths, columns, &dialect, false, false, Some(&rejects));
        // Counting a column makes DuckDB read it.
        let mut query = "SELECT count(*)".to_owned();
        for index in &self.projection {
            write!(
                query,
                ", count({})",
                sql::name(self.source.columns[*index].name())
            )
            .expect("a string can be written to");
        }
        write!(query, " FROM {relation}").expect("a string can be written to");
        if connection.execute_batch(&query).is_err() {
            return Ok(Outcome::Failed);
        }
        let collect = || -> Result<Vec<RejectedRow>, DatabaseError> {
            let rows = rejects.rows(connection)?;
            rejects.drop_tables(connection)?;
            Ok(rows)
        };
        let rows = collect().map_err(ReadError::Database)?;
        Ok(if rows.is_empty() {
            Outcome::Fine
        } else {
            Outcome::Rejected(rows)
        })
    }

    fn write(&self, header: &[u8], rows: &[u8]) -> io::Result<NamedTempFile> {
        fs_err::create_dir_all(&self.directory)?;
        let mut piece = tempfile::Builder::new()
            .prefix("piece-")
            .tempfile_in(&self.directory)?;
        piece.write_all(header)?;
        piece.write_all(rows)?;
        piece.flush()?;
        Ok(piece)
    }
}

/// A file in pieces, each to be read behind the header.
struct Pieces {
    header: Vec<u8>,
    windows: Windows<Box<dyn io::Read>>,
    records: Records,
    columns: Vec<Field>,
}

impl Pieces {
    /// Gives rows of a piece their places in the file.
    fn place(
        &self,
        window: &Window,
        rows: Vec<RejectedRow>,
        file: &FileIdentity,
    ) -> Vec<RejectedRow> {
        let records = window.records(self.records);
        let place = |line: u64| -> Option<Record> {
            // The header is the first record.
            let index = usize::try_from(line.checked_sub(2)?).ok()?;
            records.get(index).cloned()
        };
        rows.into_iter()
            .map(|row| {
                let record = place(row.line);
                RejectedRow {
                    path: file.path.clone(),
                    line: record.as_ref().map_or(row.line, |record| record.line),
                    raw: record.map_or(row.raw, |record| {
                        csv_record::raw(&window.bytes[record.range])
                    }),
                    ..row
                }
            })
            .collect()
    }
}
