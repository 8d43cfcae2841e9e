use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::{InMemory, options_of};
use crate::{Batch, ChangeDetection, ChangeDetectionInput, Error, Host};

/// Runs change detection between the versions `applied` and `now`, both of the schema `versions`.
///
/// # Errors
///
/// What the plugin answers.
///
/// # Panics
///
/// Panics if the plugin breaks the contract.
pub fn detect<P: ChangeDetection>(
    options: serde_json::Value,
    versions: &Schema,
    key: &[usize],
    applied: &[RecordBatch],
    now: &[RecordBatch],
) -> Result<Vec<RecordBatch>, Error> {
    let input = ChangeDetectionInput {
        versions: versions.clone(),
        key: key.to_vec(),
    };
    let mut fields = versions.fields().to_vec();
    let changed_from = DataType::Timestamp(TimeUnit::Microsecond, None);
    fields.push(Arc::new(Field::new("changed_from", changed_from, true)));
    let mut plugin = P::open(options_of(options)?, input)?;
    let mut host = InMemory::new(Schema::new(fields), versions);
    for batch in applied {
        plugin.applied(&Batch::native(versions, batch))?;
        host.keep(batch);
    }
    for batch in now {
        plugin.now(&Batch::native(versions, batch))?;
        host.keep(batch);
    }
    plugin.finish(&mut Host::new(&mut host))?;
    Ok(host.take_emitted())
}
