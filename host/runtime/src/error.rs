//! What can go wrong with a plugin. Its four ways of failing stay apart.

use wigeon_columnar::{AssembleError, DecodeError, EncodeError, FieldError};

use crate::{CONTRACT_VERSION, Kind, Limit};

/// Which plugin it was: the reference of the manifest, and the digest of the component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginId {
    /// The reference: `builtin:scd2`.
    pub reference: String,
    /// The digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

impl std::fmt::Display for PluginId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digest = self.digest.get(..19).unwrap_or(&self.digest);
        write!(f, "`{}` ({digest}…)", self.reference)
    }
}

/// How a plugin failed, or was not allowed to go on.
///
/// Batches are counted by the instance: if a step has several lanes, or transforms before it, the
/// number is not the one that its input would give the batch.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The plugin answered with an error: its own words.
    #[error("plugin {plugin} says{}: {answer}", at(.batch.as_ref()))]
    Answered {
        /// The plugin.
        plugin: PluginId,
        /// Which batch of those that the function was lent, from 1, if it is lent any.
        batch: Option<u64>,
        /// What it is about.
        about: Complaint,
        /// Its words, cut and with control characters escaped.
        answer: String,
    },
    /// The plugin trapped: a bug in it.
    #[error("plugin {plugin} trapped in `{call}`{}: {trap}", at(.batch.as_ref()))]
    Trapped {
        /// The plugin.
        plugin: PluginId,
        /// The exported function.
        call: &'static str,
        /// Which batch of those that the function was lent, from 1, if it is lent any.
        batch: Option<u64>,
        /// What kind of trap.
        trap: String,
        /// Where, as far as the component's names tell.
        backtrace: Option<String>,
    },
    /// The plugin used more than it may.
    #[error("plugin {plugin} used more than {limit} in `{call}`{}", at(.batch.as_ref()))]
    LimitReached {
        /// The plugin.
        plugin: PluginId,
        /// The exported function.
        call: &'static str,
        /// Which batch of those that the function was lent, from 1, if it is lent any.
        batch: Option<u64>,
        /// Which limit.
        limit: Limit,
    },
    /// The call was cut, because whoever made it wants to stop. Nothing is wrong with the plugin.
    #[error("plugin {plugin} was stopped in `{call}`")]
    Stopped {
        /// The plugin.
        plugin: PluginId,
        /// The exported function.
        call: &'static str,
    },
    /// The plugin returned what the contract does not allow.
    #[error("plugin {plugin} broke the contract in `{call}`{}", at(.batch.as_ref()))]
    BrokeContract {
        /// The plugin.
        plugin: PluginId,
        /// The exported function.
        call: &'static str,
        /// Which batch of those that the function was lent, from 1, if it is lent any.
        batch: Option<u64>,
        /// How.
        source: Breach,
    },
}

fn at(batch: Option<&u64>) -> String {
    batch.map_or_else(String::new, |batch| format!(" at batch {batch}"))
}

impl PluginError {
    /// Returns the plugin that failed.
    pub fn plugin(&self) -> &PluginId {
        match self {
            Self::Answered { plugin, .. }
            | Self::Trapped { plugin, .. }
            | Self::LimitReached { plugin, .. }
            | Self::Stopped { plugin, .. }
            | Self::BrokeContract { plugin, .. } => plugin,
        }
    }
}

/// What a plugin's own error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// The options of the manifest.
    Options,
    /// The columns of the input.
    Schema,
    /// A row.
    Data,
    /// Anything else.
    Other,
}

/// How a plugin broke the contract.
#[derive(Debug, thiserror::Error)]
pub enum Breach {
    /// Its schema cannot be used.
    #[error("the schema cannot be used")]
    Schema(#[from] FieldError),
    /// An emitted array is not valid.
    #[error("emitted column {column}")]
    Array {
        /// The output column, from 0.
        column: usize,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The emitted columns make no rows.
    #[error(transparent)]
    Rows(#[from] AssembleError),
    /// It emitted where nothing may be emitted.
    #[error("nothing may be emitted here")]
    EmittedTooEarly,
    /// It used a batch after the call that lent it.
    #[error("it used a batch that is no longer lent")]
    StaleBatch,
    /// It read a column that the batch does not have.
    #[error("it read column {column} of a batch that has {count}")]
    NoColumn {
        /// The number of the column.
        column: u32,
        /// How many there are.
        count: usize,
    },
    /// A column cannot cross: the host should not have offered it.
    #[error("a column cannot cross")]
    Encode(#[from] EncodeError),
    /// It emitted more rows at once than a batch may have.
    #[error("it emitted {rows} rows at once, and a batch has 2147483647 at most")]
    BatchRows {
        /// How many it emitted.
        rows: u32,
    },
    /// It lost or added rows.
    #[error("it was given {given} rows and emitted {emitted}")]
    RowCount {
        /// How many rows it was given.
        given: u64,
        /// How many it emitted.
        emitted: u64,
    },
    /// It names a column as the event time that cannot be one.
    #[error("column {column} cannot be the event time")]
    EventTime {
        /// The number of the column.
        column: u32,
    },
    /// It called a function of WASI that cannot be denied by what it answers.
    #[error("it called `{function}`, which plugins are not given")]
    Denied {
        /// The interface and the function.
        function: String,
    },
    /// It asked for more of WASI than any plugin needs.
    #[error("it asked for more than {most} {what} at once")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much is given.
        most: u64,
    },
    /// It ended itself.
    #[error("it exited instead of returning")]
    Exited,
    /// What it returned made Arrow panic.
    #[error("what it returned could not be decoded")]
    Panic,
}

/// Why a component cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are a component that is damaged, or uses what the runtime does not know.
    #[error("plugin {plugin} is not a valid WebAssembly component")]
    NotAComponent {
        /// The plugin.
        plugin: PluginId,
        /// What wasmtime says.
        source: CompileError,
    },
    /// The bytes are no WebAssembly at all.
    #[error("plugin {plugin} is not WebAssembly")]
    NotWebAssembly {
        /// The plugin.
        plugin: PluginId,
    },
    /// The bytes are a module, which is what components are made of.
    #[error("plugin {plugin} is a core module of WebAssembly, not a component")]
    CoreModule {
        /// The plugin.
        plugin: PluginId,
    },
    /// It imports what the host does not offer.
    #[error("plugin {plugin} imports `{import}`, which plugins are not given")]
    Import {
        /// The plugin.
        plugin: PluginId,
        /// The import.
        import: String,
    },
    /// It speaks another version of the contract.
    #[error(
        "plugin {plugin} speaks version {found} of the plugin contract, this wigeon {CONTRACT_VERSION}"
    )]
    ContractVersion {
        /// The plugin.
        plugin: PluginId,
        /// The version that it speaks.
        found: String,
    },
    /// It exports none of the interfaces of a step.
    #[error("plugin {plugin} is a component, but exports no step of Wigeon's")]
    NoStep {
        /// The plugin.
        plugin: PluginId,
    },
    /// Its exports are not those of its kind.
    #[error("plugin {plugin} does not export what a {kind} plugin must")]
    Exports {
        /// The plugin.
        plugin: PluginId,
        /// The kind that it claims.
        kind: Kind,
        /// What wasmtime says.
        source: CompileError,
    },
    /// It failed before its first step.
    #[error(transparent)]
    Describe(#[from] PluginError),
}

/// Why a step cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The plugin is of another kind.
    #[error("plugin {plugin} is a {actual} plugin, not a {expected} plugin")]
    Kind {
        /// The plugin.
        plugin: PluginId,
        /// The kind of the step.
        expected: Kind,
        /// The kind of the plugin.
        actual: Kind,
    },
    /// The host's schema cannot cross.
    #[error("the input cannot be handed to a plugin")]
    Input(#[source] FieldError),
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// What wasmtime says of a component, as text: its own error type stays in this crate.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CompileError(String);

impl CompileError {
    pub(crate) fn new(error: &wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}
