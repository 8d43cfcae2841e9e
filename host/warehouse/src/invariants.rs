//! What must hold of a warehouse before a load is committed, and again when all was.
//!
//! The steps and the laws of the tables see to all of it. This is the second look, at what a load
//! itself has changed and at nothing else: it finds a fault of ours, or a file that something else
//! has written to, before the fault is in the warehouse and a later load builds on it.
//!
//! One comparison serves twice, of what was counted while it was written ([`Committed`]) with what
//! is there: within the transaction, and by [`Warehouse::read_back`] after the checkpoint.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use crate::{
    arrow_scan::Connection,
    catalog,
    error::{DatabaseError, LoadError},
    inconsistency::{Inconsistency, ReadBackError},
    ledger::LoadWatermark,
    load::Load,
    overlay,
    snapshot::{SnapshotTable, VALID_FROM, VALID_TO},
    sql,
    stage::Stage,
    types::sql_type,
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

/// The versions that must begin and end with an extract.
#[derive(Debug)]
pub(crate) struct DueVersions {
    /// How many begin.
    pub(crate) begun: u64,
    /// How many end.
    pub(crate) ended: u64,
    /// The [`hashes`] of those that end, from when they were open.
    pub(crate) ending: String,
}

/// Returns an expression that tells versions from others: the sum of the hashes of their keys, each
/// with the time from which the version is valid.
pub(crate) fn hashes(alias: &str, table: &SnapshotTable, from: &str, condition: &str) -> String {
    let key = sql::columns(alias, &table.key);
    format!("coalesce(sum(hash({key}, {from})) FILTER ({condition}), 0)")
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

    /// Checks that the step has taken in something new: no file and no time for the second time,
    /// and of a growing column no smaller values.
    fn check_progress(&self, written: &WrittenLoad) -> Result<(), LoadError> {
        let load = &written.load;
        let (ledger, input) = (sql::internal("ledger"), sql::internal("input"));
        let step = sql::text(&load.step);
        if load.inputs > 0 {
            let twice = self.first(&format!(
                "SELECT i.path, '' FROM {input} AS i \
                 SEMI JOIN (SELECT path FROM {input} WHERE load_id = {}) AS n ON n.path = i.path \
                 WHERE i.step = {step} GROUP BY i.path HAVING count(*) > 1",
                load.load_id
            ))?;
            if let Some((path, _)) = twice {
                let step = load.step.clone();
                return Err(LoadError::Inconsistent(Inconsistency::FileTwice {
                    step,
                    path,
                }));
            }
        }
        if let Some(effective) = written.effective_time {
            let before = self.first(&format!(
                "SELECT load_id::VARCHAR, '' FROM {ledger} WHERE step = {step} \
                 AND load_id <> {} AND effective_time = {}",
                load.load_id,
                sql::timestamp(effective)
            ))?;
            if before.is_some() {
                return Err(LoadError::Inconsistent(Inconsistency::TimeTwice {
                    step: load.step.clone(),
                    effective,
                }));
            }
        }
        match &written.watermark {
            Some(watermark) => self.check_watermark(load, watermark),
            None => Ok(()),
        }
    }

    /// Checks that a watermark is not behind the last one of the step, as values of its column.
    ///
    /// They may be the same, if the source has finer values than its column is declared with.
    fn check_watermark(
        &self,
        load: &CommittedLoad,
        watermark: &LoadWatermark,
    ) -> Result<(), LoadError> {
        let last = self.first(&format!(
            "SELECT details, '' FROM {} WHERE step = {} AND load_id < {} \
             AND contains(details, '\"watermark\"') ORDER BY load_id DESC",
            sql::internal("ledger"),
            sql::text(&load.step),
            load.load_id
        ))?;
        let last = last.and_then(|(details, _)| {
            let details: serde_json::Value = serde_json::from_str(&details).ok()?;
            details.get("watermark")?.as_str().map(str::to_owned)
        });
        let (Some(last), Some(data_type)) = (last, sql_type(&watermark.data_type)) else {
            return Ok(());
        };
        // Of a column that was declared otherwise before, nothing can be said.
        let grows = format!(
            "SELECT try_cast({} AS {data_type}) >= try_cast({} AS {data_type})",
            sql::text(&watermark.value),
            sql::text(&last)
        );
        let grows: Option<bool> =
            self.try_to(|connection| Ok(connection.query_row(&grows, [], |row| row.get(0))?))?;
        if grows == Some(false) {
            return Err(LoadError::Inconsistent(Inconsistency::Back {
                step: load.step.clone(),
                before: last,
                now: watermark.value.clone(),
            }));
        }
        Ok(())
    }

    /// Checks which versions begin and end at the newest time: those that the changes of an extract
    /// ask for, and no others.
    ///
    /// Every changed key had the open version that its change asked for, nothing was as late as this
    /// time, and `due` was found in that state. So if it is these versions that end, and if every key
    /// that asks for one has got an open one, then no key has two, no versions overlap, and there is
    /// no hole.
    ///
    /// Versions are compared by number and by the sum of their hashes: joining the keys once more
    /// takes three times as long.
    pub(crate) fn check_versions_at(
        &self,
        table: &SnapshotTable,
        stage: &Stage,
        effective: NaiveDateTime,
        due: &DueVersions,
    ) -> Result<(), LoadError> {
        #[cfg(test)]
        self.run_fault()?;
        let history = sql::table(&table.history());
        let time = sql::timestamp(effective);
        let begins = if table.records_deleted() {
            "true"
        } else {
            "s.change <> 2"
        };
        let find = format!(
            "SELECT b.versions, e.versions, b.hashes = s.hashes, e.hashes::VARCHAR FROM \
             (SELECT count(*) AS versions, {begun} AS hashes FROM {history} AS h \
             WHERE h.{VALID_FROM} = {time}) AS b, \
             (SELECT {asked} AS hashes FROM {stage} AS s) AS s, \
             (SELECT count(*) AS versions, {ended} AS hashes FROM {history} AS h \
             WHERE h.{VALID_TO} = {time}) AS e",
            begun = hashes(
                "h",
                table,
                &format!("h.{VALID_FROM}"),
                &format!("h.{VALID_TO} IS NULL")
            ),
            asked = hashes("s", table, &time, begins),
            ended = hashes("h", table, &format!("h.{VALID_FROM}"), "true"),
            stage = stage.table(),
        );
        let (begun, ended, as_asked, hashes): (u64, u64, bool, String) =
            self.try_to(|connection| {
                Ok(connection.query_row(&find, [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?)
            })?;
        let table = table.history();
        let counts = [("begin", due.begun, begun), ("end", due.ended, ended)];
        let differs = counts.into_iter().find(|(_, ours, theirs)| ours != theirs);
        if let Some((what, expected, found)) = differs {
            return Err(LoadError::Inconsistent(Inconsistency::Versions {
                table,
                what,
                effective,
                expected,
                found,
            }));
        }
        let same = [("begin", as_asked), ("end", hashes == due.ending)];
        match same.into_iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((what, _)) => Err(LoadError::Inconsistent(Inconsistency::OtherVersions {
                table,
                what,
                effective,
            })),
        }
    }

    /// Checks the versions of the keys that a late extract has changed: none overlap, no key has
    /// got a hole, and what was valid at the next extract is still so.
    ///
    /// `changes` is the table of `late.rs`; the times are literals.
    pub(crate) fn check_late_versions(
        &self,
        table: &SnapshotTable,
        changes: &str,
        effective: &str,
        next: &str,
    ) -> Result<(), LoadError> {
        #[cfg(test)]
        self.run_fault()?;
        let history = sql::table(&table.history());
        let numbered = table.numbered_key();
        let pairs = table.key.iter().zip(&numbered);
        let equal = pairs.map(|(h, w)| format!("h.{} = w.{}", sql::name(h.name()), w.name()));
        let same_key = equal.collect::<Vec<_>>().join(" AND ");
        // A deleted key has versions as well, so that all of them follow each other.
        let apart = if table.records_deleted() {
            format!("OR v.{VALID_TO} IS DISTINCT FROM wigeon_next")
        } else {
            String::new()
        };
        let overlap = format!(
            "SELECT {}, '' FROM (SELECT {key}, h.{VALID_FROM}, h.{VALID_TO}, \
             lead(h.{VALID_FROM}) OVER (PARTITION BY {key} ORDER BY h.{VALID_FROM}) AS wigeon_next \
             FROM {history} AS h SEMI JOIN {changes} AS w ON {same_key}) AS v \
             WHERE v.{VALID_TO} <= v.{VALID_FROM} OR v.{VALID_TO} > wigeon_next \
             OR (v.{VALID_TO} IS NULL AND wigeon_next IS NOT NULL) {apart}",
            sql::key_text("v", &table.key),
            key = sql::columns("h", &table.key),
        );
        let begins = if table.records_deleted() {
            "1"
        } else {
            "CASE WHEN w.change = 2 THEN 0 ELSE 1 END"
        };
        let not_changed = format!(
            "SELECT any_value({}), '' FROM {changes} AS w LEFT JOIN {history} AS h \
             ON {same_key} AND (h.{VALID_FROM} = {effective} OR h.{VALID_TO} = {effective}) \
             GROUP BY {}, w.change HAVING count(*) FILTER (h.{VALID_FROM} = {effective}) <> {begins} \
             OR (w.change <> 0 AND count(*) FILTER (h.{VALID_TO} = {effective}) <> 1)",
            sql::key_text("w", &numbered),
            sql::columns("w", &numbered),
        );
        let hole = format!(
            "SELECT {}, '' FROM {changes} AS w ANTI JOIN {history} AS h ON {same_key} \
             AND h.{VALID_FROM} <= {next} AND (h.{VALID_TO} IS NULL OR h.{VALID_TO} > {next}) \
             WHERE w.b_row IS NOT NULL",
            sql::key_text("w", &numbered),
        );
        for query in [overlap, not_changed, hole] {
            if let Some((key, _)) = self.first(&query)? {
                return Err(LoadError::Inconsistent(Inconsistency::Key {
                    table: table.history(),
                    key,
                }));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
