//! Compares a table with what was recomputed.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use wigeon_manifest::Step;
use wigeon_warehouse::{LoadError, Stage, StoredRows, VALID_FROM, Warehouse, batch_reader};

use super::{VerifiedTable, VerifyOutcome, table_of};
use crate::{
    DataError, EngineError, Sample,
    resolved::{ResolvedStep, Work},
    schemas::conform,
};

/// The warehouse that is verified, and how.
pub(super) struct Stored {
    pub(super) warehouse: Warehouse,
    pub(super) sample: Option<Sample>,
    pub(super) limit: u32,
}

impl Stored {
    /// Compares the table of a step with that of another warehouse, which is right.
    pub(super) fn compare(
        &self,
        resolved: &ResolvedStep<'_>,
        recomputed: &Warehouse,
    ) -> Result<VerifiedTable, EngineError> {
        let step = resolved.step;
        let table = table_of(step);
        let read = EngineError::ReadWarehouse;
        let found = self.warehouse.schema_of(&table).map_err(read)?;
        if let (Some(found), Some(due)) = (&found, recomputed.schema_of(&table).map_err(read)?) {
            check_columns(step, &table, found, &due)?;
        }
        let stage;
        let path = self.warehouse.path();
        let stored = match (&found, self.sample) {
            (None, _) => StoredRows::Nothing,
            (Some(schema), Some(sample)) if has_key(resolved) => {
                stage = self.sampled(resolved, &table, schema, sample, recomputed)?;
                StoredRows::Stage(&stage)
            }
            _ => StoredRows::File(path),
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let compared = recomputed.compare(&table, stored, &identity(resolved), limit);
        let compared = compared.map_err(read)?;
        let different = compared.differing_rows + compared.missing_rows + compared.unexpected_rows;
        Ok(VerifiedTable {
            step: step.name.clone(),
            table,
            outcome: if different == 0 {
                VerifyOutcome::Equal
            } else {
                VerifyOutcome::Different
            },
            reason: None,
            stored_rows: compared.stored_rows,
            recomputed_rows: compared.recomputed_rows,
            differing_rows: compared.differing_rows,
            missing_rows: compared.missing_rows,
            unexpected_rows: compared.unexpected_rows,
            differences: compared.first,
        })
    }

    /// Copies the rows of the keys in the sample.
    fn sampled(
        &self,
        resolved: &ResolvedStep<'_>,
        table: &str,
        schema: &SchemaRef,
        sample: Sample,
        recomputed: &Warehouse,
    ) -> Result<Stage, EngineError> {
        let step = resolved.step;
        let key = Key::new(resolved, schema)?;
        let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let rows = self.warehouse.read_table(table, &names);
        let rows = rows.map_err(EngineError::ReadWarehouse)?;
        let schema = rows.schema();
        let rows = rows.map(move |batch| {
            let batch = batch.map_err(|error| ArrowError::ExternalError(error.into()))?;
            key.sampled(&batch, sample)
        });
        let staged = recomputed.stage(batch_reader(schema, rows));
        staged.map_err(|source| EngineError::Load {
            step: step.name.clone(),
            source,
        })
    }
}

/// The key of a table, as its rows are stored and as lanes hash it.
struct Key {
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Key {
    fn new(resolved: &ResolvedStep<'_>, stored: &Schema) -> Result<Self, EngineError> {
        let key = key(resolved);
        let kept = key.fields().iter().map(|field| {
            let of_step = resolved.output.field_with_name(field.name());
            let is_kept = of_step.is_ok_and(|kept| kept.data_type() == field.data_type());
            stored.index_of(field.name()).ok().filter(|_| is_kept)
        });
        let columns = kept.collect::<Option<Vec<usize>>>().ok_or_else(|| {
            let step = resolved.step.name.clone();
            EngineError::Data {
                step: step.clone(),
                source: DataError::NotRecomputable {
                    step,
                    reason: "it does not keep the key of its rows, and a sample goes by keys"
                        .to_owned(),
                },
            }
        })?;
        Ok(Self {
            columns,
            schema: key,
        })
    }

    fn sampled(&self, batch: &RecordBatch, sample: Sample) -> Result<RecordBatch, ArrowError> {
        let key = conform(&batch.project(&self.columns)?, &self.schema)?;
        sample.rows_of(batch, &key)
    }
}

/// Says whether a sample of a table's rows goes by a key.
fn has_key(resolved: &ResolvedStep<'_>) -> bool {
    !key(resolved).fields().is_empty()
}

/// Returns the columns by which the rows of a step are routed to lanes, null or not.
fn key(resolved: &ResolvedStep<'_>) -> SchemaRef {
    let (schema, columns) = match &resolved.work {
        Work::Transform { .. } => return Arc::new(Schema::empty()),
        Work::Snapshot { input, .. } => (&input.extract, &input.key),
        Work::Incremental { load, .. } => (&load.input.rows, &load.input.rows_key),
        Work::ChangeDetection { input, .. } => (&input.versions, &input.key),
    };
    let fields = columns
        .iter()
        .map(|&column| schema.field(column).clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the columns that identify a row: none if only all of them do.
fn identity(resolved: &ResolvedStep<'_>) -> Vec<String> {
    let names_of_key = || -> Vec<String> {
        let key = key(resolved);
        let names = key.fields().iter().map(|field| field.name().clone());
        names.collect()
    };
    match &resolved.work {
        Work::Transform { .. } => vec![],
        Work::Snapshot { .. } => {
            let mut names = names_of_key();
            names.push(VALID_FROM.to_owned());
            names
        }
        // What the plugin was given, as far as it is kept.
        Work::Incremental { load, .. } => {
            let added: Vec<usize> = load.added().collect();
            let fields = load.output.fields().iter().enumerate();
            let given = fields.filter(|(column, _)| !added.contains(column));
            given.map(|(_, field)| field.name().clone()).collect()
        }
        Work::ChangeDetection { .. } => names_of_key(),
    }
}

/// Refuses to compare tables with other columns.
fn check_columns(
    step: &Step,
    table: &str,
    found: &Schema,
    due: &Schema,
) -> Result<(), EngineError> {
    let without = |some: &Schema, others: &Schema| -> Vec<String> {
        let names = some.fields().iter().map(|field| field.name());
        let without = names.filter(|name| others.index_of(name).is_err());
        without.cloned().collect()
    };
    let (missing, extra) = (without(due, found), without(found, due));
    if missing.is_empty() && extra.is_empty() {
        return Ok(());
    }
    Err(EngineError::Load {
        step: step.name.clone(),
        source: LoadError::Columns {
            table: table.to_owned(),
            missing,
            extra,
        },
    })
}
