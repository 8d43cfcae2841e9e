//! Where in its files a key is null or occurs twice.
//!
//! A plugin or a law notices that a key is bad, but not where it came from. These look
//! it up in the files, for the error message, after the failure.

use std::io;

use arrow_schema::Field;

use crate::{
    c_interface::Connection,
    csv::{self, Dialect},
    csv_record::{Records, Windows},
    error::{DatabaseError, ReadError},
    files::FileIdentity,
    json_lines, parquet,
    source::{FileSource, SourceFormat},
    sql,
    warehouse::Warehouse,
};

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlace {
    /// The file, as in [`FileIdentity::path`].
    pub path: String,

    /// The row, counted from 1 and without the header.
    pub row: u64,

    /// The line, counted from 1 and with the header, for text files.
    pub line: Option<u64>,
}

/// A key that occurs more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// Its values as text, separated by a comma and a space.
    pub key: String,

    /// The first two places.
    pub places: Vec<RowPlace>,
}

impl Warehouse {
    /// Finds the first row of which a key column is null.
    ///
    /// `key` gives the key columns as indices into the declared ones. Files of CSV must be
    /// readable without rejected rows; lines of JSON that cannot be read are left out.
    ///
    /// # Errors
    ///
    /// As [`Warehouse::read_files`].
    pub fn find_null_key(
        &self,
        source: &FileSource,
        files: &[FileIdentity],
        key: &[usize],
    ) -> Result<Option<RowPlace>, ReadError> {
        source.check()?;
        let connection = self.connect_to_read()?;
        let nulls: Vec<_> = key
            .iter()
            .map(|index| format!("{} IS NULL", sql::name(source.columns[*index].name())))
            .collect();
        for file in files {
            let query = format!(
                "SELECT min(wigeon_row) FROM ({}) WHERE {}",
                numbered(&connection, source, file, key)?,
                nulls.join(" OR ")
            );
            let row: Option<u64> = connection
                .query_row(&query, [], |row| row.get(0))
                .map_err(|error| ReadError::Database(error.into()))?;
            if let Some(row) = row {
                return place(source, file, row).map(Some);
            }
        }
        Ok(None)
    }

    /// Finds the key whose second occurrence comes first, over all files in their order.
    ///
    /// `key` gives the key columns as indices into the declared ones; keys with a null
    /// are left out. Files of CSV must be readable without rejected rows; lines of JSON that
    /// cannot be read are left out.
    ///
    /// # Errors
    ///
    /// As [`Warehouse::read_files`].
    pub fn find_duplicate_key(
        &self,
        source: &FileSource,
        files: &[FileIdentity],
        key: &[usize],
    ) -> Result<Option<DuplicateKey>, ReadError> {
        source.check()?;
        let fields: Vec<Field> = key
            .iter()
            .map(|index| source.columns[*index].clone())
            .collect();
        let names = sql::columns("r", &fields);
        let present: Vec<_> = fields
            .iter()
            .map(|field| format!("{} IS NOT NULL", sql::name(field.name())))
            .collect();
        let connection = self.connect_to_read()?;
        let mut selects = Vec::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            selects.push(format!(
                "SELECT *, {index}::BIGINT AS wigeon_file FROM ({}) WHERE {}",
                numbered(&connection, source, file, key)?,
                present.join(" AND ")
            ));
        }
        if selects.is_empty() {
            return Ok(None);
        }
        let query = format!(
            "SELECT any_value({}), wigeon_places[1].f, wigeon_places[1].r, \
                 wigeon_places[2].f, wigeon_places[2].r FROM ( \
                 SELECT {names}, min({{'f': wigeon_file, 'r': wigeon_row}}, 2) AS wigeon_places \
                 FROM ({}) AS r GROUP BY {names} HAVING count(*) > 1) AS r \
             GROUP BY ALL ORDER BY wigeon_places[2].f, wigeon_places[2].r LIMIT 1",
            sql::key_text("r", &fields),
            selects.join(" UNION ALL "),
        );
        let Some((key, found)) =
            first_duplicate(&connection, &query).map_err(ReadError::Database)?
        else {
            return Ok(None);
        };
        let places = found.into_iter().filter_map(|(file, row)| {
            let file = files.get(usize::try_from(file).ok()?)?;
            Some(place(source, file, row))
        });
        Ok(Some(DuplicateKey {
            key,
            places: places.collect::<Result<_, _>>()?,
        }))
    }
}

type Duplicate = (String, [(u64, u64); 2]);

fn first_duplicate(
    connection: &Connection,
    query: &str,
) -> Result<Option<Duplicate>, DatabaseError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    Ok(match rows.next()? {
        Some(row) => Some((
            row.get(0)?,
            [(row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?)],
        )),
        None => None,
    })
}

/// Returns a query of a file's key columns and the number of the row, or for JSON of the line.
///
/// A window without an order makes DuckDB read a file on one thread, from its start.
fn numbered(
    connection: &Connection,
    source: &FileSource,
    file: &FileIdentity,
    key: &[usize],
) -> Result<String, ReadError> {
    let paths = [file.duckdb_path()];
    let names = sql::names(
        key.iter()
            .map(|index| source.columns[*index].name().as_str()),
    );
    Ok(match &source.format {
        SourceFormat::Csv { null_value, .. } => {
            let delimiter = source.format.delimiter().unwrap_or(b',');
            let columns = csv::columns_in_file(file, source, delimiter)?;
            let dialect = Dialect {
                delimiter,
                null_value: null_value.clone(),
            };
            let relation = csv::read_csv(&paths, &columns, &dialect, false, file.is_gzip(), None);
            format!("SELECT {names}, row_number() OVER () AS wigeon_row FROM {relation}")
        }
        SourceFormat::Ndjson => {
            let columns: Vec<Field> = key
                .iter()
                .map(|index| source.columns[*index].clone())
                .collect();
            let table = json_lines::numbered(connection, file, &columns)?;
            format!("SELECT {names}, wigeon_row FROM {table}")
        }
        SourceFormat::Parquet => {
            let relation = parquet::read_parquet(&paths, true);
            format!("SELECT {names}, file_row_number + 1 AS wigeon_row FROM {relation}")
        }
    })
}

/// Returns the place of a row that [`numbered`] has numbered.
fn place(source: &FileSource, file: &FileIdentity, number: u64) -> Result<RowPlace, ReadError> {
    let (row, line) = match &source.format {
        SourceFormat::Parquet => (number, None),
        // An empty line of a file of one column is a row with a null.
        SourceFormat::Csv { .. } => {
            let delimiter = source.format.delimiter().unwrap_or(b',');
            let skip_empty = source.columns.len() > 1;
            let found = find(file, Records::Csv(delimiter), skip_empty, |row, _| {
                row == number
            })?;
            (number, found.map(|(_, line)| line))
        }
        SourceFormat::Ndjson => {
            let found = find(file, Records::Lines, true, |_, line| line == number)?;
            (found.map_or(number, |(row, _)| row), Some(number))
        }
    };
    Ok(RowPlace {
        path: file.path.clone(),
        row,
        line,
    })
}

/// Returns the first row that is wanted, and the line at which it begins.
fn find(
    file: &FileIdentity,
    records: Records,
    skip_empty: bool,
    is_wanted: impl Fn(u64, u64) -> bool,
) -> Result<Option<(u64, u64)>, ReadError> {
    let find = |reader: Box<dyn io::Read>| -> io::Result<Option<(u64, u64)>> {
        let mut windows = Windows::new(reader, records);
        if records != Records::Lines {
            windows.header()?;
        }
        let mut row = 0;
        while let Some(window) = windows.next()? {
            for record in window.records(records) {
                let empty = window.bytes[record.range]
                    .iter()
                    .all(u8::is_ascii_whitespace);
                if empty && skip_empty {
                    continue;
                }
                row += 1;
                if is_wanted(row, record.line) {
                    return Ok(Some((row, record.line)));
                }
            }
        }
        Ok(None)
    };
    find(file.open()?).map_err(|error| file.read_error(error))
}
