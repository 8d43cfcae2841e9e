//! Rows in files.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use crate::{
    c_interface::Connection,
    csv::{self, Dialect, Rejects},
    csv_canonical::{CanonicalCsv, CanonicalFile},
    error::ReadError,
    files::FileIdentity,
    json,
    json_lines::JsonLines,
    malformed::{self, Examination},
    parquet, sql,
    stream::{Emit, Explain, Finish, RowStream, Statement},
    types::{sql_type, unsupported},
    warehouse::Warehouse,
};

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFormat {
    /// RFC 4180 with a header line. Files whose name ends in `.gz` are decompressed.
    Csv {
        /// Between two fields. One ASCII character, no quote and no line end.
        delimiter: char,

        /// The unquoted field that means null. With the usual `""` an empty field is
        /// null and a quoted empty field is the empty string.
        null_value: String,
    },

    /// Parquet, columns taken by name.
    Parquet,

    /// One JSON object per line, a missing member being null, if another line has it. `.gz` as
    /// for CSV.
    Ndjson,
}

impl SourceFormat {
    /// Returns the delimiter of CSV, and a comma for one that [`FileSource::check`] refuses.
    pub(crate) fn delimiter(&self) -> Option<u8> {
        match self {
            Self::Csv { delimiter, .. } => {
                let ascii = delimiter.is_ascii().then_some(*delimiter);
                Some(ascii.and_then(|one| u8::try_from(one).ok()).unwrap_or(b','))
            }
            Self::Parquet | Self::Ndjson => None,
        }
    }
}

/// What is known of the files of a source before they are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    /// How the files are written.
    pub format: SourceFormat,

    /// The declared columns. A CSV or Parquet file must have exactly these, in any order, unless
    /// `ignore_extra_columns`; lines of JSON may have more.
    pub columns: Vec<Field>,

    /// Whether a CSV or Parquet file may have more columns than declared. They are not looked at.
    pub ignore_extra_columns: bool,

    /// Whether text is read whose last line does not end in a line feed, as if it had been
    /// cut off.
    pub accept_missing_line_end: bool,
}

impl FileSource {
    /// Checks what can be told without a file.
    pub(crate) fn check(&self) -> Result<(), ReadError> {
        if let SourceFormat::Csv { delimiter, .. } = self.format
            && (!delimiter.is_ascii() || matches!(delimiter, '"' | '\n' | '\r' | '\0'))
        {
            return Err(ReadError::Delimiter { delimiter });
        }
        match unsupported(&self.columns) {
            None => Ok(()),
            Some(field) => Err(ReadError::UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().clone(),
            }),
        }
    }
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The file, as in [`crate::FileIdentity::path`].
    pub path: String,

    /// The line, counted from 1 and with the header.
    pub line: u64,

    /// The column at fault, if it is one.
    pub column: Option<String>,

    /// What is wrong.
    pub reason: String,

    /// The line as it stands in the file, at most 10,000 bytes.
    pub raw: String,
}

impl Warehouse {
    /// Reads the rows of files, in no particular order.
    ///
    /// `projection` gives the columns of the result as indices into the declared ones;
    /// only these are read. The batches have the declared types. Before the first row
    /// the columns of every file are compared with the declared ones, and when all rows
    /// were read every file must still be the one that was listed.
    ///
    /// Malformed rows of text are left out and told by [`RowStream::rejected`] if there are
    /// no more than `max_rejected`, and are an error otherwise. A quoted field that the
    /// end of the file finds open is always an error.
    /// With `max_rejected` greater than zero a CSV file is read by one thread, and a file
    /// full of malformed rows takes memory beyond the limit (2 KB for each), unless
    /// there are too many already in its first 256 KiB. A file of CSV whose digest was taken, and
    /// in which nothing but usual forms of values was seen, is read by all threads in any case
    /// (`csv_canonical.rs`), after the others. Files of JSON are always read by one thread.
    ///
    /// What a text may look like is decided by DuckDB's casts: `1e3` and ` 1` are
    /// integers. A value that they would change is none that is read: `1.5` as an integer, a
    /// decimal with too many decimals, a `timestamp` with a time zone, a time finer than a
    /// microsecond, a date with a time. In CSV it is an error, whatever number of rows may be
    /// rejected; a line of JSON with one is malformed. In Parquet only nanoseconds can be lost,
    /// and are an error if they are not zero; DuckDB does not show those of `INT96` and of times
    /// that are adjusted to UTC.
    ///
    /// # Errors
    ///
    /// From here or, for all but the columns and types, from the stream:
    ///
    /// - [`ReadError::Vanished`], [`ReadError::Changed`], [`ReadError::Unreadable`] about a file.
    /// - [`ReadError::Empty`], [`ReadError::NotParquet`] if it is no file of the format.
    /// - [`ReadError::MissingLineEnd`] if the last line of text has no end and is not accepted.
    /// - [`ReadError::Columns`], [`ReadError::Type`] if a file is not as declared.
    /// - [`ReadError::Malformed`] if too many rows are malformed.
    /// - [`ReadError::Lossy`] if a value of CSV would be changed, or of JSON if no row may be
    ///   rejected; [`ReadError::LossyRow`] if one of Parquet would be.
    /// - [`ReadError::UnsupportedType`], [`ReadError::Delimiter`] if the source cannot be read at all.
    /// - [`ReadError::Database`] for anything else.
    pub fn read_files(
        &self,
        source: &FileSource,
        files: &[FileIdentity],
        projection: &[usize],
        max_rejected: u64,
    ) -> Result<RowStream, ReadError> {
        self.open_files(source, files, projection, max_rejected, false)
    }

    /// Reads files as [`Warehouse::read_files`] does, but all of them before it returns.
    ///
    /// DuckDB parses them on all its threads then, where a stream is filled by hardly more than
    /// one. The rows take its memory until they are fetched, or are spilled. Files that are not read
    /// by DuckDB are read as [`Warehouse::read_files`] reads them.
    ///
    /// # Errors
    ///
    /// As [`Warehouse::read_files`].
    pub fn read_files_at_once(
        &self,
        source: &FileSource,
        files: &[FileIdentity],
        projection: &[usize],
        max_rejected: u64,
    ) -> Result<RowStream, ReadError> {
        self.open_files(source, files, projection, max_rejected, true)
    }

    fn open_files(
        &self,
        source: &FileSource,
        files: &[FileIdentity],
        projection: &[usize],
        max_rejected: u64,
        at_once: bool,
    ) -> Result<RowStream, ReadError> {
        source.check()?;
        let is_text = source.format != SourceFormat::Parquet;
        for file in files {
            file.check_unchanged()?;
            if is_text && !source.accept_missing_line_end {
                file.check_last_line()?;
            }
        }
        let fields: Vec<Field> = projection
            .iter()
            .map(|index| source.columns[*index].clone())
            .collect();
        let schema = Arc::new(Schema::new(fields.clone()));
        let connection = self.connect_to_read()?;
        let mut rejects = None;
        let mut read_here = None;
        let mut others = files.to_vec();
        let relations = match &source.format {
            SourceFormat::Ndjson => {
                for file in files {
                    json::check_members(file, source)?;
                }
                let lines = JsonLines::new(others, Arc::clone(&schema), max_rejected);
                let read = move |connection: &Connection, emit: &mut Emit<'_>| {
                    lines.read(connection, emit)
                };
                return RowStream::produce(connection, schema, read);
            }
            SourceFormat::Csv { null_value, .. } => {
                let dialect = Dialect {
                    delimiter: source.format.delimiter().unwrap_or(b','),
                    null_value: null_value.clone(),
                };
                let (canonical, rest) = divided(source, files, projection)?;
                if rest.is_empty() {
                    return self.read_canonical(canonical, schema, dialect);
                }
                others = rest;
                if max_rejected > 0 {
                    rejects = Some((Rejects::new(&connection), dialect.delimiter));
                    let examination = self.examination(source, projection);
                    for file in &others {
                        examination.check_head(&connection, file, max_rejected)?;
                    }
                }
                let rejects = rejects.as_ref().map(|(rejects, _)| rejects);
                let relations = csv_relations(source, &others, projection, &dialect, rejects)?;
                read_here = Some((canonical, dialect)).filter(|(files, _)| !files.is_empty());
                relations
            }
            SourceFormat::Parquet => parquet_relations(&connection, source, files, projection)?,
        };
        let statement = Statement::new(select(&fields, &relations))
            .with_schema(Arc::clone(&schema))
            .with_finish(finish(others.clone(), rejects, max_rejected))
            .with_explain(explain(self.examination(source, projection), others));
        let statement = if at_once {
            statement.at_once()
        } else {
            statement
        };
        let stream = RowStream::start(connection, statement)?;
        // Only now: it takes threads and memory that the statement needs until it runs.
        Ok(match read_here {
            Some((files, dialect)) => {
                stream.followed_by(self.read_canonical(files, schema, dialect)?)
            }
            None => stream,
        })
    }

    /// Reads files without DuckDB.
    fn read_canonical(
        &self,
        files: Vec<CanonicalFile>,
        schema: SchemaRef,
        dialect: Dialect,
    ) -> Result<RowStream, ReadError> {
        let csv = CanonicalCsv::new(files, Arc::clone(&schema), dialect, self.threads());
        let read = move |connection: &Connection, emit: &mut Emit<'_>| {
            let interrupted = || connection.instance().interrupted();
            csv.read(&mut |batch| {
                if interrupted() {
                    return Err(ReadError::Interrupted);
                }
                emit(batch)
            })?;
            Ok(Vec::new())
        };
        RowStream::produce(self.connect_to_read()?, schema, read)
    }

    fn examination(&self, source: &FileSource, projection: &[usize]) -> Examination {
        Examination {
            source: source.clone(),
            projection: projection.to_vec(),
            directory: self.scratch().pieces().to_owned(),
        }
    }
}

/// Returns the files that [`CanonicalCsv`] can read, and the others.
fn divided(
    source: &FileSource,
    files: &[FileIdentity],
    projection: &[usize],
) -> Result<(Vec<CanonicalFile>, Vec<FileIdentity>), ReadError> {
    let delimiter = source.format.delimiter().unwrap_or(b',');
    let (mut canonical, mut others) = (vec![], vec![]);
    for file in files {
        let mut found = None;
        if CanonicalFile::may_be(file, projection) {
            let columns = csv::columns_in_file(file, source, delimiter)?;
            found = CanonicalFile::new(file, &columns, &source.columns, projection);
        }
        match found {
            Some(file) => canonical.push(file),
            None => others.push(file.clone()),
        }
    }
    Ok((canonical, others))
}

/// Returns calls of `read_csv` that together read the files.
fn csv_relations(
    source: &FileSource,
    files: &[FileIdentity],
    projection: &[usize],
    dialect: &Dialect,
    rejects: Option<&Rejects>,
) -> Result<Vec<String>, ReadError> {
    let delimiter = dialect.delimiter;
    // By their columns, whether they may be split, and whether they are compressed.
    let mut groups = Vec::new();
    for file in files {
        let columns = csv::columns_in_file(file, source, delimiter)?;
        let plain = csv::may_be_split(file, &columns, delimiter)?;
        file.check_values(source, projection)?;
        let parallel = plain && rejects.is_none();
        add(
            &mut groups,
            (columns, parallel, file.is_gzip()),
            file.duckdb_path(),
        );
    }
    Ok(groups
        .iter()
        .map(|((columns, parallel, gzip), paths)| {
            csv::read_csv(paths, columns, dialect, *parallel, *gzip, rejects)
        })
        .collect())
}

/// Returns calls of `read_parquet` that together read the files.
fn parquet_relations(
    connection: &Connection,
    source: &FileSource,
    files: &[FileIdentity],
    projection: &[usize],
) -> Result<Vec<String>, ReadError> {
    let mut groups: Vec<(SchemaRef, Vec<String>)> = Vec::new();
    for file in files {
        parquet::check_file(file)?;
        let path = file.duckdb_path();
        let relation = parquet::read_parquet(std::slice::from_ref(&path), false);
        let schema = parquet::schema_of(connection, &relation).map_err(ReadError::Database)?;
        parquet::check_columns(
            &file.path,
            &schema,
            &source.columns,
            source.ignore_extra_columns,
        )?;
        for index in projection {
            parquet::check_nanoseconds(connection, file, &schema, &source.columns[*index])?;
        }
        add(&mut groups, schema, path);
    }
    Ok(groups
        .iter()
        .map(|(_, paths)| parquet::read_parquet(paths, false))
        .collect())
}

fn add<K: PartialEq>(groups: &mut Vec<(K, Vec<String>)>, key: K, path: String) {
    match groups.iter_mut().find(|(known, _)| *known == key) {
        Some((_, paths)) => paths.push(path),
        None => groups.push((key, vec![path])),
    }
}

/// Selects columns of all relations, cast to the types of `fields`.
pub(crate) fn select(fields: &[Field], relations: &[String]) -> String {
    let cast = |field: &Field| {
        let data_type = sql_type(field.data_type()).unwrap_or_default();
        (sql::name(field.name()), data_type)
    };
    if relations.is_empty() {
        let nulls: Vec<_> = fields
            .iter()
            .map(cast)
            .map(|(name, data_type)| format!("CAST(NULL AS {data_type}) AS {name}"))
            .collect();
        return format!("SELECT {} WHERE false", nulls.join(", "));
    }
    let columns: Vec<_> = fields
        .iter()
        .map(cast)
        .map(|(name, data_type)| format!("CAST({name} AS {data_type}) AS {name}"))
        .collect();
    let columns = columns.join(", ");
    let selects: Vec<_> = relations
        .iter()
        .map(|relation| format!("SELECT {columns} FROM {relation}"))
        .collect();
    selects.join(" UNION ALL ")
}

fn finish(files: Vec<FileIdentity>, rejects: Option<(Rejects, u8)>, max_rejected: u64) -> Finish {
    Box::new(move |connection| {
        for file in &files {
            file.check_unchanged()?;
        }
        let Some((rejects, delimiter)) = rejects else {
            return Ok(Vec::new());
        };
        let rows = rejects.rows(connection).map_err(ReadError::Database)?;
        rejects
            .drop_tables(connection)
            .map_err(ReadError::Database)?;
        let rows = malformed::place(&rows, &files, delimiter)?;
        malformed::check_count(&rows, max_rejected)?;
        Ok(rows)
    })
}

fn explain(examination: Examination, files: Vec<FileIdentity>) -> Explain {
    Box::new(move |connection, error| {
        for file in &files {
            if let Err(error) = file.check_unchanged() {
                return error;
            }
            // Otherwise it is not this file, or there is no better error than the one at hand.
            if let Ok(Some((row, count))) = examination.first_malformed(connection, file) {
                return malformed::error(row, count);
            }
        }
        ReadError::Database(error)
    })
}
