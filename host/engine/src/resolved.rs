//! Steps with their plugins loaded and their schemas known: what a plan and a run start from.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use arrow_schema::{Field, Schema, SchemaRef};
use chrono::{DateTime, SecondsFormat, Utc};
use wigeon_manifest::{
    Code, Deleted as DeletedKeys, Source, Step, StepKind, UpdateMode, reserved_column,
};
use wigeon_registry::{LockFile, ResolveError, resolve};
use wigeon_runtime::{
    CONTRACT_VERSION, ChangeDetectionInput, ChangeDetectionInstance, Complaint, Grants,
    IncrementalInput, IncrementalInstance, Kind, Limits, OpenError, Plugin, PluginError, PluginId,
    Runtime, Seed, SnapshotInput, SnapshotInstance, TransformInstance,
};
use wigeon_warehouse::{Deleted, OverlayShape, SnapshotTable};

use crate::{
    Cancellation, DataError, EngineError, Project,
    schemas::{field, without_nulls},
    update_mode::overlay_shape,
};

/// A plugin with what the manifest gives it.
#[derive(Debug, Clone)]
pub(crate) struct Configured {
    pub(crate) plugin: Plugin,
    pub(crate) limits: Limits,
    /// How many instances work at the same time.
    pub(crate) lanes: usize,
    pub(crate) options: String,
}

/// How the rows of a source become the input of a step.
#[derive(Debug, Clone)]
pub(crate) struct Chain<'a> {
    pub(crate) source: &'a Source,
    /// Which columns of the source are read, in the order in which they are used.
    pub(crate) projection: Vec<usize>,
    pub(crate) transforms: Vec<ChainedTransform>,
    /// The columns of the end of the chain that the step takes, in its order.
    pub(crate) columns: Vec<usize>,
    /// The schema of the step's input.
    pub(crate) schema: SchemaRef,
}

/// A transform of a chain.
#[derive(Debug, Clone)]
pub(crate) struct ChainedTransform {
    pub(crate) step: String,
    pub(crate) configured: Configured,
    /// Which columns of what comes before it takes.
    pub(crate) columns: Vec<usize>,
    pub(crate) input: SchemaRef,
}

/// A step that can run by itself.
#[derive(Debug)]
pub(crate) struct ResolvedStep<'a> {
    pub(crate) step: &'a Step,
    pub(crate) configured: Configured,
    pub(crate) work: Work<'a>,
    /// The schema of the step's table.
    pub(crate) output: SchemaRef,
}

/// What a step of each kind works on.
#[derive(Debug)]
pub(crate) enum Work<'a> {
    /// A stored transform: the chain includes it.
    Transform { chain: Chain<'a> },
    Snapshot {
        chain: Chain<'a>,
        input: SnapshotInput,
        table: SnapshotTable,
    },
    Incremental {
        chain: Chain<'a>,
        load: IncrementalWork,
    },
    ChangeDetection {
        input: ChangeDetectionInput,
        versions: SnapshotTable,
        snapshot: String,
        target: Target,
    },
}

/// The lookup and the plugin of an incremental step.
#[derive(Debug, Clone)]
pub(crate) struct IncrementalWork {
    pub(crate) configured: Configured,
    pub(crate) input: IncrementalInput,
    pub(crate) lookup: SnapshotTable,
    pub(crate) output: SchemaRef,
    pub(crate) row_wise: bool,
    /// The column of the rows that, with the key, decides what is added to them.
    pub(crate) event_time: Option<usize>,
}

impl IncrementalWork {
    /// Returns the columns that the plugin adds to its rows, by their number in the output.
    pub(crate) fn added(&self) -> impl Iterator<Item = usize> {
        let input = &self.input.rows;
        let is_added = |column: &usize| input.index_of(self.output.field(*column).name()).is_err();
        (0..self.output.fields().len()).filter(is_added)
    }
}

/// The step whose loaded rows change detection updates.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) step: String,
    pub(crate) load: IncrementalWork,
    pub(crate) update_mode: UpdateMode,
    /// What an overlay of its table applies to; none if there can be none.
    pub(crate) overlay: Option<OverlayShape>,
}

/// Loads plugins once each, against the lock file.
pub(crate) struct Resolver<'a> {
    project: &'a Project,
    cache: Option<&'a Path>,
    cancellation: &'a Cancellation,
    runtime: Runtime,
    lock: LockFile,
    plugins: HashMap<String, Plugin>,
    /// The logical time of the step that is resolved.
    at: DateTime<Utc>,
}

impl<'a> Resolver<'a> {
    /// Prepares for the steps of a project. Once it is cancelled, the calls of plugins are cut and
    /// no registry is waited for.
    pub(crate) fn new(
        project: &'a Project,
        cache: Option<&'a Path>,
        cancellation: &'a Cancellation,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            project,
            cache,
            cancellation,
            runtime: cancellation.runtime(cache),
            lock: project.lock_file()?,
            plugins: HashMap::new(),
            at: DateTime::UNIX_EPOCH,
        })
    }

    /// Writes the plugins that the lock file did not know.
    pub(crate) fn write_lock(&mut self) -> Result<(), EngineError> {
        Ok(self.lock.write()?)
    }

    /// Resolves a step that can run by itself, and stands for the time `at` when it does.
    pub(crate) fn step(
        &mut self,
        step: &'a Step,
        at: DateTime<Utc>,
    ) -> Result<ResolvedStep<'a>, EngineError> {
        self.at = at;
        let configured = self.configure(step)?;
        let (work, output) = match &step.kind {
            StepKind::Transform { .. } => {
                let chain = self.chain(step, &[])?;
                let output = SchemaRef::clone(&chain.schema);
                check_names(step, &output, false)?;
                (Work::Transform { chain }, output)
            }
            StepKind::Snapshot(_) => {
                let (chain, input, table) = self.snapshot(step)?;
                SnapshotInstance::open(
                    &configured.plugin,
                    configured.limits,
                    &configured.options,
                    &input,
                )
                .map_err(|source| self.open_error(step, source))?;
                let output = input.versions();
                (
                    Work::Snapshot {
                        chain,
                        input,
                        table,
                    },
                    output,
                )
            }
            StepKind::Incremental { .. } => {
                let (chain, load) = self.incremental(step)?;
                let output = SchemaRef::clone(&load.output);
                (Work::Incremental { chain, load }, output)
            }
            StepKind::ChangeDetection {
                target,
                update_mode,
            } => {
                let snapshot = self.known(&step.input);
                let (_, snapshot_input, versions) = self.snapshot(snapshot)?;
                let input = ChangeDetectionInput {
                    versions: snapshot_input.versions(),
                    key: snapshot_input.key,
                };
                ChangeDetectionInstance::open(
                    &configured.plugin,
                    configured.limits,
                    &configured.options,
                    &input,
                )
                .map_err(|source| self.open_error(step, source))?;
                let target = self.target(step, self.known(target), *update_mode)?;
                let output = input.changes();
                let work = Work::ChangeDetection {
                    input,
                    versions,
                    snapshot: snapshot.name.clone(),
                    target,
                };
                (work, output)
            }
        };
        Ok(ResolvedStep {
            step,
            configured,
            work,
            output,
        })
    }

    fn known(&self, name: &str) -> &'a Step {
        self.project
            .pipeline()
            .step(name)
            .expect("a checked pipeline names only steps that it has")
    }

    fn configure(&mut self, step: &Step) -> Result<Configured, EngineError> {
        let expected = match step.kind {
            StepKind::Transform { .. } => Kind::Transform,
            StepKind::Snapshot(_) => Kind::Snapshot,
            StepKind::Incremental { .. } => Kind::Incremental,
            StepKind::ChangeDetection { .. } => Kind::ChangeDetection,
        };
        let plugin = self.plugin(step)?;
        if plugin.kind() != expected {
            let source = OpenError::Kind {
                plugin: plugin.id().clone(),
                expected,
                actual: plugin.kind(),
            };
            return Err(self.open_error(step, source));
        }
        Ok(Configured {
            plugin: plugin.with_grants(self.grants(step)),
            limits: Limits {
                memory_bytes: usize::try_from(step.limits.memory_mib << 20).unwrap_or(usize::MAX),
                call_timeout: Duration::from_secs(step.limits.call_timeout_secs),
                output_rows: step.limits.output_rows,
                output_bytes: step.limits.output_mib << 20,
                log_lines: step.limits.log_lines,
            },
            lanes: self.project.lanes(step),
            options: step.options.to_string(),
        })
    }

    /// What the plugin of a step is given of WASI. A run that is repeated gives the same.
    fn grants(&self, step: &Step) -> Grants {
        let since_1970 = (self.at - DateTime::UNIX_EPOCH).to_std();
        let at = self.at.to_rfc3339_opts(SecondsFormat::Nanos, true);
        Grants {
            clock: step.allow.clock.then(|| since_1970.unwrap_or_default()),
            random: step
                .allow
                .random
                .then(|| Seed::of(&format!("{at} {}", step.name))),
        }
    }

    fn plugin(&mut self, step: &Step) -> Result<Plugin, EngineError> {
        let reference = step.plugin.to_string();
        if let Some(plugin) = self.plugins.get(&reference) {
            return Ok(plugin.clone());
        }
        let places = self.project.places(self.cache, self.cancellation);
        let resolved = resolve(&step.plugin, places, self.lock.digest(&reference))
            .map_err(|source| self.resolve_error(step, source))?;
        self.lock.pin(&resolved, CONTRACT_VERSION, false)?;
        let id = PluginId {
            reference: resolved.reference.clone(),
            digest: resolved.digest.clone(),
        };
        let plugin = self
            .runtime
            .load(&id, &resolved.component)
            .map_err(|source| EngineError::LoadPlugin {
                step: step.name.clone(),
                source,
            })?;
        self.plugins.insert(reference, plugin.clone());
        Ok(plugin)
    }

    /// Follows the input of a step to its source. The key columns come first in the input.
    fn chain(&mut self, step: &'a Step, key: &[String]) -> Result<Chain<'a>, EngineError> {
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

    fn snapshot(
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

    fn incremental(&mut self, step: &'a Step) -> Result<(Chain<'a>, IncrementalWork), EngineError> {
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

    fn target(
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

    /// What the manifest asks for is not to be had.
    fn no_overlay(&self, step: &Step, target: &Step, reason: &str) -> EngineError {
        let text = format!(
            "the rows of `{}` cannot be merged on read, since {reason}",
            target.name
        );
        let help = "leave `update_mode` out: the rows are then updated in place";
        self.project
            .pipeline()
            .complain(
                step.update_mode_span.clone(),
                Code::UnsupportedUpdateMode,
                text,
                Some(help.to_owned()),
            )
            .into()
    }

    /// A plugin's complaint about its options belongs into the manifest.
    fn open_error(&self, step: &Step, source: OpenError) -> EngineError {
        let pipeline = self.project.pipeline();
        match &source {
            OpenError::Kind {
                plugin,
                expected,
                actual,
            } => {
                let text = format!("plugin {plugin} is a {actual} plugin, not a {expected} plugin");
                let help = format!(
                    "give step `{}` the kind `{actual}`, or another plugin",
                    step.name
                );
                pipeline
                    .complain(
                        step.plugin_span.clone(),
                        Code::WrongPlugin,
                        text,
                        Some(help),
                    )
                    .into()
            }
            OpenError::Plugin(PluginError::Answered {
                plugin,
                about: Complaint::Options,
                answer,
                ..
            }) => {
                let text = format!("plugin {plugin} refuses its options: {answer}");
                let help = format!(
                    "`wigeon plugin inspect {}` shows the options",
                    plugin.reference
                );
                pipeline
                    .complain(
                        step.options_span.clone(),
                        Code::RefusedByPlugin,
                        text,
                        Some(help),
                    )
                    .into()
            }
            _ => EngineError::OpenStep {
                step: step.name.clone(),
                source,
            },
        }
    }

    fn resolve_error(&self, step: &Step, source: ResolveError) -> EngineError {
        let ResolveError::UnknownBuiltin { closest, known, .. } = &source else {
            return EngineError::Resolve {
                step: step.name.clone(),
                source,
            };
        };
        let help = match closest {
            Some(closest) => format!("did you mean `builtin:{closest}`?"),
            None => format!("the built-in plugins are {}", known.join(", ")),
        };
        self.project
            .pipeline()
            .complain(
                step.plugin_span.clone(),
                Code::UnknownPlugin,
                source.to_string(),
                Some(help),
            )
            .into()
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

/// Refuses columns that a stored table cannot have, whether an input or a plugin brings them.
fn check_names(step: &Step, schema: &Schema, of_snapshot: bool) -> Result<(), EngineError> {
    let names = schema.fields().iter().map(|field| field.name());
    let mut reserved = names.filter_map(|name| Some((name, reserved_column(name, of_snapshot)?)));
    match reserved.next() {
        None => Ok(()),
        Some((column, reason)) => Err(EngineError::Data {
            step: step.name.clone(),
            source: DataError::ReservedColumn {
                column: column.clone(),
                reason,
            },
        }),
    }
}

fn find(schema: &Schema, column: &str, input: &str, step: &Step) -> Result<usize, EngineError> {
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
