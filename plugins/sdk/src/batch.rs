//! A batch of rows, as a plugin sees it.

use arrow_array::ArrayRef;
use arrow_schema::Schema;

/// Some rows that the host owns and lends for one call.
///
/// A column crosses into the plugin when it is read, and not at all if it is not.
#[derive(Debug)]
pub struct Batch<'a> {
    schema: &'a Schema,
    rows: Rows<'a>,
}

#[derive(Debug)]
enum Rows<'a> {
    #[cfg(target_family = "wasm")]
    Host(&'a crate::guest::bindings::columnar::Batch),
    #[cfg(not(target_family = "wasm"))]
    Native(&'a arrow_array::RecordBatch),
}

impl<'a> Batch<'a> {
    #[cfg(target_family = "wasm")]
    pub(crate) fn lent(
        schema: &'a Schema,
        batch: &'a crate::guest::bindings::columnar::Batch,
    ) -> Self {
        Self {
            schema,
            rows: Rows::Host(batch),
        }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn native(schema: &'a Schema, batch: &'a arrow_array::RecordBatch) -> Self {
        Self {
            schema,
            rows: Rows::Native(batch),
        }
    }

    /// Returns the schema of the batch.
    pub fn schema(&self) -> &Schema {
        self.schema
    }

    /// Returns how many rows it has.
    pub fn rows(&self) -> usize {
        match self.rows {
            #[cfg(target_family = "wasm")]
            Rows::Host(batch) => batch.rows() as usize,
            #[cfg(not(target_family = "wasm"))]
            Rows::Native(batch) => batch.num_rows(),
        }
    }

    /// Reads one column. Each call copies it in again: keep what is needed twice.
    ///
    /// # Panics
    ///
    /// Panics if `column >= self.schema().fields().len()`.
    pub fn column(&self, column: usize) -> ArrayRef {
        match self.rows {
            #[cfg(target_family = "wasm")]
            Rows::Host(batch) => crate::guest::read(self.schema.field(column), batch, column),
            #[cfg(not(target_family = "wasm"))]
            Rows::Native(batch) => std::sync::Arc::clone(batch.column(column)),
        }
    }
}
