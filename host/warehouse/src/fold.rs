//! Folding an overlay in: the rows become what the view says, slice by slice.
//!
//! Each slice of the base is a load of its own. As long as the overlay is in force it says the
//! same as the rows that it was folded into, so a fold may end between any two slices, and begin
//! anew. DuckDB keeps what is updated in memory until the next checkpoint, some 64 KiB for each
//! updated column of 2,048 rows, even if one of them differs; so slices are cut by the memory that
//! it has, and each is followed by a checkpoint.

use std::ops::Range;

use crate::{
    error::{LoadError, ReadError},
    load::Load,
    overlay::{OverlayColumns, OverlayNames},
    sql,
    versions::ROW_GROUP,
    warehouse::Warehouse,
};

/// What DuckDB keeps of an updated column, for each row of the vectors that are touched.
const BYTES_PER_ROW: u64 = 32;

impl Warehouse {
    /// Returns the slices in which the overlay of a table is folded in: ranges of row ids.
    ///
    /// What DuckDB keeps of an updated slice is at most a quarter of its memory limit, short of
    /// the smallest slice there is, one row group.
    ///
    /// # Errors
    ///
    /// [`ReadError::Database`] if the table has no overlay.
    pub fn fold_slices(
        &self,
        table: &str,
        columns: &OverlayColumns,
    ) -> Result<Vec<Range<u64>>, ReadError> {
        let connection = self.connect_to_read()?;
        let limit = format!(
            "SELECT coalesce(max(wigeon_row_limit), 0) FROM {}",
            sql::table(&OverlayNames::of(table).entries)
        );
        let rows: u64 = connection
            .query_row(&limit, [], |row| row.get(0))
            .map_err(|error| ReadError::Database(error.into()))?;
        let updated = BYTES_PER_ROW * columns.set.len().max(1) as u64;
        let fitting = (self.memory_limit_mib() << 20) / 4 / updated;
        let slice = (fitting / ROW_GROUP).max(1) * ROW_GROUP;
        Ok((0..rows.div_ceil(slice))
            .map(|number| number * slice..(number + 1) * slice)
            .collect())
    }
}

impl Load {
    /// Sets what the overlay of a table says in the rows of a slice, where they say otherwise, and
    /// returns in how many.
    ///
    /// Only columns in which any row differs are written.
    ///
    /// # Errors
    ///
    /// [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn fold_slice(
        &self,
        table: &str,
        columns: &OverlayColumns,
        slice: &Range<u64>,
    ) -> Result<u64, LoadError> {
        let names = OverlayNames::of(table);
        let (base, entries) = (sql::table(&names.base), sql::table(&names.entries));
        let set: Vec<_> = columns.set.iter().map(|column| sql::name(column)).collect();
        let differs = |column: &String| format!("b.{column} IS DISTINCT FROM o.{column}");
        let applies = format!(
            "{} AND b.rowid >= {} AND b.rowid < {}",
            columns.applies(),
            slice.start,
            slice.end
        );
        let any: Vec<_> = set
            .iter()
            .map(|column| format!("coalesce(bool_or({}), false)", differs(column)))
            .collect();
        let query = format!(
            "SELECT {} FROM {base} AS b JOIN {entries} AS o ON {applies}",
            any.join(", ")
        );
        let differing: Vec<bool> = self.try_to(|connection| {
            Ok(connection.query_row(&query, [], |row| {
                (0..set.len()).map(|column| row.get(column)).collect()
            })?)
        })?;
        let differing: Vec<_> = set
            .iter()
            .zip(differing)
            .filter_map(|(column, differs)| differs.then_some(column))
            .collect();
        if differing.is_empty() {
            return Ok(0);
        }
        let set: Vec<_> = differing
            .iter()
            .map(|column| format!("{column} = o.{column}"))
            .collect();
        let where_different: Vec<_> = differing.iter().copied().map(differs).collect();
        self.change(&format!(
            "UPDATE {base} AS b SET {} FROM {entries} AS o WHERE {applies} AND ({})",
            set.join(", "),
            where_different.join(" OR ")
        ))
    }

    /// Takes the overlay of a table away, when all its slices have been folded in: the view ends,
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
