//! Folding an overlay in: the rows become what the view says, slice by slice.
//!
//! Which rows differ from what the overlay says is found in one pass over the table, and staged.
//! Then each slice of the table is a load of its own. As long as the overlay is in force it says
//! the same as the rows that it was folded into, so a fold may end between any two slices, and
//! begin anew. DuckDB keeps what is updated in memory until the next checkpoint, some 64 KiB for
//! each updated column of 2,048 rows, even if one of them differs; so slices are cut by the memory
//! that it has, and each is followed by a checkpoint.

use std::ops::Range;

use crate::{
    error::LoadError,
    load::Load,
    overlay::{OverlayColumns, OverlayNames},
    sql,
    stage::Stage,
    versions::ROW_GROUP,
    warehouse::Warehouse,
};

/// What DuckDB keeps of an updated column, for each row of the vectors that are touched.
const BYTES_PER_ROW: u64 = 32;

/// Which rows of a table differ from what its overlay says.
#[derive(Debug)]
pub struct Fold {
    table: String,
    columns: OverlayColumns,
    /// Of each such row its id, what each column is to be, and whether it differs.
    differing: Stage,
    slices: Vec<Range<u64>>,
}

impl Fold {
    /// Returns the slices to fold in, ranges of row ids, in order.
    ///
    /// What DuckDB keeps of an updated slice is at most a quarter of its memory limit, unless that
    /// is less than a row group takes.
    pub fn slices(&self) -> &[Range<u64>] {
        &self.slices
    }
}

impl Warehouse {
    /// Finds out which rows of a table differ from what its overlay says.
    ///
    /// # Errors
    ///
    /// [`LoadError::Interrupted`], or [`LoadError::Database`] if the table has no such overlay.
    pub fn fold(&self, table: &str, columns: &OverlayColumns) -> Result<Fold, LoadError> {
        let names = OverlayNames::of(table);
        let differs: Vec<_> = columns.set.iter().map(|column| differs(column)).collect();
        let staged: Vec<_> = columns
            .set
            .iter()
            .zip(&differs)
            .enumerate()
            .map(|(number, (column, differs))| {
                let column = sql::name(column);
                format!("o.{column} AS set_{number}, {differs} AS differs_{number}")
            })
            .collect();
        let differing = self.stage_query(&format!(
            "SELECT b.rowid AS row, {} FROM {} AS b JOIN {} AS o ON {} WHERE {}",
            staged.join(", "),
            sql::table(&names.base),
            sql::table(&names.entries),
            columns.applies(),
            differs.join(" OR ")
        ))?;
        let end = format!(
            "SELECT coalesce(max(row) + 1, 0) FROM {}",
            differing.table()
        );
        let end: u64 = self.ask(&end)?;
        let updated = BYTES_PER_ROW * columns.set.len().max(1) as u64;
        let fitting = (self.memory_limit_mib() << 20) / 4 / updated;
        let slice = (fitting / ROW_GROUP).max(1) * ROW_GROUP;
        Ok(Fold {
            table: table.to_owned(),
            columns: columns.clone(),
            differing,
            slices: (0..end.div_ceil(slice))
                .map(|number| number * slice..(number + 1) * slice)
                .collect(),
        })
    }
}

impl Load {
    /// Sets what the overlay says in the rows of a slice, where they say otherwise, and returns in
    /// how many.
    ///
    /// Only columns in which any row differs are written.
    ///
    /// # Errors
    ///
    /// [`LoadError::Interrupted`], [`LoadError::Database`].
    pub fn fold_slice(&self, fold: &Fold, slice: &Range<u64>) -> Result<u64, LoadError> {
        let set = &fold.columns.set;
        let of_slice = format!(
            "{} WHERE row >= {} AND row < {}",
            fold.differing.table(),
            slice.start,
            slice.end
        );
        let any: Vec<_> = (0..set.len())
            .map(|number| format!("coalesce(bool_or(differs_{number}), false)"))
            .collect();
        let query = format!("SELECT {} FROM {of_slice}", any.join(", "));
        let any: Vec<bool> = self.try_to(|connection| {
            Ok(connection.query_row(&query, [], |row| {
                (0..set.len()).map(|column| row.get(column)).collect()
            })?)
        })?;
        let to_set: Vec<_> = set
            .iter()
            .zip(any)
            .enumerate()
            .filter(|(_, (_, differs))| *differs)
            .map(|(number, (column, _))| format!("{} = f.set_{number}", sql::name(column)))
            .collect();
        if to_set.is_empty() {
            return Ok(0);
        }
        // Joined by row id alone, DuckDB reads the row groups of the slice only.
        self.change(&format!(
            "UPDATE {} AS b SET {} FROM (SELECT * FROM {of_slice}) AS f WHERE b.rowid = f.row",
            sql::table(&OverlayNames::of(&fold.table).base),
            to_set.join(", "),
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

/// Returns the condition that a column of a row is not what an entry says.
fn differs(column: &str) -> String {
    let column = sql::name(column);
    format!("b.{column} IS DISTINCT FROM o.{column}")
}
