//! CSV files, read strictly by DuckDB, unless `csv_canonical.rs` can read them.
//!
//! DuckDB guesses nothing: the header is compared here, then columns are read by
//! position with their declared types. Three things were found by experiment:
//!
//! - A file is split among threads at places that DuckDB guesses, and only its strict
//!   mode checks the guess, by failing. A file with line feeds in quoted fields is
//!   therefore read by one thread.
//! - When one thread reads a file, or there are many files, and its last quote is not
//!   closed, DuckDB 1.5.6 leaves out everything behind that quote without a word. So
//!   every file is looked through for its quotes first.
//! - With `store_rejects` DuckDB keeps every malformed row in memory, up to 2 KB for
//!   each, and does not check the guess. It is used only if rejected rows are allowed, on
//!   one thread, and after a look at the head of each file.
//!
//! A value in a column that is not projected is not looked at, unless the number of
//! fields is wrong.

use std::fmt::Write;

use arrow_schema::{DataType, Field};

use crate::{
    c_interface::Connection,
    csv_record::{self, Records, Windows},
    error::{DatabaseError, ReadError},
    files::FileIdentity,
    schema_difference::SchemaDifference,
    source::{FileSource, RejectedRow},
    sql,
    types::sql_type,
};

/// What of [`crate::SourceFormat::Csv`] concerns the text.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) null_value: String,
}

/// The names of the temporary tables of one read.
#[derive(Debug, Clone)]
pub(crate) struct Rejects {
    errors: String,
    scans: String,
}

impl Rejects {
    /// Names tables that no other read uses: DuckDB shares state between equal names.
    pub(crate) fn new(connection: &Connection) -> Self {
        let id = connection.instance().next_id();
        Self {
            errors: format!("wigeon_reject_errors_{id}"),
            scans: format!("wigeon_reject_scans_{id}"),
        }
    }

    /// Returns the malformed rows by file and record, the first complaint of each.
    ///
    /// The line is DuckDB's: it counts records, empty ones too, and the header.
    pub(crate) fn rows(&self, connection: &Connection) -> Result<Vec<RejectedRow>, DatabaseError> {
        let query = format!(
            "SELECT s.file_path, e.line, e.column_name, e.error_type::VARCHAR, left(e.csv_line, 10000) \
             FROM temp.main.{} e JOIN temp.main.{} s USING (scan_id, file_id) \
             QUALIFY row_number() OVER (PARTITION BY s.file_path, e.line ORDER BY e.column_idx NULLS FIRST) = 1 \
             ORDER BY s.file_path, e.line",
            sql::name(&self.errors),
            sql::name(&self.scans)
        );
        let mut statement = connection.prepare(&query)?;
        let rows = statement.query_map([], |row| {
            let (kind, raw): (String, Option<String>) = (row.get(3)?, row.get(4)?);
            Ok(RejectedRow {
                path: row.get(0)?,
                line: row.get(1)?,
                column: row.get(2)?,
                reason: reason(&kind).to_owned(),
                raw: raw
                    .unwrap_or_default()
                    .trim_matches(['\r', '\n'])
                    .to_owned(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn drop_tables(&self, connection: &Connection) -> Result<(), DatabaseError> {
        Ok(connection.execute_batch(&format!(
            "DROP TABLE IF EXISTS temp.main.{}; DROP TABLE IF EXISTS temp.main.{}",
            sql::name(&self.errors),
            sql::name(&self.scans)
        ))?)
    }
}

/// Says in our words what DuckDB's kind of complaint means.
fn reason(kind: &str) -> &'static str {
    match kind {
        "CAST" => "the value does not have the declared type",
        "MISSING COLUMNS" => "it has too few fields",
        "TOO MANY COLUMNS" => "it has too many fields",
        "UNQUOTED VALUE" => "a quoted value is not closed properly",
        "LINE SIZE OVER MAXIMUM" => "it is longer than 2,000,000 bytes",
        "INVALID ENCODING" => "it is not UTF-8",
        _ => "it is not valid CSV",
    }
}

/// Returns the columns of a file in its order: those declared and, if they are to be ignored,
/// others as text.
pub(crate) fn columns_in_file(
    file: &FileIdentity,
    source: &FileSource,
    delimiter: u8,
) -> Result<Vec<Field>, ReadError> {
    let mut windows = Windows::new(file.open()?, Records::Csv(delimiter));
    let header = windows.header().map_err(|error| file.read_error(error))?;
    let Some(header) = header else {
        return Err(ReadError::Empty {
            path: file.path.clone(),
        });
    };
    let names = csv_record::fields(&header.bytes, delimiter);
    let declared = &source.columns;
    let position = |name: &String| declared.iter().position(|field| field.name() == name);
    let missing: Vec<_> = declared
        .iter()
        .filter(|field| !names.contains(field.name()))
        .map(|field| field.name().clone())
        .collect();
    let mut extra: Vec<_> = names
        .iter()
        .filter(|name| position(name).is_none() && !source.ignore_extra_columns)
        .cloned()
        .collect();
    for (index, name) in names.iter().enumerate() {
        // Which of two columns of a declared name is meant cannot be told.
        let is_of_interest = position(name).is_some() || !source.ignore_extra_columns;
        if is_of_interest && names[..index].contains(name) && !extra.contains(name) {
            extra.push(name.clone());
        }
    }
    if !missing.is_empty() || !extra.is_empty() {
        let found: Vec<_> = names.into_iter().map(|name| (name, None)).collect();
        return Err(ReadError::Columns {
            path: file.path.clone(),
            difference: SchemaDifference::new(declared, &found, |_, _| true),
            missing,
            extra,
        });
    }
    let column = |(index, name): (usize, &String)| match position(name) {
        Some(position) => declared[position].clone(),
        None => Field::new(extra_name(index, &names, declared), DataType::Utf8, true),
    };
    Ok(names.iter().enumerate().map(column).collect())
}

/// Returns how to call a column that is not declared: by its own name if that is like no other.
/// DuckDB does not tell names apart by case.
fn extra_name(index: usize, names: &[String], declared: &[Field]) -> String {
    let declared = declared.iter().map(Field::name);
    let others: Vec<_> = names
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index)
        .map(|(_, name)| name)
        .chain(declared)
        .map(|name| name.to_lowercase())
        .collect();
    let mut name = names[index].clone();
    if name.is_empty() {
        name = format!("column {}", index + 1);
    }
    while others.contains(&name.to_lowercase()) {
        name = format!("{name} (column {})", index + 1);
    }
    name
}

/// Checks that the last quote of a file is closed, and returns whether several threads
/// may read parts of it.
pub(crate) fn may_be_split(
    file: &FileIdentity,
    columns: &[Field],
    delimiter: u8,
) -> Result<bool, ReadError> {
    let quotes = file.quotes(delimiter)?;
    if !quotes.unclosed {
        return Ok(quotes.plain);
    }
    let records = Records::Csv(delimiter);
    let mut windows = Windows::new(file.open()?, records);
    let mut last = None;
    while let Some(window) = windows.next().map_err(|error| file.read_error(error))? {
        last = Some(window);
    }
    let last = last.and_then(|window| Some((window.records(records).pop()?, window)));
    let (line, bytes) = match &last {
        Some((record, window)) => (record.line, &window.bytes[record.range.clone()]),
        None => (1, [].as_slice()),
    };
    let field = csv_record::fields(bytes, delimiter).len().saturating_sub(1);
    Err(ReadError::Malformed {
        path: file.path.clone(),
        line,
        column: columns.get(field).map(|column| column.name().clone()),
        reason: reason("UNQUOTED VALUE").to_owned(),
        raw: csv_record::raw(bytes),
        count: 1,
    })
}

/// Returns a call of `read_csv` for files with these columns in this order.
pub(crate) fn read_csv(
    paths: &[String],
    columns: &[Field],
    dialect: &Dialect,
    parallel: bool,
    gzip: bool,
    rejects: Option<&Rejects>,
) -> String {
    let paths: Vec<_> = paths.iter().map(|path| sql::text(path)).collect();
    let columns: Vec<_> = columns
        .iter()
        .map(|field| {
            let data_type = sql_type(field.data_type()).unwrap_or_default();
            format!("{}: {}", sql::text(field.name()), sql::text(&data_type))
        })
        .collect();
    let mut call = format!(
        "read_csv([{}], columns = {{{}}}, auto_detect = false, header = true, delim = {}, \
         quote = '\"', escape = '\"', comment = '', nullstr = {}, allow_quoted_nulls = false, \
         strict_mode = true, null_padding = false, parallel = {parallel}, compression = '{}', \
         hive_partitioning = false, union_by_name = false, filename = false",
        paths.join(", "),
        columns.join(", "),
        sql::text(&char::from(dialect.delimiter).to_string()),
        sql::text(&dialect.null_value),
        if gzip { "gzip" } else { "none" },
    );
    if let Some(rejects) = rejects {
        write!(
            call,
            ", store_rejects = true, rejects_table = {}, rejects_scan = {}, rejects_limit = 0",
            sql::text(&rejects.errors),
            sql::text(&rejects.scans)
        )
        .expect("a string can be written to");
    }
    call.push(')');
    call
}
