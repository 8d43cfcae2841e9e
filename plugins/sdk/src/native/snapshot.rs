use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::{InMemory, options_of};
use crate::{Batch, Error, Host, Snapshot, SnapshotInput};

/// Runs a snapshot: the changes from `versions` to `rows`, a full extract of the schema `extract`.
///
/// # Errors
///
/// What the plugin answers.
///
/// # Panics
///
/// Panics if the plugin breaks the contract.
pub fn diff<P: Snapshot>(
    options: serde_json::Value,
    extract: &Schema,
    key: &[usize],
    versions: &[RecordBatch],
    rows: &[RecordBatch],
) -> Result<Vec<RecordBatch>, Error> {
    let mut fields = extract.fields().to_vec();
    let valid_from = DataType::Timestamp(TimeUnit::Microsecond, None);
    fields.push(Arc::new(Field::new("valid_from", valid_from, false)));
    let versions_schema = Schema::new(fields);
    let input = SnapshotInput {
        extract: extract.clone(),
        versions: versions_schema.clone(),
        key: key.to_vec(),
    };
    let mut output = vec![Arc::new(Field::new("change", DataType::Int8, false))];
    output.extend(extract.fields().iter().enumerate().map(|(column, field)| {
        let nullable = !key.contains(&column);
        Arc::new(field.as_ref().clone().with_nullable(nullable))
    }));
    let mut plugin = P::open(options_of(options)?, input)?;
    let mut host = InMemory::new(Schema::new(output), &versions_schema);
    for batch in versions {
        plugin.versions(&Batch::native(&versions_schema, batch))?;
        host.keep(batch);
    }
    for batch in rows {
        host.current = Some(batch.clone());
        plugin.extract(&Batch::native(extract, batch), &mut Host::new(&mut host))?;
    }
    host.current = None;
    plugin.finish(&mut Host::new(&mut host))?;
    Ok(host.take_emitted())
}
