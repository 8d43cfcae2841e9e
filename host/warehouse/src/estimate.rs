//! How many rows there are in files and tables, roughly and at once.

use crate::{
    catalog,
    csv_record::{count_lines, read_full},
    error::ReadError,
    files::FileIdentity,
    overlay, parquet,
    source::{FileSource, SourceFormat},
    warehouse::Warehouse,
};

/// How much of a file is looked at.
const HEAD: usize = 1 << 16;

/// How much text is taken to shrink by compression.
const COMPRESSION: u64 = 5;

impl Warehouse {
    /// Returns about how many rows a table has, or the table behind a view with an overlay; zero if
    /// there is none.
    ///
    /// Rows that were deleted count until DuckDB gives their place away. To leave them out, DuckDB
    /// would have to read the marks of all of them.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn estimate_table_rows(&self, table: &str) -> Result<u64, ReadError> {
        let connection = self.connect_to_read()?;
        let estimate = || {
            let table = overlay::base(&connection, table)?;
            catalog::estimated_rows(&connection, &table)
        };
        estimate().map_err(ReadError::Database)
    }

    /// Returns about how many rows files have: exactly for Parquet, otherwise by the length of the
    /// first lines of the first file.
    ///
    /// For deciding how to read them, not for counting: the files are not checked in any way.
    ///
    /// # Errors
    ///
    /// - [`ReadError::Vanished`], [`ReadError::Unreadable`] about a file.
    /// - [`ReadError::Database`] if DuckDB refuses.
    pub fn estimate_rows(
        &self,
        source: &FileSource,
        files: &[FileIdentity],
    ) -> Result<u64, ReadError> {
        let Some(first) = files.first() else {
            return Ok(0);
        };
        if source.format == SourceFormat::Parquet {
            let paths: Vec<_> = files.iter().map(FileIdentity::duckdb_path).collect();
            let rows = parquet::read_parquet(&paths, false);
            let connection = self.connect_to_read()?;
            // Answered from the ends of the files.
            let counted =
                connection.query_row(&format!("SELECT count(*) FROM {rows}"), [], |row| {
                    row.get(0)
                });
            return counted.map_err(|error| ReadError::Database(error.into()));
        }
        let mut head = vec![0; HEAD];
        let read = first.open().and_then(|mut file| {
            read_full(&mut file, &mut head).map_err(|error| first.read_error(error))
        })?;
        let lines = count_lines(&head[..read]);
        let text = |file: &FileIdentity| {
            let compression = if file.is_gzip() { COMPRESSION } else { 1 };
            file.size_bytes.saturating_mul(compression)
        };
        let bytes: u64 = files.iter().map(text).sum();
        Ok(bytes.saturating_mul(lines) / read.max(1) as u64)
    }
}
