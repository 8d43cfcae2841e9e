//! What the steps of each kind with a table of its own work on: a snapshot, a load, its target.

use arrow_schema::{Field, SchemaRef};
use wigeon_manifest::{Deleted as DeletedKeys, Step, StepKind, UpdateMode};
use wigeon_runtime::{IncrementalInput, IncrementalInstance, SnapshotInput};
use wigeon_warehouse::{Deleted, SnapshotTable};

use super::{Chain, IncrementalWork, Resolver, Target, chain::find, check_names};
use crate::{DataError, EngineError, schemas::without_nulls, update_mode::overlay_shape};

impl<'a> Resolver<'a> {
    pub(super) fn snapshot(
        &mut self,
        step: &'a Step,
    ) -> Result<(Chain<'a>, SnapshotInput, SnapshotTable), EngineError> {
        let StepKind::Snapshot(settings) = &step.kind else {
            unreachable!("a checked pipeline looks up snapshots only");
        };
        let chain = self.chain(step, &settings.key)?;
        let key: Vec<usize> = (0..settings.key.len()).collect();
        let extract = without_nulls(&chain.schema, &key);
        check_names(step, &extract, true)?;
        let fields: Vec<Field> = extract
            .fields()
            .iter()
            .map(|f| f.as_ref().clone())
            .collect();
        let (key_fields, payload) = fields.split_at(key.len());
        let table = SnapshotTable {
            name: step.name.clone(),
            key: key_fields.to_vec(),
            payload: payload.to_vec(),
            deleted: match settings.deleted {
                DeletedKeys::Ignore => Deleted::Ignore,
                DeletedKeys::Close => Deleted::Close,
                DeletedKeys::Record => Deleted::Record,
            },
        };
        Ok((chain, SnapshotInput { extract, key }, table))
    }

    pub(super) fn incremental(
        &mut self,
        step: &'a Step,
    ) -> Result<(Chain<'a>, IncrementalWork), EngineError> {
        let StepKind::Incremental { key, lookup } = &step.kind else {
            unreachable!("a checked pipeline targets incremental steps only");
        };
        let configured = self.configure(step)?;
        let (_, snapshot, table) = self.snapshot(self.known(lookup))?;
        let mut chain = self.chain(step, &[])?;
        let rows_key = key
            .iter()
            .map(|column| find(&chain.schema, column, &step.input, step))
            .collect::<Result<Vec<_>, _>>()?;
        for (&column, field) in rows_key.iter().zip(&table.key) {
            let rows_field = chain.schema.field(column);
            if rows_field.data_type() != field.data_type() {
                return Err(EngineError::Data {
                    step: step.name.clone(),
                    source: DataError::KeyType {
                        column: rows_field.name().clone(),
                        actual: rows_field.data_type().to_string(),
                        other: field.name().clone(),
                        expected: field.data_type().to_string(),
                    },
                });
            }
        }
        chain.schema = without_nulls(&chain.schema, &rows_key);
        let input = IncrementalInput {
            rows: SchemaRef::clone(&chain.schema),
            rows_key,
            lookup: snapshot.versions(),
            lookup_key: snapshot.key,
        };
        let instance = IncrementalInstance::open(
            &configured.plugin,
            configured.limits,
            &configured.options,
            &input,
        )
        .map_err(|source| self.open_error(step, source))?;
        let shape = instance.shape().clone();
        check_names(step, &chain.schema, false)?;
        check_names(step, &shape.schema, false)?;
        let work = IncrementalWork {
            configured,
            input,
            lookup: table,
            output: shape.schema,
            row_wise: shape.row_wise,
            event_time: shape.event_time,
        };
        Ok((chain, work))
    }

    pub(super) fn target(
        &mut self,
        step: &Step,
        target: &'a Step,
        update_mode: UpdateMode,
    ) -> Result<Target, EngineError> {
        let (_, load) = self.incremental(target)?;
        let refuse = |reason: String| EngineError::Data {
            step: step.name.clone(),
            source: DataError::NotUpdatable {
                target: target.name.clone(),
                reason,
            },
        };
        if !load.row_wise {
            return Err(refuse("its plugin does not work row by row".to_owned()));
        }
        for field in load.input.rows.fields() {
            let kept = load.output.field_with_name(field.name());
            if !kept.is_ok_and(|kept| kept.data_type() == field.data_type()) {
                let name = field.name();
                return Err(refuse(format!(
                    "its table does not keep the column `{name}`"
                )));
            }
        }
        let overlay = match overlay_shape(&load) {
            Ok(shape) => Some(shape),
            Err(reason) if update_mode == UpdateMode::MergeOnRead => {
                return Err(self.no_overlay(step, target, &reason));
            }
            Err(_) => None,
        };
        Ok(Target {
            step: target.name.clone(),
            load,
            update_mode,
            overlay,
        })
    }
}
