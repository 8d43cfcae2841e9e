//! Rows of another DuckDB file.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use arrow_schema::{Field, Schema, SchemaRef};

use crate::{
    c_interface::{Connection, Instance},
    error::{DatabaseError, ReadError},
    held::{self, Holder, Reservation},
    parquet,
    schema_difference::SchemaDifference,
    source, sql,
    stream::{RowStream, Statement},
    types::{sql_type, unsupported},
    warehouse::Warehouse,
};

/// What is read of another DuckDB file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachedTable {
    /// A table or view of its schema `main`.
    Table(String),

    /// A query, in which unqualified names are those of that file.
    Query(String),
}

/// The columns of a table or query of another DuckDB file.
#[derive(Debug, Clone, Copy)]
pub struct AttachedColumns<'a> {
    /// The declared ones. All must be there.
    pub declared: &'a [Field],

    /// Those to read, as indices into the declared ones.
    pub projection: &'a [usize],

    /// Whether a table may have more than declared; a query always may. They are not read.
    pub ignore_extra: bool,
}

/// Which rows are new, by a column that only grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The column, one of those declared.
    pub column: String,

    /// Only rows with a greater value, as [`Warehouse::newest_watermark`] gave it; none: all rows.
    pub after: Option<String>,

    /// Only rows with no greater value, so that what is recorded is what was read.
    pub up_to: Option<String>,
}

/// What there is in a watermark column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestWatermark {
    /// The greatest value beyond the one that was asked for, as text; none if nothing is beyond.
    pub value: Option<String>,

    /// How many rows have none, and so are never new.
    pub nulls: u64,
}

/// The foreign files of an instance. DuckDB attaches a file once only.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    by_path: Mutex<HashMap<PathBuf, Weak<Attachment>>>,
}

/// A foreign file, attached as long as somebody reads it.
#[derive(Debug)]
pub(crate) struct Attachment {
    name: String,
    instance: Arc<Instance>,
    _reservation: Reservation,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let detach = || -> Result<(), DatabaseError> {
            let connection = self.instance.connect()?;
            let statement = format!("DETACH DATABASE IF EXISTS {}", sql::name(&self.name));
            Ok(connection.execute_batch(&statement)?)
        };
        // If it stays, it stays attached for reading until the warehouse is closed.
        let _detached = detach();
    }
}

impl Attachments {
    fn attach(&self, instance: &Arc<Instance>, path: &Path) -> Result<Arc<Attachment>, ReadError> {
        let shown = path.to_string_lossy().into_owned();
        let canonical = fs_err::canonicalize(path).map_err(|_| ReadError::Vanished {
            path: shown.clone(),
        })?;
        let held = |holder: Holder| ReadError::Held {
            path: shown.clone(),
            pid: holder.pid,
            program: holder.program,
        };
        let mut by_path = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attachment) = by_path.get(&canonical).and_then(Weak::upgrade) {
            return Ok(attachment);
        }
        let Some(reservation) = Reservation::take(&canonical, false) else {
            return Err(held(Holder::this_process()));
        };
        // What cannot be read is left to DuckDB to complain about.
        if reservation.is_first() && held::is_database(&canonical).is_ok_and(|ours| !ours) {
            return Err(ReadError::NotADatabase {
                path: shown.clone(),
            });
        }
        let name = format!("wigeon_source_{}", instance.next_id());
        let attach = || -> Result<(), DatabaseError> {
            let connection = instance.connect()?;
            Ok(connection.execute_batch(&format!(
                "ATTACH {} AS {} (TYPE duckdb, READ_ONLY)",
                sql::text(&canonical.to_string_lossy()),
                sql::name(&name)
            ))?)
        };
        match attach() {
            Ok(()) => {
                let attachment = Arc::new(Attachment {
                    name,
                    instance: Arc::clone(instance),
                    _reservation: reservation,
                });
                by_path.insert(canonical, Arc::downgrade(&attachment));
                Ok(attachment)
            }
            Err(error) => {
                let holder = if reservation.is_first() {
                    Holder::find(&canonical, false)
                } else {
                    None
                };
                Err(holder.map_or(ReadError::Database(error), held))
            }
        }
    }
}

impl Warehouse {
    /// Reads columns of a table or query of another DuckDB file, in no particular order.
    ///
    /// The file is open for reading while the stream lives: nobody can write to it.
    /// Columns are taken by name and may be of a narrower type than declared.
    ///
    /// # Errors
    ///
    /// - [`ReadError::Vanished`], [`ReadError::NotADatabase`] about the file.
    /// - [`ReadError::Held`] if somebody has it open for writing.
    /// - [`ReadError::NoTable`] if there is no such table or view.
    /// - [`ReadError::Query`] if DuckDB refuses the query.
    /// - [`ReadError::Columns`], [`ReadError::Type`] if the columns are not as declared.
    /// - [`ReadError::UnsupportedType`] if a declared type cannot be read.
    /// - [`ReadError::Database`] for anything else.
    pub fn read_attached(
        &self,
        path: &Path,
        rows: &AttachedTable,
        columns: AttachedColumns<'_>,
        watermark: Option<&Watermark>,
    ) -> Result<RowStream, ReadError> {
        if let Some(field) = unsupported(columns.declared) {
            return Err(ReadError::UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().clone(),
            });
        }
        let (attachment, connection, relation) = self.attach_foreign(path, rows)?;
        let found = columns_of(&connection, &relation, path, rows)?;
        let ignore_extra = columns.ignore_extra || matches!(rows, AttachedTable::Query(_));
        parquet::check_columns(&shown(path, rows), &found, columns.declared, ignore_extra)?;
        let fields: Vec<Field> = columns
            .projection
            .iter()
            .map(|index| columns.declared[*index].clone())
            .collect();
        let mut filters = Vec::new();
        if let Some(watermark) = watermark {
            let column = sql::name(&watermark.column);
            let data_type = found
                .column_with_name(&watermark.column)
                .and_then(|(_, field)| sql_type(field.data_type()))
                .unwrap_or_else(|| "VARCHAR".to_owned());
            let bound = |operator: &str, value: &str| {
                format!(
                    "{column} {operator} CAST({} AS {data_type})",
                    sql::text(value)
                )
            };
            filters.extend(watermark.after.as_deref().map(|value| bound(">", value)));
            filters.extend(watermark.up_to.as_deref().map(|value| bound("<=", value)));
        }
        let mut statement = source::select(&fields, &[relation]);
        if !filters.is_empty() {
            statement = format!("{statement} WHERE {}", filters.join(" AND "));
        }
        let statement = Statement::new(statement)
            .with_schema(Arc::new(Schema::new(fields)))
            .with_guard(attachment);
        RowStream::start(connection, statement)
    }

    /// Looks at a column that only grows: its greatest value beyond `after`, and its nulls.
    ///
    /// # Errors
    ///
    /// As [`Warehouse::read_attached`], without the types.
    pub fn newest_watermark(
        &self,
        path: &Path,
        rows: &AttachedTable,
        column: &str,
        after: Option<&str>,
    ) -> Result<NewestWatermark, ReadError> {
        let (attachment, connection, relation) = self.attach_foreign(path, rows)?;
        let found = columns_of(&connection, &relation, path, rows)?;
        let Some((_, field)) = found.column_with_name(column) else {
            return Err(ReadError::Columns {
                path: shown(path, rows),
                missing: vec![column.to_owned()],
                extra: Vec::new(),
                difference: SchemaDifference::default(),
            });
        };
        let name = sql::name(column);
        let data_type = sql_type(field.data_type()).unwrap_or_else(|| "VARCHAR".to_owned());
        // Compared as what it is: "10" comes after "9".
        let beyond = after.map_or_else(String::new, |after| {
            format!(
                "FILTER (WHERE {name} > CAST({} AS {data_type}))",
                sql::text(after)
            )
        });
        let query = format!(
            "SELECT (max({name}) {beyond})::VARCHAR, count(*) FILTER (WHERE {name} IS NULL) FROM {relation}"
        );
        let newest = connection
            .query_row(&query, [], |row| {
                Ok(NewestWatermark {
                    value: row.get(0)?,
                    nulls: row.get(1)?,
                })
            })
            .map_err(|error| ReadError::Database(error.into()))?;
        drop(connection);
        drop(attachment);
        Ok(newest)
    }

    /// Attaches another file, and returns a connection whose default catalog it is, with the name of
    /// the table, or the query in parentheses.
    pub(crate) fn attach_foreign(
        &self,
        path: &Path,
        rows: &AttachedTable,
    ) -> Result<(Arc<Attachment>, Connection, String), ReadError> {
        let attachment = self.attachments().attach(self.instance(), path)?;
        let connection = self.connect_to_read()?;
        let catalog = sql::name(&attachment.name);
        connection
            .execute_batch(&format!("USE {catalog}"))
            .map_err(|error| ReadError::Database(error.into()))?;
        let relation = match rows {
            AttachedTable::Table(table) => {
                let known = tables(&connection, &attachment.name).map_err(ReadError::Database)?;
                // As DuckDB finds them: whatever their case.
                if !known.iter().any(|known| known.eq_ignore_ascii_case(table)) {
                    return Err(ReadError::NoTable {
                        path: path.to_string_lossy().into_owned(),
                        table: table.clone(),
                        known,
                    });
                }
                format!("{catalog}.main.{}", sql::name(table))
            }
            AttachedTable::Query(query) => {
                // The line feed ends a comment at the end of the query.
                format!("({}\n)", query.trim_end().trim_end_matches(';'))
            }
        };
        Ok((attachment, connection, relation))
    }
}

/// Returns what messages call a table of another file.
fn shown(path: &Path, rows: &AttachedTable) -> String {
    match rows {
        AttachedTable::Table(table) => format!("{}: {table}", path.display()),
        AttachedTable::Query(_) => path.display().to_string(),
    }
}

/// Returns the schema of a table or query of another file.
fn columns_of(
    connection: &Connection,
    relation: &str,
    path: &Path,
    rows: &AttachedTable,
) -> Result<SchemaRef, ReadError> {
    parquet::schema_of(connection, relation).map_err(|source| match rows {
        AttachedTable::Table(_) => ReadError::Database(source),
        AttachedTable::Query(_) => ReadError::Query {
            path: path.to_string_lossy().into_owned(),
            source,
        },
    })
}

/// Returns the tables and views in the schema `main` of a catalog, sorted.
pub(crate) fn tables(connection: &Connection, catalog: &str) -> Result<Vec<String>, DatabaseError> {
    let mut statement = connection.prepare(&format!(
        "SELECT table_name FROM information_schema.tables \
         WHERE table_catalog = {} AND table_schema = 'main' ORDER BY table_name",
        sql::text(catalog)
    ))?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}
