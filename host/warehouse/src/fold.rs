//! Folding an overlay in: the rows become what the view says, part by part.
//!
//! Each part of the rows, by event time, is a load of its own. As long as the overlay is in force
//! it says the same as the rows that it was folded into, so a fold may end between any two parts,
//! and begin anew.
//!
//! Rows to which an entry applies are deleted and inserted again, which takes a fifth of the time of an update.
//! DuckDB writes a column anew in every row group that has one updated row, and that is nearly all
//! of them; a deleted row leaves a mark, and one for each row of a vector is kept in memory until
//! the next checkpoint. So parts are cut by the memory that there is, and each is followed by a
//! checkpoint. Row ids may change with any checkpoint after rows were deleted: none are kept.

use crate::{
    error::{DatabaseError, LawError, LoadError, ReadError},
    load::Load,
    overlay::{OverlayNames, OverlayShape},
    sql,
    warehouse::Warehouse,
};

/// What the mark of a deleted row takes in memory, for each row of its vector.
const MARK_BYTES: u64 = 8;

/// How many vectors for each part are asked for their times, to find parts of like size: a part then
/// has about a tenth more or less than its share, and rarely a quarter: hence two fifths of the memory and not half.
const SAMPLED_VECTORS: u64 = 128;

/// One of so many rows of a vector is asked, since neighbours have like times: the times of all would take
/// more memory than DuckDB is given, for a table of some billion rows.
const ASKED_ROWS: u64 = 256;

/// The rows of a vector.
const VECTOR_ROWS: u64 = 2_048;

/// The rows within bounds of their event time, in microseconds, the upper one exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldPart {
    from: Option<i64>,
    until: Option<i64>,
}

impl FoldPart {
    /// Returns the condition that a row `b` of the base is of the part.
    fn condition(&self, event_time: &str) -> String {
        let event_time = sql::name(event_time);
        let bound = |operator: &str, bound: Option<i64>| {
            bound.map(|bound| format!(" AND b.{event_time} {operator} make_timestamp({bound})"))
        };
        let from = bound(">=", self.from).unwrap_or_default();
        let until = bound("<", self.until).unwrap_or_default();
        format!("true{from}{until}")
    }
}

impl Warehouse {
    /// Returns the parts in which the overlay of a table is folded in, in the order of their times.
    ///
    /// They are about as large as each other, so that the marks of one take two fifths of DuckDB's
    /// memory limit; but all rows with one event time are of one part. All rows are if they are few.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if the table has no such overlay.
    pub fn fold_parts(
        &self,
        table: &str,
        shape: &OverlayShape,
    ) -> Result<Vec<FoldPart>, ReadError> {
        let base = sql::table(&OverlayNames::of(table).base);
        let rows = self.estimate_table_rows(table)?;
        let memory = self.memory_limit_mib() << 20;
        let parts = (rows * MARK_BYTES).div_ceil(memory * 2 / 5).max(1);
        let bounds = if parts == 1 {
            vec![]
        } else {
            self.bounds(&base, &shape.event_time, rows, parts)
                .map_err(ReadError::Database)?
        };
        let ends = bounds.iter().copied().map(Some);
        let begins = std::iter::once(None).chain(ends.clone());
        let parts = begins.zip(ends.chain([None]));
        Ok(parts
            .map(|(from, until)| FoldPart { from, until })
            .collect())
    }

    /// Returns times that part the rows, fewer than `parts` and in order.
    ///
    /// By rows of vectors that are drawn at random: rows at regular distances are not, since those that
    /// were folded in come in runs of like length, each in the order of its times.
    fn bounds(
        &self,
        base: &str,
        event_time: &str,
        rows: u64,
        parts: u64,
    ) -> Result<Vec<i64>, DatabaseError> {
        let sampled = parts * SAMPLED_VECTORS * VECTOR_ROWS;
        // In ten thousandths of a percent.
        let share = (sampled * 1_000_000 / rows.max(1)).min(1_000_000);
        let places = (1..parts).map(|part| format!("{part} / {parts}"));
        let connection = self.connect()?;
        let mut statement = connection.prepare(&format!(
            "SELECT unnest(quantile_disc(epoch_us(time), [{}])) FROM (SELECT rowid AS number, {} AS time FROM {base} \
             TABLESAMPLE SYSTEM ({}.{:04}%)) WHERE number % {ASKED_ROWS} = 0 AND isfinite(time)",
            places.collect::<Vec<_>>().join(", "),
            sql::name(event_time),
            share / 10_000,
            share % 10_000,
        ))?;
        let bounds = statement.query_map([], |row| row.get(0))?;
        let mut bounds = bounds.collect::<Result<Vec<i64>, _>>()?;
        bounds.dedup();
        Ok(bounds)
    }
}

/// A temporary table with the rows of a part to which an entry applies, as they are to be.
const WORK: &str = "temp.main.wigeon_fold";

impl Load {
    /// Makes the rows of a part what the overlay says, unless they all are, and returns of how many it
    /// says something.
    ///
    /// # Errors
    ///
    /// - [`LawError::Rowids`] if not just as many rows were deleted as are inserted.
    /// - [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn fold_part(
        &self,
        table: &str,
        shape: &OverlayShape,
        part: &FoldPart,
    ) -> Result<u64, LoadError> {
        let names = OverlayNames::of(table);
        let base = sql::table(&names.base);
        let columns = self.column_names(&names.base)?;
        let values: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(number, column)| {
                let side = if shape.set.contains(column) { "o" } else { "b" };
                format!("{side}.{} AS column_{number}", sql::name(column))
            })
            .collect();
        let (entries, applies) = shape.covering(&sql::table(&names.entries));
        let covered = format!("{applies} AND {}", part.condition(&shape.event_time));
        let differs: Vec<_> = shape
            .set
            .iter()
            .map(|column| sql::name(column))
            .map(|column| format!("b.{column} IS DISTINCT FROM o.{column}"))
            .collect();
        // If one differs, nearly all do: to leave out those that do not would take longer than it
        // saves. Of a part that was folded in before, none does.
        if !self.exists(&format!(
            "{base} AS b, {entries} AS o WHERE {covered} AND ({})",
            differs.join(" OR ")
        ))? {
            return Ok(0);
        }
        self.run(&format!(
            "CREATE OR REPLACE TEMP TABLE wigeon_fold AS SELECT {} FROM {base} AS b, {entries} AS o \
             WHERE {covered}",
            values.join(", "),
        ))?;
        // Found by the few entries once more: a join with as many row ids takes half as long again.
        let deleted = self.change(&format!(
            "DELETE FROM {base} AS b USING {entries} AS o WHERE {covered}"
        ))?;
        let event_time = columns
            .iter()
            .position(|column| *column == shape.event_time)
            .map_or_else(String::new, |number| format!("ORDER BY column_{number}"));
        // In the order of their times, so that each row group has its own, as the others do.
        let inserted = self.change(&format!(
            "INSERT INTO {base} ({}) SELECT * FROM {WORK} {event_time}",
            sql::names(columns.iter().map(String::as_str))
        ))?;
        self.run(&format!("DROP TABLE {WORK}"))?;
        if deleted == inserted {
            return Ok(inserted);
        }
        Err(LoadError::Law(LawError::Rowids {
            table: table.to_owned(),
            expected: inserted,
            found: deleted,
        }))
    }

    /// Takes the overlay of a table away, when all its parts have been folded in: the view ends,
    /// and the base has the table's own name again.
    ///
    /// Nothing may be written to the rows in the same load, as [`Load::merge_overlay`] says.
    ///
    /// # Errors
    ///
    /// [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn end_overlay(&self, table: &str) -> Result<(), LoadError> {
        let names = OverlayNames::of(table);
        self.run(&format!("DROP VIEW {}", sql::table(table)))?;
        self.run(&format!("DROP TABLE {}", sql::table(&names.entries)))?;
        self.run(&format!(
            "ALTER TABLE {} RENAME TO {}",
            sql::table(&names.base),
            sql::name(table)
        ))?;
        self.run(&format!(
            "DELETE FROM {} WHERE target = {}",
            sql::internal("overlay"),
            sql::text(table)
        ))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use crate::Settings;

    /// At the regular distances that were asked before, every second row is a late one.
    #[test]
    fn parts_are_of_like_size_whatever_the_order_of_the_rows_is() {
        let directory = tempdir().unwrap();
        let warehouse = Warehouse::open(&Settings {
            path: directory.path().join("parts.duckdb"),
            memory_limit_mib: 512,
            threads: Some(2),
            temp_directory: None,
        })
        .unwrap();
        let connection = warehouse.connect().unwrap();
        let table = sql::table("rows");
        connection
            .execute_batch(&format!(
                "CREATE TABLE {table} AS SELECT make_timestamp(CASE WHEN row % 500 = 0 THEN 4000000 + row \
                 ELSE row END * 1000000) AS time FROM range(4000000) AS r(row)"
            ))
            .unwrap();
        let (rows, parts) = (4_000_000, 8);
        let bounds = warehouse.bounds(&table, "time", rows, parts).unwrap();
        assert_eq!(bounds.len(), 7);
        let mut from = 0;
        for until in bounds.into_iter().chain([i64::MAX]) {
            let count: u64 = connection
                .query_row(
                    &format!(
                        "SELECT count(*) FROM {table} WHERE epoch_us(time) >= {from} AND epoch_us(time) < {until}"
                    ),
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            let share = rows / parts;
            assert!(
                (share / 2..share * 3 / 2).contains(&count),
                "{count} until {until}"
            );
            from = until;
        }
    }
}
