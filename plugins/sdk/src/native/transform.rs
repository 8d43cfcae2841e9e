use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::{InMemory, options_of};
use crate::{Batch, Error, Host, Transform};

/// Runs a transform over `batches`, which have the schema `rows`.
///
/// # Errors
///
/// What the plugin answers.
///
/// # Panics
///
/// Panics if the plugin breaks the contract.
pub fn transform<P: Transform>(
    options: serde_json::Value,
    rows: &Schema,
    batches: &[RecordBatch],
) -> Result<Vec<RecordBatch>, Error> {
    let mut plugin = P::open(options_of(options)?, rows.clone())?;
    let mut host = InMemory::new(plugin.schema(), rows);
    for batch in batches {
        host.current = Some(batch.clone());
        plugin.rows(&Batch::native(rows, batch), &mut Host::new(&mut host))?;
    }
    Ok(host.take_emitted())
}
