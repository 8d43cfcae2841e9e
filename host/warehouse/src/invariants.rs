//! What must hold of a warehouse before a load is committed, and again when all was.
//!
//! The steps and the laws of the tables see to all of it. This is the second look, at what a load
//! itself has changed and at nothing else: it finds a fault of ours, or a file that something else
//! has written to, before the fault is in the warehouse and a later load builds on it.
//!
//! One comparison serves twice, of what was counted while it was written ([`Committed`]) with what
//! is there: within the transaction, and by [`Warehouse::read_back`] after the checkpoint.

mod progress;
pub(crate) mod versions;

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use crate::{
    c_interface::Connection,
    catalog,
    error::{DatabaseError, LoadError},
    inconsistency::{Inconsistency, ReadBackError},
    ledger::LoadWatermark,
    load::Load,
    overlay, sql,
    warehouse::Warehouse,
};

/// A table with more rows is not counted: with rows deleted in all of it, DuckDB reads the marks of
/// every row, which took 0.1 s for 50 million rows.
const COUNTED_ROWS: u64 = 10_000_000;

/// What one load, or all loads of a run, have committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// In the order of their numbers.
    loads: Vec<CommittedLoad>,
    /// How many rows the tables have into which rows were written; none if they are not counted.
    tables: BTreeMap<String, Option<u64>>,
}

/// What the ledger must say of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedLoad {
    pub(crate) load_id: i64,
    pub(crate) step: String,
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) rejected: u64,
    /// Rows in the table of quarantine.
    pub(crate) quarantined: u64,
    /// Rows in the table of files.
    pub(crate) inputs: u64,
}

/// What a load has written, as it counted it.
#[derive(Debug, Default)]
pub(crate) struct Written {
    loads: Vec<WrittenLoad>,
    tables: BTreeMap<String, WrittenRows>,
}

/// A row of the ledger that a load has written.
#[derive(Debug)]
pub(crate) struct WrittenLoad {
    pub(crate) load: CommittedLoad,
    pub(crate) effective_time: Option<NaiveDateTime>,
    pub(crate) watermark: Option<LoadWatermark>,
}

/// Rows that a load has written into a table.
#[derive(Debug, Clone, Copy)]
struct WrittenRows {
    added: u64,
    /// How many the table must have then; none if that does not follow from what was counted.
    all: Option<u64>,
}

impl Written {
    /// Notes a row of the ledger.
    pub(crate) fn load(&mut self, load: WrittenLoad) {
        self.loads.push(load);
    }

    /// Notes a table of exactly these rows, all of them written by this load.
    pub(crate) fn replaced(&mut self, table: &str, rows: u64) {
        let rows = WrittenRows {
            added: rows,
            all: Some(rows),
        };
        self.tables.insert(table.to_owned(), rows);
    }

    /// Notes a table that has other rows now.
    pub(crate) fn rewritten(&mut self, table: &str) {
        let rows = WrittenRows {
            added: 0,
            all: None,
        };
        self.tables.insert(table.to_owned(), rows);
    }

    /// Returns what must be found.
    fn expected(&self) -> Committed {
        let rows = |(table, rows): (&String, &WrittenRows)| (table.clone(), rows.all);
        Committed {
            loads: self.loads.iter().map(|load| load.load.clone()).collect(),
            tables: self.tables.iter().map(rows).collect(),
        }
    }

    /// Returns a load of a step whose table did not get as many rows as the load says.
    fn miscounted(&self) -> Option<Inconsistency> {
        self.loads.iter().find_map(|WrittenLoad { load, .. }| {
            let rows = self.tables.get(&load.step)?;
            (rows.added != load.rows_out).then(|| Inconsistency::Count {
                load_id: load.load_id,
                step: load.step.clone(),
                what: "rows added to the table",
                expected: load.rows_out,
                found: rows.added,
            })
        })
    }
}

impl Committed {
    /// Adds what a later load of the same run has committed.
    pub fn extend(&mut self, later: Self) {
        self.loads.extend(later.loads);
        self.tables.extend(later.tables);
    }

    /// Returns the numbers of the loads in the ledger, in order.
    pub fn load_ids(&self) -> impl Iterator<Item = i64> {
        self.loads.iter().map(|load| load.load_id)
    }

    /// Reads what there is: the ledger from the first of these loads on, and these tables.
    fn find(&self, connection: &Connection) -> Result<Self, DatabaseError> {
        let mut found = Self::default();
        if let Some(first) = self.loads.first() {
            found.loads = loads_from(connection, first.load_id)?;
        }
        for (table, expected) in &self.tables {
            let base = overlay::base(connection, table)?;
            if !catalog::is_table(connection, &base)? {
                continue;
            }
            let rows = match expected {
                None => None,
                Some(_) => Some(count_rows(connection, &base)?),
            };
            found.tables.insert(table.clone(), rows);
        }
        Ok(found)
    }

    /// Returns the first thing in which what was found differs.
    fn difference(&self, found: &Self) -> Option<Inconsistency> {
        let mut found_loads = found.loads.iter();
        for load in &self.loads {
            let difference = match found_loads.next() {
                Some(found) => load.difference(found),
                None => Some(load.missing()),
            };
            if difference.is_some() {
                return difference;
            }
        }
        if let Some(more) = found_loads.next() {
            return Some(more.unknown());
        }
        self.tables.iter().find_map(|(table, &expected)| {
            let table = table.clone();
            match found.tables.get(&table) {
                None => Some(Inconsistency::NoTable { table }),
                Some(&found) => {
                    let (expected, found) = expected.zip(found).filter(|(e, f)| e != f)?;
                    Some(Inconsistency::Rows {
                        table,
                        expected,
                        found,
                    })
                }
            }
        })
    }
}

fn count_rows(connection: &Connection, base: &str) -> Result<u64, DatabaseError> {
    let count = format!("SELECT count(*) FROM {}", sql::table(base));
    Ok(connection.query_row(&count, [], |row| row.get(0))?)
}

impl CommittedLoad {
    /// Compares with the row of the ledger that stands in the place of this one.
    fn difference(&self, found: &Self) -> Option<Inconsistency> {
        if found.load_id > self.load_id {
            return Some(self.missing());
        }
        if (found.load_id, &found.step) != (self.load_id, &self.step) {
            return Some(found.unknown());
        }
        let counts = [
            ("rows read", self.rows_in, found.rows_in),
            ("rows written", self.rows_out, found.rows_out),
            ("rejected rows", self.rejected, found.rejected),
            ("rows in quarantine", self.quarantined, found.quarantined),
            ("files", self.inputs, found.inputs),
        ];
        let differs = counts.into_iter().find(|(_, ours, theirs)| ours != theirs);
        differs.map(|(what, expected, found)| Inconsistency::Count {
            load_id: self.load_id,
            step: self.step.clone(),
            what,
            expected,
            found,
        })
    }

    fn missing(&self) -> Inconsistency {
        Inconsistency::NoLoad {
            load_id: self.load_id,
            step: self.step.clone(),
        }
    }

    fn unknown(&self) -> Inconsistency {
        Inconsistency::UnknownLoad {
            load_id: self.load_id,
            step: self.step.clone(),
        }
    }
}

/// Returns the loads in the ledger from a number on, with the rows that there are of each in the
/// tables of files and of quarantine.
fn loads_from(connection: &Connection, first: i64) -> Result<Vec<CommittedLoad>, DatabaseError> {
    let counted = |table| {
        format!(
            "(SELECT load_id, count(*) AS rows FROM {} WHERE load_id >= {first} GROUP BY load_id)",
            sql::internal(table)
        )
    };
    let mut statement = connection.prepare(&format!(
        "SELECT l.load_id, l.step, l.rows_in, l.rows_out, l.rows_rejected, coalesce(q.rows, 0), \
         coalesce(i.rows, 0) FROM {} AS l LEFT JOIN {} AS q ON q.load_id = l.load_id \
         LEFT JOIN {} AS i ON i.load_id = l.load_id WHERE l.load_id >= {first} ORDER BY l.load_id",
        sql::internal("ledger"),
        counted("quarantine"),
        counted("input"),
    ))?;
    let loads = statement.query_map([], |row| {
        Ok(CommittedLoad {
            load_id: row.get(0)?,
            step: row.get(1)?,
            rows_in: row.get(2)?,
            rows_out: row.get(3)?,
            rejected: row.get(4)?,
            quarantined: row.get(5)?,
            inputs: row.get(6)?,
        })
    })?;
    Ok(loads.collect::<Result<_, _>>()?)
}

impl Warehouse {
    /// Reads what a run has committed once more, through a connection of its own.
    ///
    /// A few statements: one for the ledger, and some for each table that rows were written into.
    /// None if nothing was committed.
    ///
    /// # Errors
    ///
    /// - [`ReadBackError::Differs`] if something else is there than was committed.
    /// - [`ReadBackError::Database`] if DuckDB cannot read it.
    pub fn read_back(&self, committed: &Committed) -> Result<(), ReadBackError> {
        if *committed == Committed::default() {
            return Ok(());
        }
        let found = self
            .connect()
            .and_then(|connection| committed.find(&connection));
        let found = found.map_err(ReadBackError::Database)?;
        match committed.difference(&found) {
            None => Ok(()),
            Some(difference) => Err(ReadBackError::Differs(difference)),
        }
    }
}

impl Load {
    /// Adds rows to a table, and notes how many it must have then.
    pub(crate) fn adding(
        &self,
        table: &str,
        add: impl FnOnce() -> Result<u64, LoadError>,
    ) -> Result<u64, LoadError> {
        let noted = self.written.borrow().tables.get(table).copied();
        let before = match noted {
            Some(rows) => rows,
            None => WrittenRows {
                added: 0,
                all: self.count_rows_of(table)?,
            },
        };
        let added = add()?;
        let rows = WrittenRows {
            added: before.added + added,
            all: before.all.map(|all| all + added),
        };
        let mut written = self.written.borrow_mut();
        written.tables.insert(table.to_owned(), rows);
        Ok(added)
    }

    /// Counts the rows of a table, unless there are very many.
    fn count_rows_of(&self, table: &str) -> Result<Option<u64>, LoadError> {
        let base = self.base(table)?;
        self.try_to(|connection| {
            if catalog::estimated_rows(connection, &base)? > COUNTED_ROWS {
                return Ok(None);
            }
            count_rows(connection, &base).map(Some)
        })
    }

    /// Checks, before the commit, that what this load has written is there, and that the ledger
    /// goes on from where it was.
    pub(crate) fn check(&self) -> Result<Committed, LoadError> {
        let written = self.written.borrow();
        let expected = written.expected();
        if expected == Committed::default() {
            return Ok(expected);
        }
        let found = self.try_to(|connection| expected.find(connection))?;
        let broken = expected.difference(&found).or_else(|| written.miscounted());
        if let Some(broken) = broken {
            return Err(LoadError::Inconsistent(broken));
        }
        for load in &written.loads {
            self.check_progress(load)?;
        }
        Ok(expected)
    }
}

#[cfg(test)]
mod tests;
