//! Merge on read: corrections of many rows, kept beside them as a few entries.
//!
//! A table `t` with an overlay is three things in the schema `main`: the rows, renamed to
//! `wigeon_base_t`; the entries, `wigeon_overlay_t`; and under the table's own name a view of the
//! rows with the entries applied. No step can have a name that begins with `wigeon`.
//!
//! An entry says what some columns hold in all rows of a key whose event time lies within bounds,
//! both inclusive. None goes beyond the latest event time that the table had when the entry was
//! made: newer rows bring their values, and those of a change that is still to be detected with
//! them. Of older rows that are loaded later it says the same as they bring, but for such a change: if an
//! event lies in the future, as one at infinity does, all rows up to it are older ones.
//!
//! What an overlay applies to, and who made its entries, is written in the internal table
//! `overlay`, so that it can be read, and folded in, whatever the manifest says by then.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use crate::{
    c_interface::Connection,
    catalog::{self, TableColumn},
    error::{DatabaseError, LoadError, ReadError},
    load::Load,
    sql,
    stage::Stage,
    warehouse::Warehouse,
};

/// The column of a stage of entries with the time from which an entry applies, inclusive.
///
/// An entry applies until the next of its key.
pub const FROM_COLUMN: &str = "wigeon_from";

/// The column of an overlay with the time until which an entry applies, inclusive.
const UNTIL: &str = "wigeon_until";

/// See [`OverlayShape::thinned_out`].
const THINNING: u32 = 3;

/// With so many entries the slots take 4 MiB, and larger ones do not fit a processor's cache: waiting for
/// memory then takes what is saved. See [`OverlayShape::thinned_out`].
const THINNED_ENTRIES: u32 = 1 << 16;

/// What an overlay applies to, and who makes its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayShape {
    /// The columns of the table that make the key.
    pub key: Vec<String>,
    /// The column of the table that is compared with the bounds of an entry, a timestamp.
    pub event_time: String,
    /// The columns of the table that the entries set.
    pub set: Vec<String>,
    /// What decides the values of the entries: the plugin, its lookup and its options, as text. Entries of
    /// two makers are never in one overlay.
    pub maker: String,
}

/// An overlay, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// What it applies to.
    pub shape: OverlayShape,
    /// How many entries it has.
    pub entries: u64,
    /// When the first of them were made.
    pub since: DateTime<Utc>,
}

/// The names of the tables behind a view that applies an overlay.
pub(crate) struct OverlayNames {
    pub(crate) base: String,
    pub(crate) entries: String,
}

impl OverlayNames {
    pub(crate) fn of(table: &str) -> Self {
        Self {
            base: format!("wigeon_base_{table}"),
            entries: format!("wigeon_overlay_{table}"),
        }
    }
}

impl OverlayShape {
    /// Returns the condition under which an entry `o` applies to a row `b` of the base.
    pub(crate) fn applies(&self) -> String {
        let event_time = sql::name(&self.event_time);
        let mut condition = String::new();
        for key in self.key.iter().map(|key| sql::name(key)) {
            write!(condition, "b.{key} = o.{key} AND ").expect("a string can be written to");
        }
        write!(
            condition,
            "b.{event_time} >= o.{FROM_COLUMN} AND b.{event_time} <= o.{UNTIL}"
        )
        .expect("a string can be written to");
        condition
    }

    /// Returns `entries` as the relation to join with rows `b`, and the condition under which a row of
    /// it, `o`, applies to a row.
    ///
    /// Either way DuckDB keeps most other rows away in the scan: by the join itself, or for a key of
    /// several columns by the first of them.
    pub(crate) fn covering(&self, entries: &str) -> (String, String) {
        let key: Vec<_> = self.key.iter().map(String::as_str).collect();
        let asked = sql::asked_in_scan(entries, &key);
        let applies = self.applies();
        let [first, _, ..] = key[..] else {
            return (asked, applies);
        };
        let first_of_all = sql::asked_in_scan(entries, &[first]);
        let first = sql::name(first);
        let may_apply = format!("b.{first} IN (SELECT o.{first} FROM {first_of_all} AS o)");
        (asked, format!("{applies} AND {may_apply}"))
    }

    /// Returns the view of the base with the entries applied.
    ///
    /// Without the catalog's name inside, so that the file may be attached by any.
    fn view(&self, table: &str, columns: &[TableColumn]) -> String {
        let names = OverlayNames::of(table);
        let selected: Vec<_> = columns
            .iter()
            .map(|column| {
                let name = sql::name(&column.name);
                if self.set.contains(&column.name) {
                    // The bounds of an entry that applies are in order, and null where none does. For all rows
                    // without an entry DuckDB decides a comparison at once, `IS NULL` row by row.
                    format!(
                        "CASE WHEN o.{FROM_COLUMN} <= o.{UNTIL} THEN o.{name} ELSE b.{name} END AS {name}"
                    )
                } else {
                    format!("b.{name}")
                }
            })
            .collect();
        format!(
            "CREATE VIEW {} AS SELECT {} FROM {} AS b LEFT JOIN ({}) AS o ON {}",
            sql::table(table),
            selected.join(", "),
            sql::name(&names.base),
            self.thinned_out(&sql::name(&names.entries), columns),
            self.applies()
        )
    }

    /// Returns `entries` for a join, and [`THINNING`] rows for each that apply to nothing, if they are fewer
    /// than [`THINNED_ENTRIES`] when the view is read.
    ///
    /// DuckDB (1.5.6, `JoinHashTable`) makes two to four slots for each of the rows to look in, and keeps
    /// those of one key in one slot. Of the entries alone they would be a quarter to half full: that often
    /// a row of the table finds its slot taken by another key, when the processor has gone on as if it were
    /// empty. Now a sixteenth to an eighth is full.
    fn thinned_out(&self, entries: &str, columns: &[TableColumn]) -> String {
        let data_type = columns
            .iter()
            .find(|column| column.name == self.event_time)
            .map_or("TIMESTAMP", |column| &column.data_type);
        let key = sql::names(self.key.iter().map(String::as_str));
        let set = sql::names(self.set.iter().map(String::as_str));
        let nulls = vec!["NULL"; self.set.len()].join(", ");
        format!(
            "SELECT {key}, {FROM_COLUMN}, {UNTIL}, {set} FROM {entries} UNION ALL \
             SELECT {key}, CAST('infinity' AS {data_type}), CAST('-infinity' AS {data_type}), {nulls} \
             FROM {entries}, range({THINNING}) AS t(wigeon_t) \
             WHERE (SELECT count(*) FROM {entries}) < {THINNED_ENTRIES}"
        )
    }
}

impl Warehouse {
    /// Returns the overlay of a table, or none if it has none.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if DuckDB refuses.
    pub fn overlay(&self, table: &str) -> Result<Option<Overlay>, ReadError> {
        let connection = self.connect_to_read()?;
        find(&connection, table).map_err(ReadError::Database)
    }

    /// Returns whether a column of a table without an overlay is null in any row.
    ///
    /// By what DuckDB keeps of each row group, without reading the rows, if it never is.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if there is no such column.
    pub fn has_nulls(&self, table: &str, column: &str) -> Result<bool, ReadError> {
        let connection = self.connect_to_read()?;
        let found = || -> Result<bool, DatabaseError> {
            let table = base(&connection, table)?;
            let nulls: i64 = connection.query_row(
                &format!(
                    "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} IS NULL LIMIT 1)",
                    sql::table(&table),
                    sql::name(column)
                ),
                [],
                |row| row.get(0),
            )?;
            Ok(nulls > 0)
        };
        found().map_err(ReadError::Database)
    }
}

/// Returns the table that has the rows of `table`: itself, or the base behind its view.
pub(crate) fn base(connection: &Connection, table: &str) -> Result<String, DatabaseError> {
    let names = OverlayNames::of(table);
    Ok(if catalog::is_table(connection, &names.base)? {
        names.base
    } else {
        table.to_owned()
    })
}

fn find(connection: &Connection, table: &str) -> Result<Option<Overlay>, DatabaseError> {
    let query = format!(
        "SELECT key, event_time, columns, maker, epoch_us(since) FROM {} WHERE target = {}",
        sql::internal("overlay"),
        sql::text(table)
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let names = |text: String| -> Result<Vec<String>, DatabaseError> {
        let damaged = |error| {
            let place = format!("the record of the overlay of `{table}` in `wigeon.overlay`");
            DatabaseError::new(format!(
                "{place} is damaged ({error}): restore the warehouse from a copy"
            ))
        };
        serde_json::from_str(&text).map_err(damaged)
    };
    let shape = OverlayShape {
        key: names(row.get(0)?)?,
        event_time: row.get(1)?,
        set: names(row.get(2)?)?,
        maker: row.get(3)?,
    };
    let since = DateTime::from_timestamp_micros(row.get(4)?).unwrap_or_default();
    let entries = connection.query_row(
        &format!(
            "SELECT count(*) FROM {}",
            sql::table(&OverlayNames::of(table).entries)
        ),
        [],
        |row| row.get(0),
    )?;
    Ok(Some(Overlay {
        shape,
        entries,
        since,
    }))
}

impl Load {
    /// Puts entries for some keys into the overlay of a table, in place of those that these keys
    /// had, and returns how many entries it has then.
    ///
    /// The stage has the columns of the key, [`FROM_COLUMN`] and the columns to set. Each key's
    /// rows say what holds from then on until its next row, or until the table's latest event time;
    /// its first row is from `-infinity`.
    /// Neighbours with the same values become one entry. The table becomes a view if it has no
    /// overlay yet, and then nothing else may be written to its rows in this load: when it replays
    /// its log, DuckDB looks for rows under the new name before it renames the table.
    ///
    /// # Errors
    ///
    /// - [`LoadError::Overlay`] if the table has an overlay of another shape.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn merge_overlay(
        &self,
        table: &str,
        shape: &OverlayShape,
        stage: &Stage,
        since: DateTime<Utc>,
    ) -> Result<u64, LoadError> {
        match self.try_to(|connection| find(connection, table))? {
            None => self.begin_overlay(table, shape, since)?,
            Some(found) if found.shape == *shape => {}
            Some(_) => {
                return Err(LoadError::Overlay {
                    table: table.to_owned(),
                });
            }
        }
        let names = OverlayNames::of(table);
        let entries = sql::table(&names.entries);
        let same_key: Vec<_> = shape
            .key
            .iter()
            .map(|key| sql::name(key))
            .map(|key| format!("o.{key} = s.{key}"))
            .collect();
        self.run(&format!(
            "DELETE FROM {entries} AS o USING {} AS s WHERE {}",
            stage.table(),
            same_key.join(" AND ")
        ))?;
        let base = sql::table(&names.base);
        self.run(&insertion(shape, &entries, &stage.table(), &base))?;
        self.try_to(|connection| {
            let count = format!("SELECT count(*) FROM {entries}");
            Ok(connection.query_row(&count, [], |row| row.get(0))?)
        })
    }

    /// Makes the overlay of a table that has none, and the view that applies it.
    fn begin_overlay(
        &self,
        table: &str,
        shape: &OverlayShape,
        since: DateTime<Utc>,
    ) -> Result<(), LoadError> {
        let names = OverlayNames::of(table);
        let all = self.try_to(|connection| catalog::columns(connection, table))?;
        let event_time = sql::name(&shape.event_time);
        self.run(&format!(
            "CREATE TABLE {} AS SELECT {}, {event_time} AS {FROM_COLUMN}, {event_time} AS {UNTIL}, \
             {} FROM {} LIMIT 0",
            sql::table(&names.entries),
            sql::names(shape.key.iter().map(String::as_str)),
            sql::names(shape.set.iter().map(String::as_str)),
            sql::table(table)
        ))?;
        self.run(&format!(
            "ALTER TABLE {} RENAME TO {}",
            sql::table(table),
            sql::name(&names.base)
        ))?;
        self.run(&shape.view(table, &all))?;
        let json = |names: &[String]| sql::text(&serde_json::json!(names).to_string());
        self.run(&format!(
            "INSERT INTO {} VALUES ({}, {}, {}, {}, {}, {})",
            sql::internal("overlay"),
            sql::text(table),
            json(&shape.key),
            sql::text(&shape.event_time),
            json(&shape.set),
            sql::text(&shape.maker),
            sql::timestamp_tz(since)
        ))
    }

    /// Returns the columns of a table in their order.
    pub(crate) fn column_names(&self, table: &str) -> Result<Vec<String>, LoadError> {
        let columns = self.try_to(|connection| catalog::columns(connection, table))?;
        Ok(columns.into_iter().map(|column| column.name).collect())
    }

    /// Returns the table that has the rows of `table`, as this transaction sees it.
    pub(crate) fn base(&self, table: &str) -> Result<String, LoadError> {
        self.try_to(|connection| base(connection, table))
    }
}

/// Returns the insertion of entries: of each key's rows, in the order of their times, those whose
/// values are not those of the row before, each until the next or until the last event of `base`.
///
/// That is the first in descending order, for which DuckDB reads the row groups in the order of
/// their greatest times, and hardly more than one. `max` would read all rows once some are deleted.
/// It needs a filter, such as that for nulls: without one DuckDB 1.5.6 takes the greatest time of a
/// row group for that of a row, even if the row was deleted, and leaves out other row groups.
fn insertion(shape: &OverlayShape, entries: &str, stage: &str, base: &str) -> String {
    let names = |prefix: &str, count: usize| {
        let names: Vec<_> = (0..count).map(|i| format!("{prefix}{i}")).collect();
        names.join(", ")
    };
    let aliased = |columns: &[String], prefix: &str| {
        let aliased: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| format!("{} AS {prefix}{i}", sql::name(column)))
            .collect();
        aliased.join(", ")
    };
    let (keys, sets) = (shape.key.len(), shape.set.len());
    let (key, set) = (names("k", keys), names("c", sets));
    let event_time = sql::name(&shape.event_time);
    let differs: Vec<_> = (0..sets)
        .map(|i| format!("c{i} IS DISTINCT FROM lag(c{i}) OVER w"))
        .collect();
    format!(
        "INSERT INTO {entries} \
         SELECT {key}, t, least(coalesce(lead(t) OVER w - to_microseconds(1), last), last), {set} \
         FROM (SELECT * FROM (SELECT {}, {FROM_COLUMN} AS t, {} FROM {stage}) \
         WINDOW w AS (PARTITION BY {key} ORDER BY t) \
         QUALIFY row_number() OVER w = 1 OR {}), \
         (SELECT coalesce((SELECT {event_time} FROM {base} WHERE {event_time} IS NOT NULL \
         ORDER BY {event_time} DESC LIMIT 1), '-infinity') AS last) \
         WHERE t <= last WINDOW w AS (PARTITION BY {key} ORDER BY t)",
        aliased(&shape.key, "k"),
        aliased(&shape.set, "c"),
        differs.join(" OR "),
    )
}
