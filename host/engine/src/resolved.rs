//! Steps with their plugins loaded and their schemas known: what a plan and a run start from.

mod chain;
mod complaints;
mod work;

use std::{collections::HashMap, path::Path, time::Duration};

use arrow_schema::{Schema, SchemaRef};
use chrono::{DateTime, SecondsFormat, Utc};
use wigeon_manifest::{Source, Step, StepKind, UpdateMode, reserved_column};
use wigeon_registry::{LockFile, resolve};
use wigeon_runtime::{
    CONTRACT_VERSION, ChangeDetectionInput, ChangeDetectionInstance, Grants, IncrementalInput,
    Kind, Limits, OpenError, Plugin, PluginId, Runtime, Seed, SnapshotInput, SnapshotInstance,
};
use wigeon_warehouse::{OverlayShape, SnapshotTable};

use crate::{Cancellation, DataError, EngineError, Project};

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

    /// Resolves steps that can run by themselves, each for its time.
    pub(crate) fn steps(
        &mut self,
        steps: &[(&'a Step, DateTime<Utc>)],
    ) -> Result<Vec<ResolvedStep<'a>>, EngineError> {
        let resolve = |(step, at): &(&'a Step, DateTime<Utc>)| self.step(step, *at);
        steps.iter().map(resolve).collect()
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
