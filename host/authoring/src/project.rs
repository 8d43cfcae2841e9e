//! The project of one plugin: a directory with a `plugin.toml`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use fs_err as fs;
use serde::Deserialize;
use wigeon_runtime::{Kind, Limits};

use crate::AuthoringError;

/// The file that makes a directory a project.
pub(crate) const PROJECT_FILE: &str = "plugin.toml";

/// A plugin's source, and what is to be known for building and testing it.
#[derive(Debug, Clone)]
pub struct Project {
    pub(crate) directory: PathBuf,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) language: Option<Language>,
    pub(crate) limits: Limits,
    pub(crate) build: Option<BuildTable>,
}

/// What a plugin is written in, of what [`scaffold()`](crate::scaffold()) has templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust: cargo builds it.
    Rust,
    /// C: a script of the project makes a core module with clang.
    C,
    /// Python: a script of the project makes a component with componentize-py.
    Python,
    /// JavaScript: a script of the project makes a component with componentize-js.
    JavaScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::C, Self::Python, Self::JavaScript];

    /// Returns the name, as `plugin.toml` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Python => "python",
            Self::JavaScript => "js",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectTable {
    name: String,
    kind: String,
    language: String,
    build: Option<BuildTable>,
    #[serde(default)]
    limits: LimitsTable,
}

/// How a project is built that cargo does not build.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildTable {
    /// The program and its arguments, started in the project's directory.
    pub(crate) command: Vec<String>,
    /// The file that it writes: a component, or a core module to make one of.
    pub(crate) output: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    memory_mib: Option<u32>,
    call_timeout_secs: Option<u32>,
    output_rows: Option<u64>,
    output_mib: Option<u32>,
    log_lines: Option<u32>,
}

impl Project {
    /// Reads the project in `directory`.
    ///
    /// # Errors
    ///
    /// - [`AuthoringError::NoProject`] if there is none.
    /// - [`AuthoringError::Read`] and [`AuthoringError::Invalid`] if its `plugin.toml` cannot be
    ///   used.
    pub fn open(directory: &Path) -> Result<Self, AuthoringError> {
        let path = directory.join(PROJECT_FILE);
        if !path.is_file() {
            return Err(AuthoringError::NoProject {
                path: shown(directory),
            });
        }
        let text = fs::read_to_string(&path).map_err(|source| AuthoringError::Read {
            path: path.clone(),
            source,
        })?;
        let invalid = |reason: String| AuthoringError::Invalid {
            path: path.clone(),
            reason,
        };
        let table: ProjectTable =
            toml::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        if let Err(reason) = check_name(&table.name) {
            return Err(invalid(format!("`name` is `{}`: {reason}", table.name)));
        }
        let kind = kind(&table.kind).ok_or_else(|| {
            let kinds = Kind::ALL.map(Kind::name).join("`, `");
            invalid(format!("`kind` is `{}`, not one of `{kinds}`", table.kind))
        })?;
        let language = Language::ALL
            .into_iter()
            .find(|language| language.name() == table.language);
        if table.build.is_none() && language != Some(Language::Rust) {
            return Err(invalid(format!(
                "how a plugin in `{}` is built is not known: say it with `command` and `output` under `[build]`",
                table.language
            )));
        }
        if table
            .build
            .as_ref()
            .is_some_and(|build| build.command.is_empty())
        {
            return Err(invalid("`command` under `[build]` is empty".to_owned()));
        }
        let default = Limits::default();
        let limits = Limits {
            memory_bytes: table
                .limits
                .memory_mib
                .map_or(default.memory_bytes, |mib| (mib as usize) << 20),
            call_timeout: table
                .limits
                .call_timeout_secs
                .map_or(default.call_timeout, |secs| {
                    Duration::from_secs(secs.into())
                }),
            output_rows: table.limits.output_rows.unwrap_or(default.output_rows),
            output_bytes: table
                .limits
                .output_mib
                .map_or(default.output_bytes, |mib| u64::from(mib) << 20),
            log_lines: table.limits.log_lines.map_or(default.log_lines, u64::from),
        };
        Ok(Self {
            directory: directory.to_owned(),
            name: table.name,
            kind,
            language,
            limits,
            build: table.build,
        })
    }

    /// Returns the plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the kind of step that the plugin is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns what the plugin is written in, none if there is no template for it.
    pub fn language(&self) -> Option<Language> {
        self.language
    }

    /// Returns where the component is written to: `target/<name>.wasm` in the project.
    pub fn component_path(&self) -> PathBuf {
        self.directory
            .join("target")
            .join(&self.name)
            .with_extension("wasm")
    }

    /// Returns the directory with the cases.
    pub fn cases(&self) -> PathBuf {
        self.directory.join("tests").join("cases")
    }
}

/// Returns the reference of a plugin that is named as in a manifest, by the path of its component,
/// or by the directory of its project.
///
/// # Errors
///
/// - [`AuthoringError::NotBuilt`] if it is a project without a component.
/// - [`AuthoringError::NoProject`] if it is another directory, and what [`Project::open`] says.
pub fn located(plugin: &str) -> Result<String, AuthoringError> {
    let path = Path::new(plugin);
    if path.is_dir() {
        let component = Project::open(path)?.component_path();
        if !component.is_file() {
            return Err(AuthoringError::NotBuilt { path: component });
        }
        return Ok(format!("file:{}", component.display()));
    }
    if path.is_file() {
        return Ok(format!("file:{plugin}"));
    }
    Ok(plugin.to_owned())
}

pub(crate) fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// Returns the present directory as one dot rather than as nothing.
fn shown(directory: &Path) -> PathBuf {
    if directory.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    directory.to_owned()
}

/// Says what is wrong with a name, if anything. It is the name of a crate too.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    const TAKEN: [&str; 12] = [
        "alloc",
        "build",
        "core",
        "deps",
        "examples",
        "incremental",
        "proc-macro",
        "self",
        "std",
        "super",
        "test",
        "wigeon-sdk",
    ];
    const KEYWORDS: [&str; 24] = [
        "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum",
        "extern", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "type",
        "use", "while",
    ];
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("it must begin with a lower-case letter");
    }
    if !name.chars().all(|c| lower(c) || c == '-') {
        return Err("it is made of lower-case letters, digits and `-`");
    }
    if name.ends_with('-') || name.contains("--") {
        return Err("each `-` stands between two words");
    }
    if name.len() > 64 {
        return Err("it has at most 64 letters");
    }
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        return Err("the word means something to Rust or to cargo");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_joined_by_dashes() {
        for name in ["mask", "url-parts", "v2"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "", "Mask", "2x", "a_b", "a-", "a--b", "../a", "fn", "std", "ä",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_project_in_another_language_says_how_it_is_built() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let write = |text: &str| fs::write(path.join(PROJECT_FILE), text).unwrap();

        write("name = \"a\"\nkind = \"transform\"\nlanguage = \"c\"\n");
        let error = Project::open(path).unwrap_err().to_string();
        assert!(
            error.ends_with("`command` and `output` under `[build]`"),
            "{error}"
        );

        write(
            "name = \"a\"\nkind = \"transform\"\nlanguage = \"c\"\n[build]\ncommand = [\"make\"]\noutput = \"a.wasm\"\n",
        );
        assert_eq!(Project::open(path).unwrap().language, Some(Language::C));

        write(
            "name = \"a\"\nkind = \"transform\"\nlanguage = \"zig\"\n[build]\ncommand = [\"make\"]\noutput = \"a.wasm\"\n",
        );
        assert_eq!(Project::open(path).unwrap().language, None);
    }

    #[test]
    fn limits_that_are_left_out_are_those_of_a_step() {
        let directory = tempfile::tempdir().unwrap();
        let text =
            "name = \"a\"\nkind = \"snapshot\"\nlanguage = \"rust\"\n[limits]\nmemory_mib = 64\n";
        fs::write(directory.path().join(PROJECT_FILE), text).unwrap();
        let project = Project::open(directory.path()).unwrap();
        assert_eq!(project.limits.memory_bytes, 64 << 20);
        assert_eq!(project.limits.call_timeout, Limits::default().call_timeout);
        assert_eq!(project.limits.output_bytes, Limits::default().output_bytes);

        let more = "output_rows = 7\noutput_mib = 2\nlog_lines = 0\n";
        fs::write(directory.path().join(PROJECT_FILE), format!("{text}{more}")).unwrap();
        let limits = Project::open(directory.path()).unwrap().limits;
        assert_eq!(limits.output_rows, 7);
        assert_eq!(limits.output_bytes, 2 << 20);
        assert_eq!(limits.log_lines, 0);
    }
}
