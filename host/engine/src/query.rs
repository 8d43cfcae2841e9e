//! A user's query and its rows.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use wigeon_warehouse::{RowStream, Warehouse};

use crate::EngineError;

/// The rows of a query, as they come.
pub struct QueryRows {
    // Before the warehouse: the stream reads from it.
    rows: RowStream,
    _warehouse: Warehouse,
}

impl QueryRows {
    pub(crate) fn start(warehouse: Warehouse, sql: &str) -> Result<Self, EngineError> {
        let rows = warehouse.query(sql).map_err(EngineError::ReadWarehouse)?;
        Ok(Self {
            rows,
            _warehouse: warehouse,
        })
    }

    /// Returns the columns of the result.
    pub fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}

impl Iterator for QueryRows {
    type Item = Result<RecordBatch, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.rows.next()?;
        Some(batch.map_err(EngineError::ReadWarehouse))
    }
}

impl std::fmt::Debug for QueryRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryRows").finish_non_exhaustive()
    }
}
