//! `wigeon plugin new`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::json;
use wigeon_authoring::{Language, NewPlugin, Scaffolded, SdkSource, scaffold};

use crate::{
    arguments::{Format, FormatArgument},
    command_error::CommandError,
    exit,
    printer::Printer,
};

/// Begin a plugin: a directory with a small one that works, and its tests
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// Its name, lower-case words joined by `-`; the directory is made here, under the same name
    name: String,

    /// The kind of step that it is for
    #[arg(long, value_enum)]
    kind: KindArgument,

    /// The language to write it in
    #[arg(long, value_enum, default_value_t = LanguageArgument::Rust)]
    lang: LanguageArgument,

    /// For Rust, the directory of the crate `wigeon-sdk`, instead of the one around this directory, or else a copy in the project
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,

    #[command(flatten)]
    format: FormatArgument,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArgument {
    /// Rows to rows
    Transform,
    /// The changes between the open versions and a full extract
    Snapshot,
    /// New rows, completed from a lookup
    Incremental,
    /// Which keys have changed
    ChangeDetection,
}

impl From<KindArgument> for wigeon_runtime::Kind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::Transform => Self::Transform,
            KindArgument::Snapshot => Self::Snapshot,
            KindArgument::Incremental => Self::Incremental,
            KindArgument::ChangeDetection => Self::ChangeDetection,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LanguageArgument {
    /// Rust, with cargo
    Rust,
    /// C, with clang and wasi-libc
    C,
    /// Python, with componentize-py
    Python,
    /// JavaScript, with Node.js and componentize-js
    Js,
}

impl From<LanguageArgument> for Language {
    fn from(language: LanguageArgument) -> Self {
        match language {
            LanguageArgument::Rust => Self::Rust,
            LanguageArgument::C => Self::C,
            LanguageArgument::Python => Self::Python,
            LanguageArgument::Js => Self::JavaScript,
        }
    }
}

impl NewArguments {
    /// Returns how the answer is printed.
    pub(super) fn format(&self) -> FormatArgument {
        self.format
    }
}

/// Writes a project.
pub(super) fn run(printer: &Printer, arguments: &NewArguments) -> Result<ExitCode, CommandError> {
    let language = arguments.lang.into();
    let made = scaffold(&NewPlugin {
        parent: Path::new("."),
        name: &arguments.name,
        kind: arguments.kind.into(),
        language,
        sdk: arguments.sdk.as_deref(),
    })?;
    match arguments.format.format {
        Format::Json => printer.json(&json!({
            "name": arguments.name,
            "language": language.name(),
            "directory": arguments.name,
            "files": made.files,
            "sdk": made.sdk.as_ref().map(place),
        }))?,
        Format::Text => printer.summary(&text(&arguments.name, language, &made))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn place(sdk: &SdkSource) -> String {
    match sdk {
        SdkSource::Path(path) => path.display().to_string(),
        SdkSource::Vendored => SdkSource::VENDORED.to_owned(),
    }
}

fn text(name: &str, language: Language, made: &Scaffolded) -> String {
    let files = made.files.join("\n  ");
    let sdk = made.sdk.as_ref().map_or(String::new(), |sdk| match sdk {
        SdkSource::Path(path) => format!("The SDK comes from {}\n", path.display()),
        SdkSource::Vendored => format!("The SDK was copied to {}\n", SdkSource::VENDORED),
    });
    let install = match language {
        Language::JavaScript => "npm install && ",
        Language::Rust | Language::C | Language::Python => "",
    };
    format!("wrote {name}/\n  {files}\n\n{sdk}Next: `cd {name} && {install}wigeon plugin test`")
}
