//! How many rows there are in files, roughly and at once.

use crate::{
    csv_record::{count_lines, read_full},
    error::ReadError,
    files::FileIdentity,
    parquet,
    source::{FileSource, SourceFormat},
    warehouse::Warehouse,
};

/// How much of a file is looked at.
const HEAD: usize = 1 << 16;

/// How much text is taken to shrink by compression.
const COMPRESSION: u64 = 5;

impl Warehouse {
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
