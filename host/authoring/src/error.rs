//! Why an author's command cannot be carried out.

use std::{io, path::PathBuf};

use wigeon_build::BuildError;
use wigeon_runtime::{LoadError, OpenError, PluginError};

use crate::Language;

/// Why an author's command cannot be carried out.
///
/// That a case or a property fails is no error but an outcome.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// The name of a new plugin cannot be used.
    #[error("`{name}` cannot be the name of a plugin: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The directory of a new plugin has something in it.
    #[error("the directory `{path}` exists and is not empty")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The path given for the SDK has none.
    #[error("`{path}` is not the directory of the crate `wigeon-sdk`")]
    NoSdk {
        /// The directory.
        path: PathBuf,
    },
    /// A path was given for the SDK of a plugin that has none.
    #[error("a plugin in `{}` does not use the crate `wigeon-sdk`", language.name())]
    UnusedSdk {
        /// What it is to be written in.
        language: Language,
    },
    /// A file of a new project could not be written.
    #[error("could not write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory has no `plugin.toml`.
    #[error("`{path}` is not the directory of a plugin: it has no `plugin.toml`")]
    NoProject {
        /// The directory.
        path: PathBuf,
    },
    /// A file of the project is not as it must be.
    #[error("`{path}` cannot be used: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The program that builds the plugin is not there.
    #[error("`{program}`, which builds the plugin, could not be started")]
    NoTool {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The program that builds the plugin failed.
    #[error("`{command}` failed:\n{output}")]
    Tool {
        /// The command.
        command: String,
        /// What it printed.
        output: String,
    },
    /// The crate did not become a component.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The component has not been built yet.
    #[error("the plugin has not been built: there is no `{path}`")]
    NotBuilt {
        /// Where the component would be.
        path: PathBuf,
    },
    /// The component is no plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The plugin is of another kind than its project says.
    #[error(
        "`plugin.toml` says that the plugin is of the kind `{said}`, but it is of the kind `{is}`"
    )]
    Kind {
        /// What `plugin.toml` says.
        said: String,
        /// What the component is.
        is: String,
    },
    /// The project has no case.
    #[error("there is no case in `{path}`")]
    NoCase {
        /// The directory for cases.
        path: PathBuf,
    },
    /// The plugin cannot be measured since it cannot be opened on the case.
    #[error("the plugin cannot be opened on the case `{case}`")]
    Open {
        /// The case.
        case: String,
        /// Why not.
        source: OpenError,
    },
    /// The plugin fails on what it is measured with.
    #[error("the plugin fails on the case `{case}`")]
    Fails {
        /// The case.
        case: String,
        /// How.
        source: PluginError,
    },
    /// The case cannot be blown up to many rows.
    #[error("the case `{case}` cannot be made larger: {reason}")]
    Growing {
        /// The case.
        case: String,
        /// Why not.
        reason: String,
    },
}
