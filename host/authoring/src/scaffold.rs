//! New projects, from templates that are real files under `templates/`.

use std::path::{Path, PathBuf};

use fs_err as fs;
use wigeon_runtime::Kind;

use crate::{AuthoringError, project::check_name};

/// A plugin to begin.
#[derive(Debug, Clone)]
pub struct NewPlugin<'a> {
    /// Where its directory is made.
    pub parent: &'a Path,
    /// Its name in kebab case, which its directory has too.
    pub name: &'a str,
    /// The kind of step that it is for.
    pub kind: Kind,
    /// The directory of the crate `wigeon-sdk`. If none is given, it is found among the directories
    /// around the new one, or else taken from the repository on the network.
    pub sdk: Option<&'a Path>,
}

/// A project that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffolded {
    /// Its directory.
    pub directory: PathBuf,
    /// Its files, relative to the directory, in the order of their names.
    pub files: Vec<String>,
    /// Where it takes the SDK from.
    pub sdk: SdkSource,
}

/// Where a project takes the SDK from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SdkSource {
    /// A directory.
    Path(PathBuf),
    /// A repository that git fetches.
    Git(&'static str),
}

impl SdkSource {
    fn dependency(&self) -> String {
        match self {
            // A literal string of TOML has no escapes, so backslashes stay as they are.
            Self::Path(path) => format!("path = '{}'", path.display()),
            Self::Git(url) => format!("git = \"{url}\""),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Path(path) => format!("the directory `{}`", path.display()),
            Self::Git(url) => format!("the repository {url}"),
        }
    }
}

/// The contract, as the project gets it to read.
const WIT: [(&str, &str); 7] = [
    ("wit/about.wit", include_str!("../../../wit/about.wit")),
    (
        "wit/change-detection.wit",
        include_str!("../../../wit/change-detection.wit"),
    ),
    (
        "wit/columnar.wit",
        include_str!("../../../wit/columnar.wit"),
    ),
    (
        "wit/incremental.wit",
        include_str!("../../../wit/incremental.wit"),
    ),
    ("wit/output.wit", include_str!("../../../wit/output.wit")),
    (
        "wit/snapshot.wit",
        include_str!("../../../wit/snapshot.wit"),
    ),
    (
        "wit/transform.wit",
        include_str!("../../../wit/transform.wit"),
    ),
];

/// What differs from one kind to the next.
struct Template {
    summary: &'static str,
    source: &'static str,
    /// The files of the first case.
    case: &'static [(&'static str, &'static str)],
    /// A step that uses the plugin.
    step: &'static str,
}

/// The files of a template's first case, by name.
macro_rules! case {
    ($kind:literal: $($file:literal),*) => {
        &[$(($file, include_str!(concat!("../templates/rust/", $kind, "/case/", $file)))),*]
    };
}

fn template(kind: Kind) -> Template {
    match kind {
        Kind::Transform => Template {
            summary: "Keeps the rows that have one value in one column",
            source: include_str!("../templates/rust/transform/src/lib.rs"),
            case: case!("transform": "case.toml", "rows.csv", "expected.txt"),
            step: include_str!("../templates/rust/transform/step.toml"),
        },
        Kind::Snapshot => Template {
            summary: "Finds the changes between the open versions and a full extract",
            source: include_str!("../templates/rust/snapshot/src/lib.rs"),
            case: case!("snapshot": "case.toml", "versions.csv", "extract.csv", "expected.txt"),
            step: include_str!("../templates/rust/snapshot/step.toml"),
        },
        Kind::Incremental => Template {
            summary: "Adds columns of the latest version of each row's key",
            source: include_str!("../templates/rust/incremental/src/lib.rs"),
            case: case!("incremental": "case.toml", "lookup.csv", "rows.csv", "expected.txt"),
            step: include_str!("../templates/rust/incremental/step.toml"),
        },
        Kind::ChangeDetection => Template {
            summary: "Finds the keys whose versions are no longer those last applied",
            source: include_str!("../templates/rust/change-detection/src/lib.rs"),
            case: case!("change-detection": "case.toml", "before.csv", "now.csv", "expected.txt"),
            step: include_str!("../templates/rust/change-detection/step.toml"),
        },
    }
}

/// Writes the project of a new plugin, whose case passes as it is.
///
/// # Errors
///
/// - [`AuthoringError::Name`] if the name cannot be that of a plugin and of a crate.
/// - [`AuthoringError::NotEmpty`] if its directory exists and has anything in it.
/// - [`AuthoringError::NoSdk`] if the SDK is not where it was said to be.
/// - [`AuthoringError::Read`] and [`AuthoringError::Write`] if the file system refuses. What was
///   written before stays.
pub fn scaffold(new: &NewPlugin<'_>) -> Result<Scaffolded, AuthoringError> {
    check_name(new.name).map_err(|reason| AuthoringError::Name {
        name: new.name.to_owned(),
        reason,
    })?;
    let directory = new.parent.join(new.name);
    refuse_non_empty(&directory)?;
    let sdk = sdk_source(new)?;

    let template = template(new.kind);
    let fill = |text: &str| {
        text.replace("{{name}}", new.name)
            .replace("{{kind}}", new.kind.name())
            .replace("{{summary_lower}}", &lower_first(template.summary))
            .replace("{{summary}}", template.summary)
            .replace("{{sdk}}", &sdk.dependency())
            .replace("{{sdk_words}}", &sdk.words())
            .replace("{{step}}", &template.step.replace("{{name}}", new.name))
    };
    let mut files = vec![
        (
            ".gitignore".to_owned(),
            include_str!("../templates/rust/gitignore").to_owned(),
        ),
        (
            "Cargo.toml".to_owned(),
            fill(include_str!("../templates/rust/Cargo.toml.template")),
        ),
        (
            "README.md".to_owned(),
            fill(include_str!("../templates/rust/README.md.template")),
        ),
        (
            "plugin.toml".to_owned(),
            fill(include_str!("../templates/rust/plugin.toml.template")),
        ),
        ("src/lib.rs".to_owned(), template.source.to_owned()),
    ];
    let case = template.case.iter();
    files
        .extend(case.map(|(file, text)| (format!("tests/cases/first/{file}"), (*text).to_owned())));
    files.extend(WIT.map(|(file, text)| (file.to_owned(), text.to_owned())));
    files.sort();
    for (file, text) in &files {
        write(&directory.join(file), text)?;
    }
    Ok(Scaffolded {
        directory,
        files: files.into_iter().map(|(file, _)| file).collect(),
        sdk,
    })
}

fn refuse_non_empty(directory: &Path) -> Result<(), AuthoringError> {
    if directory.symlink_metadata().is_err() {
        return Ok(());
    }
    let mut entries = fs::read_dir(directory).map_err(|source| AuthoringError::Read {
        path: directory.to_owned(),
        source,
    })?;
    if entries.next().is_some() {
        return Err(AuthoringError::NotEmpty {
            path: directory.to_owned(),
        });
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), AuthoringError> {
    let parent = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| AuthoringError::Write {
            path: path.to_owned(),
            source,
        })
}

fn sdk_source(new: &NewPlugin<'_>) -> Result<SdkSource, AuthoringError> {
    if let Some(path) = new.sdk {
        let none = || AuthoringError::NoSdk {
            path: path.to_owned(),
        };
        let path = fs::canonicalize(path).map_err(|_| none())?;
        return if is_sdk(&path) {
            Ok(SdkSource::Path(path))
        } else {
            Err(none())
        };
    }
    let Ok(parent) = fs::canonicalize(new.parent) else {
        return Ok(SdkSource::Git(env!("CARGO_PKG_REPOSITORY")));
    };
    let above = parent.ancestors().enumerate();
    let found = above
        .map(|(up, directory)| (up + 1, directory.join("plugins").join("sdk")))
        .find(|(_, sdk)| is_sdk(sdk));
    Ok(match found {
        // Relative, so that the repository may be moved.
        Some((up, _)) => SdkSource::Path(format!("{}plugins/sdk", "../".repeat(up)).into()),
        None => SdkSource::Git(env!("CARGO_PKG_REPOSITORY")),
    })
}

/// Says whether a directory is that of the crate `wigeon-sdk`.
fn is_sdk(directory: &Path) -> bool {
    let text = fs::read_to_string(directory.join("Cargo.toml"));
    let manifest = text.ok().and_then(|text| text.parse::<toml::Table>().ok());
    manifest.is_some_and(|manifest| {
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"));
        name.and_then(|name| name.as_str()) == Some("wigeon-sdk")
    })
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new<'a>(parent: &'a Path, name: &'a str) -> NewPlugin<'a> {
        NewPlugin {
            parent,
            name,
            kind: Kind::Transform,
            sdk: None,
        }
    }

    #[test]
    fn a_directory_with_something_in_it_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("mine");
        fs::create_dir(&directory).unwrap();
        scaffold(&new(parent.path(), "mine")).unwrap();
        let error = scaffold(&new(parent.path(), "mine")).unwrap_err();
        assert!(
            matches!(error, AuthoringError::NotEmpty { .. }),
            "{error:?}"
        );
    }

    #[test]
    fn outside_the_repository_the_sdk_is_fetched() {
        let parent = tempfile::tempdir().unwrap();
        let made = scaffold(&new(parent.path(), "mine")).unwrap();
        assert_eq!(made.sdk, SdkSource::Git(env!("CARGO_PKG_REPOSITORY")));
        let readme = fs::read_to_string(made.directory.join("README.md")).unwrap();
        assert!(readme.contains(env!("CARGO_PKG_REPOSITORY")));
        assert!(!readme.contains("{{"), "{readme}");
    }

    #[test]
    fn inside_the_repository_the_sdk_is_the_one_beside() {
        let root = tempfile::tempdir().unwrap();
        let sdk = root.path().join("plugins/sdk");
        write(
            &sdk.join("Cargo.toml"),
            "[package]\nname = \"wigeon-sdk\"\n",
        )
        .unwrap();
        let parent = root.path().join("examples");
        fs::create_dir(&parent).unwrap();
        let made = scaffold(&new(&parent, "mine")).unwrap();
        assert_eq!(made.sdk, SdkSource::Path("../../plugins/sdk".into()));
        assert!(
            made.directory
                .join("../../plugins/sdk/Cargo.toml")
                .is_file()
        );
    }

    #[test]
    fn what_is_not_the_sdk_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let plugin = NewPlugin {
            sdk: Some(parent.path()),
            ..new(parent.path(), "mine")
        };
        let error = scaffold(&plugin).unwrap_err();
        assert!(matches!(error, AuthoringError::NoSdk { .. }), "{error:?}");
    }

    #[test]
    fn every_file_of_the_contract_is_handed_out() {
        let files = fs::read_dir("../../wit").unwrap();
        let mut names: Vec<_> = files
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.contains(".wit").then(|| format!("wit/{name}")))
            .collect();
        names.sort();
        assert_eq!(names, WIT.map(|(name, _)| name));
    }
}
