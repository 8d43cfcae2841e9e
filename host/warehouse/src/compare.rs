//! Compares a table with what it should be, row by row.
//!
//! Rows have no order and may occur several times, so each row is counted: how many times more it
//! is on one side than on the other. One pass of a hash aggregate finds what a difference in both
//! directions (`EXCEPT ALL`) would, and spills where that would sort. What is left is paired by the
//! columns that identify a row, to tell a changed value from a row too many and a row too few.

use std::{fmt::Write as _, path::Path, sync::Arc};

use serde::Serialize;

use crate::{
    attached::{AttachedTable, Attachment},
    c_interface::Connection,
    catalog,
    error::{DatabaseError, ReadError},
    sql,
    stage::Stage,
    warehouse::Warehouse,
};

/// The rows that a table of a warehouse is compared with.
#[derive(Debug, Clone, Copy)]
pub enum StoredRows<'a> {
    /// The table of the same name in another file, which is opened for reading.
    File(&'a Path),
    /// Rows that were kept beside the warehouse.
    Stage(&'a Stage),
    /// None: there is no such table.
    Nothing,
}

/// What a comparison has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many rows are stored.
    pub stored_rows: u64,
    /// How many rows there should be.
    pub recomputed_rows: u64,
    /// Rows that are on both sides, with other values.
    pub differing_rows: u64,
    /// Rows that should be stored and are not.
    pub missing_rows: u64,
    /// Rows that are stored and should not be.
    pub unexpected_rows: u64,
    /// The first of them, by their identity.
    pub first: Vec<RowDifference>,
}

/// A row that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// How it differs.
    pub kind: DifferenceKind,
    /// The columns that identify the row, with their values as text; none for null.
    pub row: Vec<(String, Option<String>)>,
    /// The values that differ, if the row is on both sides.
    pub columns: Vec<ColumnDifference>,
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// It is on both sides, with other values.
    Differs,
    /// It should be stored and is not.
    Missing,
    /// It is stored and should not be.
    Unexpected,
}

/// A value that differs, as text; none for null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnDifference {
    /// The column.
    pub column: String,
    /// The value that is stored.
    pub stored: Option<String>,
    /// The value that should be.
    pub recomputed: Option<String>,
}

impl Warehouse {
    /// Compares a table of this warehouse, which is right, with rows that are stored elsewhere.
    ///
    /// Both sides have the same columns, by name. `identity` names those that identify a row, and
    /// may be empty if only whole rows do. Nothing is written but temporary tables. At most `limit`
    /// rows are told. If this warehouse has no such table, no row should be stored.
    ///
    /// # Errors
    ///
    /// - [`ReadError::Held`], [`ReadError::NoTable`] and others about the other file.
    /// - [`ReadError::Interrupted`], [`ReadError::Database`].
    pub fn compare(
        &self,
        table: &str,
        stored: StoredRows<'_>,
        identity: &[String],
        limit: usize,
    ) -> Result<Comparison, ReadError> {
        let Stored {
            connection,
            relation: stored,
            ..
        } = &self.stored(table, stored)?;
        let compared = catalog::is_relation(connection, table).and_then(|is_here| {
            let recomputed = sql::table(table);
            let sides = match (stored.clone(), is_here) {
                (None, false) => return Ok(Comparison::default()),
                (None, true) => Sides {
                    stored: nothing_of(&recomputed),
                    recomputed,
                },
                (Some(stored), true) => Sides { stored, recomputed },
                (Some(stored), false) => Sides {
                    recomputed: nothing_of(&stored),
                    stored,
                },
            };
            sides.compare(connection, identity, limit)
        });
        compared.map_err(|error| {
            if connection.instance().interrupted() {
                ReadError::Interrupted
            } else {
                ReadError::Database(error)
            }
        })
    }

    fn stored(&self, table: &str, stored: StoredRows<'_>) -> Result<Stored, ReadError> {
        Ok(match stored {
            StoredRows::File(path) => {
                let rows = AttachedTable::Table(table.to_owned());
                let (attachment, connection, relation) = self.attach_foreign(path, &rows)?;
                Stored {
                    connection,
                    relation: Some(relation),
                    _attachment: Some(attachment),
                }
            }
            StoredRows::Stage(stage) => Stored {
                connection: self.connect_to_read()?,
                relation: Some(stage.table()),
                _attachment: None,
            },
            StoredRows::Nothing => Stored {
                connection: self.connect_to_read()?,
                relation: None,
                _attachment: None,
            },
        })
    }
}

/// The stored rows, and a connection that sees them.
struct Stored {
    // Before what it reads from.
    connection: Connection,
    /// As it stands behind `FROM`.
    relation: Option<String>,
    _attachment: Option<Arc<Attachment>>,
}

fn nothing_of(relation: &str) -> String {
    format!("(SELECT * FROM {relation} WHERE false)")
}

/// The two sides of a comparison, as they stand behind `FROM`.
struct Sides {
    stored: String,
    recomputed: String,
}

impl Sides {
    fn compare(
        &self,
        connection: &Connection,
        identity: &[String],
        limit: usize,
    ) -> Result<Comparison, DatabaseError> {
        let count = |relation: &str| -> Result<u64, DatabaseError> {
            let query = format!("SELECT count(*) FROM {relation}");
            Ok(connection.query_row(&query, [], |row| row.get(0))?)
        };
        let columns = Columns::new(self.columns(connection)?, identity);
        let mut found = Comparison {
            stored_rows: count(&self.stored)?,
            recomputed_rows: count(&self.recomputed)?,
            ..Comparison::default()
        };
        connection.execute_batch(&columns.difference(self))?;
        connection.execute_batch(&columns.pairs())?;
        (
            found.differing_rows,
            found.missing_rows,
            found.unexpected_rows,
        ) = connection.query_row(COUNTS, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut statement = connection.prepare(&columns.first(limit))?;
        let rows = statement.query_map([], |row| columns.row(row))?;
        found.first = rows.collect::<Result<_, _>>()?;
        connection.execute_batch(
            "DROP TABLE temp.main.wigeon_pairs; DROP TABLE temp.main.wigeon_differing",
        )?;
        Ok(found)
    }

    fn columns(&self, connection: &Connection) -> Result<Vec<String>, DatabaseError> {
        let describe = format!(
            "SELECT column_name FROM (DESCRIBE SELECT * FROM {})",
            self.recomputed
        );
        let mut statement = connection.prepare(&describe)?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}

/// How many rows differ, are missing, and are unexpected.
const COUNTS: &str = "SELECT count(*) FILTER (WHERE stored AND recomputed), \
                      count(*) FILTER (WHERE NOT stored), count(*) FILTER (WHERE NOT recomputed) \
                      FROM temp.main.wigeon_pairs";

/// The columns of a table. In statements they have numbers, so that no name of theirs can be one
/// of ours.
struct Columns {
    names: Vec<String>,
    /// Those that identify a row, by number.
    identity: Vec<usize>,
    /// The others.
    values: Vec<usize>,
}

impl Columns {
    fn new(names: Vec<String>, identity: &[String]) -> Self {
        let all = 0..names.len();
        let (identity, values) = if identity.is_empty() {
            (all.collect(), vec![])
        } else {
            all.partition(|&column| identity.contains(&names[column]))
        };
        Self {
            names,
            identity,
            values,
        }
    }

    /// Keeps each row that one side has more often, once, with how many times more the stored side
    /// has it.
    fn difference(&self, sides: &Sides) -> String {
        let all: Vec<usize> = (0..self.names.len()).collect();
        let columns: Vec<_> = self
            .names
            .iter()
            .zip(&all)
            .map(|(name, number)| format!("{} AS c{number}", sql::name(name)))
            .collect();
        let columns = columns.join(", ");
        let numbered = numbered(&all);
        let Sides { stored, recomputed } = sides;
        format!(
            "CREATE TEMP TABLE wigeon_differing AS SELECT {numbered}, sum(side)::BIGINT AS surplus \
             FROM (SELECT {columns}, 1 AS side FROM {stored} \
             UNION ALL SELECT {columns}, -1 AS side FROM {recomputed}) \
             GROUP BY {numbered} HAVING sum(side) <> 0"
        )
    }

    /// Brings rows of both sides together: those with the same identity, in the order of their
    /// values.
    fn pairs(&self) -> String {
        let identity = numbered(&self.identity);
        let order = if self.values.is_empty() {
            String::new()
        } else {
            format!("ORDER BY {}", numbered(&self.values))
        };
        let same: String = self
            .identity
            .iter()
            .fold(String::new(), |mut same, number| {
                write!(same, "s.c{number} IS NOT DISTINCT FROM r.c{number} AND ")
                    .expect("a string can be written to");
                same
            });
        let mut selected: Vec<_> = self
            .identity
            .iter()
            .map(|number| format!("coalesce(s.c{number}, r.c{number}) AS c{number}"))
            .collect();
        for number in &self.values {
            selected.push(format!(
                "s.c{number} AS s{number}, r.c{number} AS r{number}"
            ));
        }
        format!(
            "CREATE TEMP TABLE wigeon_pairs AS WITH each AS (\
             SELECT * EXCLUDE (copy), row_number() OVER (\
             PARTITION BY {identity}, surplus > 0 {order}) AS place \
             FROM (SELECT *, unnest(range(abs(surplus))) AS copy FROM temp.main.wigeon_differing)) \
             SELECT s.place IS NOT NULL AS stored, r.place IS NOT NULL AS recomputed, {} \
             FROM (SELECT * FROM each WHERE surplus > 0) AS s \
             FULL JOIN (SELECT * FROM each WHERE surplus < 0) AS r \
             ON {same}s.place = r.place",
            selected.join(", ")
        )
    }

    /// Asks for the first pairs, everything as text: which sides have the row, its identity, and
    /// of each other column whether it differs, and both values.
    fn first(&self, limit: usize) -> String {
        let mut selected = vec!["stored".to_owned(), "recomputed".to_owned()];
        for number in &self.identity {
            selected.push(format!("c{number}::VARCHAR"));
        }
        for number in &self.values {
            selected.push(format!(
                "s{number} IS DISTINCT FROM r{number}, s{number}::VARCHAR, r{number}::VARCHAR"
            ));
        }
        format!(
            "SELECT {} FROM temp.main.wigeon_pairs ORDER BY {}, stored, recomputed LIMIT {limit}",
            selected.join(", "),
            numbered(&self.identity)
        )
    }

    fn row(&self, row: &duckdb::Row<'_>) -> duckdb::Result<RowDifference> {
        let kind = match (row.get(0)?, row.get(1)?) {
            (true, true) => DifferenceKind::Differs,
            (false, _) => DifferenceKind::Missing,
            (true, false) => DifferenceKind::Unexpected,
        };
        let mut place = 2;
        let mut identity = vec![];
        for &number in &self.identity {
            identity.push((self.names[number].clone(), row.get(place)?));
            place += 1;
        }
        let mut columns = vec![];
        for &number in &self.values {
            if kind == DifferenceKind::Differs && row.get(place)? {
                columns.push(ColumnDifference {
                    column: self.names[number].clone(),
                    stored: row.get(place + 1)?,
                    recomputed: row.get(place + 2)?,
                });
            }
            place += 3;
        }
        Ok(RowDifference {
            kind,
            row: identity,
            columns,
        })
    }
}

fn numbered(columns: &[usize]) -> String {
    let numbered: Vec<_> = columns.iter().map(|number| format!("c{number}")).collect();
    numbered.join(", ")
}
