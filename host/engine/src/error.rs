//! What can go wrong with a pipeline.

use std::path::PathBuf;

use wigeon_manifest::Report;
use wigeon_registry::{LockFileError, OciError, ResolveError};
use wigeon_runtime::{
    LoadError as PluginLoadError, OpenError as StepOpenError, PluginError, PluginId,
};
use wigeon_warehouse::{
    CheckpointError, LawError, LoadError, LockError, OpenError, ReadBackError, ReadError,
};

use crate::GuardBreach;

/// Why a pipeline could not be read, planned or run. Nothing of the failed load was stored; what
/// was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The manifest could not be read.
    #[error("could not read the manifest `{path}`")]
    ReadManifest {
        /// The manifest.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The manifest has mistakes.
    #[error(transparent)]
    Manifest(#[from] Report),
    /// A step was asked for that the pipeline does not have.
    #[error("there is no step `{name}` in the pipeline")]
    UnknownStep {
        /// The name that was asked for.
        name: String,
        /// The steps that there are.
        known: Vec<String>,
    },
    /// A transform that is not stored was asked for.
    #[error("step `{name}` is a transform that is not stored, so it cannot run by itself")]
    NotRunnable {
        /// The step.
        name: String,
    },
    /// An extract of a step without a guard was to be accepted.
    #[error("step `{name}` has no guard, so there is nothing to accept")]
    NoGuard {
        /// The step.
        name: String,
    },
    /// Another invocation runs the pipeline.
    #[error(transparent)]
    Busy(#[from] LockError),
    /// The warehouse could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A plugin could not be found.
    #[error("step `{step}` could not get its plugin")]
    Resolve {
        /// The step.
        step: String,
        /// Why not.
        source: ResolveError,
    },
    /// The lock file does not agree with a plugin, or cannot be used.
    #[error(transparent)]
    LockFile(#[from] LockFileError),
    /// A component cannot be loaded as a plugin.
    #[error("step `{step}` cannot use its plugin")]
    LoadPlugin {
        /// The step; the reference itself when a plugin is inspected.
        step: String,
        /// Why not.
        source: PluginLoadError,
    },
    /// A plugin refused to open a step, or failed while it did.
    #[error("step `{step}` could not be opened")]
    OpenStep {
        /// The step.
        step: String,
        /// Why not.
        source: StepOpenError,
    },
    /// A plugin failed.
    #[error("step `{step}` failed")]
    Plugin {
        /// The step.
        step: String,
        /// How.
        source: PluginError,
    },
    /// The keys of a step do not fit the memory of its plugin's instances, however few each has.
    #[error("step `{step}` failed, in {passes} passes over its keys as well")]
    OutOfMemory {
        /// The step.
        step: String,
        /// The most passes that there can be.
        passes: usize,
        /// How it failed last.
        source: PluginError,
    },
    /// An input could not be read.
    #[error("step `{step}` could not read its input")]
    Read {
        /// The step.
        step: String,
        /// Why not.
        source: ReadError,
    },
    /// The warehouse could not be read.
    #[error("the warehouse could not be read")]
    ReadWarehouse(#[source] ReadError),
    /// A step could not read what is stored: a history, its target, or rows kept for it.
    #[error("step `{step}` could not read the warehouse")]
    ReadStored {
        /// The step.
        step: String,
        /// Why not.
        source: ReadError,
    },
    /// The result could not be stored.
    #[error("step `{step}` could not store its result")]
    Load {
        /// The step.
        step: String,
        /// Why not.
        source: LoadError,
    },
    /// What a plugin emitted breaks the law of its kind of step.
    #[error("step `{step}` failed")]
    BrokeLaw {
        /// The step.
        step: String,
        /// Which law, and whose plugin.
        source: BrokenLaw,
    },
    /// What was committed could not be moved from the log into the warehouse. It is stored all the
    /// same, and the next run goes on from there.
    #[error("what was committed is stored, but in the log of the warehouse only")]
    Checkpoint(#[source] CheckpointError),
    /// All steps are done, and what they have stored is not as they stored it.
    #[error("the run is done, but its result cannot be relied on")]
    ReadBack(#[source] ReadBackError),
    /// An input, or the result, is not what it must be.
    #[error("step `{step}` stopped")]
    Data {
        /// The step.
        step: String,
        /// What is wrong.
        source: DataError,
    },
    /// Arrow refused rows of the host's own.
    #[error("step `{step}` could not work with its rows")]
    Arrow {
        /// The step.
        step: String,
        /// What Arrow says.
        source: arrow_schema::ArrowError,
    },
    /// A temporary directory could not be made.
    #[error("could not make a temporary directory")]
    Temporary(#[source] std::io::Error),
    /// A plugin that is not in a registry was to be pushed to one, or pulled.
    #[error("`{reference}` does not name a place in a registry")]
    NotInRegistry {
        /// The reference.
        reference: String,
    },
    /// A registry did not take a plugin.
    #[error("could not push `{reference}`")]
    Push {
        /// The reference.
        reference: String,
        /// Why not.
        source: OciError,
    },
    /// A plugin could not be written to a file.
    #[error("could not write the plugin to `{path}`")]
    WritePlugin {
        /// The file, or the directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A text is not a reference of a plugin.
    #[error(transparent)]
    Reference {
        /// Why not.
        source: wigeon_manifest::PluginReferenceError,
    },
    /// The run was cancelled.
    #[error("the run was interrupted; nothing of step `{step}` was stored")]
    Cancelled {
        /// The step that was under way.
        step: String,
    },
    /// A thread of ours panicked.
    #[error("step `{step}` failed in a way that it should not")]
    Internal {
        /// The step.
        step: String,
    },
}

impl EngineError {
    /// Tells what was cut because the run was cancelled as what it is: nothing is wrong with the
    /// plugin whose call it was, or with the registry.
    pub(crate) fn or_cancelled(self) -> Self {
        match self {
            Self::Plugin {
                step,
                source: PluginError::Stopped { .. },
            }
            | Self::OpenStep {
                step,
                source: StepOpenError::Plugin(PluginError::Stopped { .. }),
            }
            | Self::LoadPlugin {
                step,
                source: PluginLoadError::Describe(PluginError::Stopped { .. }),
            }
            | Self::Resolve {
                step,
                source:
                    ResolveError::Pull {
                        source: OciError::Interrupted { .. },
                        ..
                    },
            } => Self::Cancelled { step },
            other => other,
        }
    }
}

/// What a plugin emitted that its kind of step does not allow.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin} broke the law of its kind of step")]
pub struct BrokenLaw {
    /// The plugin.
    pub plugin: PluginId,
    /// The law.
    #[source]
    pub law: LawError,
}

/// What is wrong with the data of a step.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is no file for a step that has never run.
    #[error("no file matches `{pattern}`")]
    NoFiles {
        /// The pattern, as the manifest has it.
        pattern: String,
    },
    /// A file that was loaded has other contents now.
    #[error("`{path}` was loaded on {loaded_at} and has changed since")]
    ChangedFile {
        /// The file.
        path: String,
        /// When it was loaded.
        loaded_at: String,
        /// Its digest when it was loaded.
        before: String,
        /// Its digest now.
        now: String,
    },
    /// A table that cannot be made once more.
    #[error("the table of `{step}` cannot be recomputed, since {reason}")]
    NotRecomputable {
        /// The step.
        step: String,
        /// Why not.
        reason: String,
    },
    /// A file whose name has no time in it where the pattern has one.
    #[error("`{path}` matches `{pattern}`, but its name has no valid time")]
    NoTime {
        /// The file.
        path: String,
        /// The pattern.
        pattern: String,
    },
    /// Two extracts for one time.
    #[error("`{first}` and `{second}` are extracts for the same time")]
    SameTime {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// An extract older than the newest that was taken.
    #[error("`{path}` is for {time}, but the newest extract taken is for {newest}")]
    OlderExtract {
        /// The extract.
        path: String,
        /// Its time.
        time: String,
        /// The time of the newest.
        newest: String,
    },
    /// A key that is null.
    #[error("`{path}` has a null in the key column `{column}`{place}")]
    NullKey {
        /// The file or table.
        path: String,
        /// The column.
        column: String,
        /// ` on line 3`, or nothing where that cannot be told.
        place: String,
    },
    /// Rows that could never be found to be new.
    #[error("`{path}` has a null in the watermark column `{column}` ({rows} of its rows)")]
    NullWatermark {
        /// The table.
        path: String,
        /// The column.
        column: String,
        /// How many rows have a null there.
        rows: u64,
    },
    /// A key that occurs twice in a full extract.
    #[error("`{path}` has the key {key} more than once{places}")]
    DuplicateKey {
        /// The file or table.
        path: String,
        /// The key.
        key: String,
        /// `, on lines 3 and 9`, or nothing where that cannot be told.
        places: String,
    },
    /// An extract that the guard stops.
    #[error("`{path}` {}", GuardBreach::join(breaches))]
    Guard {
        /// The extract.
        path: String,
        /// What the guard has against it, at least one.
        breaches: Vec<GuardBreach>,
    },
    /// A column that is not there.
    #[error("there is no column `{column}` in `{input}`, which has {known}")]
    NoColumn {
        /// The column.
        column: String,
        /// The input that lacks it.
        input: String,
        /// The columns that it has.
        known: String,
    },
    /// A column that a stored table cannot have.
    #[error("its table cannot have a column `{column}`, which {reason}")]
    ReservedColumn {
        /// The column.
        column: String,
        /// Why not, in words that follow "which".
        reason: &'static str,
    },
    /// Key columns that cannot be compared.
    #[error("key column `{column}` is {actual}, but `{other}` of the lookup is {expected}")]
    KeyType {
        /// The column.
        column: String,
        /// Its type.
        actual: String,
        /// The lookup's column.
        other: String,
        /// Its type.
        expected: String,
    },
    /// The target's plugin cannot be asked again about rows that were loaded.
    #[error("the rows of `{target}` cannot be updated, since {reason}")]
    NotUpdatable {
        /// The target step.
        target: String,
        /// Why not.
        reason: String,
    },
}
