//! From a step's input back to its source, and which columns are taken on the way.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use wigeon_manifest::{Step, StepKind};
use wigeon_runtime::TransformInstance;

use super::{Chain, ChainedTransform, Resolver};
use crate::{DataError, EngineError, schemas::field};

impl<'a> Resolver<'a> {
    /// Follows the input of a step to its source. The key columns come first in the input.
    pub(super) fn chain(
        &mut self,
        step: &'a Step,
        key: &[String],
    ) -> Result<Chain<'a>, EngineError> {
        let (source, steps) = self.project.pipeline().source_of(step);
        let declared: Vec<Field> = source.columns.iter().map(field).collect();
        let mut schema = Arc::new(Schema::new(declared));
        let mut projection = None;
        let mut transforms = vec![];
        let mut input = source.name.as_str();
        for transform in steps {
            let columns = columns_of(transform, &[], &schema, input)?;
            let columns = project_source(&mut projection, columns);
            let taken = Arc::new(
                schema
                    .project(&columns.of_input)
                    .map_err(arrow(transform))?,
            );
            let configured = self.configure(transform)?;
            let instance = TransformInstance::open(
                &configured.plugin,
                configured.limits,
                &configured.options,
                &taken,
            )
            .map_err(|source| self.open_error(transform, source))?;
            schema = SchemaRef::clone(instance.schema());
            transforms.push(ChainedTransform {
                step: transform.name.clone(),
                configured,
                columns: columns.of_rows,
                input: taken,
            });
            input = &transform.name;
        }
        // A stored transform is the end of its own chain.
        let columns = if matches!(step.kind, StepKind::Transform { .. }) {
            Columns::all(&schema)
        } else {
            project_source(&mut projection, columns_of(step, key, &schema, input)?)
        };
        Ok(Chain {
            source,
            projection: projection.unwrap_or_default(),
            schema: Arc::new(schema.project(&columns.of_input).map_err(arrow(step))?),
            columns: columns.of_rows,
            transforms,
        })
    }
}

/// Columns that a step takes, twice: as the schema of its input numbers them, and as the rows do,
/// which hold only what is read.
struct Columns {
    of_input: Vec<usize>,
    of_rows: Vec<usize>,
}

impl Columns {
    fn all(schema: &Schema) -> Self {
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        Self {
            of_input: all.clone(),
            of_rows: all,
        }
    }
}

/// The first step of a chain decides which columns of the source are read.
fn project_source(projection: &mut Option<Vec<usize>>, columns: Vec<usize>) -> Columns {
    if projection.is_some() {
        return Columns {
            of_input: columns.clone(),
            of_rows: columns,
        };
    }
    *projection = Some(columns.clone());
    Columns {
        of_rows: (0..columns.len()).collect(),
        of_input: columns,
    }
}

/// Returns the columns that a step takes of its input, the key's first.
fn columns_of(
    step: &Step,
    key: &[String],
    schema: &Schema,
    input: &str,
) -> Result<Vec<usize>, EngineError> {
    let mut columns = key
        .iter()
        .map(|column| find(schema, column, input, step))
        .collect::<Result<Vec<_>, _>>()?;
    let wanted = match &step.columns {
        Some(names) => names
            .iter()
            .map(|name| find(schema, name, input, step))
            .collect::<Result<Vec<_>, _>>()?,
        None => (0..schema.fields().len()).collect(),
    };
    let others: Vec<_> = wanted
        .into_iter()
        .filter(|c| !columns.contains(c))
        .collect();
    columns.extend(others);
    Ok(columns)
}

pub(super) fn find(
    schema: &Schema,
    column: &str,
    input: &str,
    step: &Step,
) -> Result<usize, EngineError> {
    schema.index_of(column).map_err(|_| {
        let known: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        EngineError::Data {
            step: step.name.clone(),
            source: DataError::NoColumn {
                column: column.to_owned(),
                input: input.to_owned(),
                known: known.join(", "),
            },
        }
    })
}

fn arrow(step: &Step) -> impl Fn(arrow_schema::ArrowError) -> EngineError + '_ {
    move |source| EngineError::Arrow {
        step: step.name.clone(),
        source,
    }
}
