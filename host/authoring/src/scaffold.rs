//! New projects, from templates that are real files under `templates/`.
//!
//! A template has a part for the kind (`kind.rs`: the first case, a step) and a part for the
//! language (`language.rs`: sources, how it is built). The two meet in `README.md` and
//! `plugin.toml`, which all projects share.

mod kind;
mod language;
mod sdk;
mod template;
mod vendored;

use std::path::{Path, PathBuf};

use fs_err as fs;
use wigeon_runtime::Kind;

use crate::{AuthoringError, Language, project::check_name};
use template::{File, Words, file};

pub use sdk::SdkSource;

/// A plugin to begin.
#[derive(Debug, Clone)]
pub struct NewPlugin<'a> {
    /// Where its directory is made.
    pub parent: &'a Path,
    /// Its name in kebab case, which its directory has too.
    pub name: &'a str,
    /// The kind of step that it is for.
    pub kind: Kind,
    /// What it is written in.
    pub language: Language,
    /// The directory of the crate `wigeon-sdk`, for a plugin in Rust. If none is given, it is found
    /// among the directories around the new one, or else copied into it.
    pub sdk: Option<&'a Path>,
}

/// A project that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffolded {
    /// Its directory.
    pub directory: PathBuf,
    /// Its files, relative to the directory, in the order of their names, without those of a copied
    /// SDK.
    pub files: Vec<String>,
    /// Where it takes the SDK from, if it is in Rust.
    pub sdk: Option<SdkSource>,
}

/// What all projects share, filled in by kind and language.
const SHARED: [File; 2] = [
    file!("README.md", "README.md.template"),
    file!("plugin.toml", "plugin.toml.template"),
];

/// The contract, as the project gets it: the build of most languages reads it.
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

/// Writes the project of a new plugin, whose case passes as it is.
///
/// # Errors
///
/// - [`AuthoringError::Name`] if the name cannot be that of a plugin and of a crate.
/// - [`AuthoringError::UnusedSdk`] if an SDK is named for another language than Rust.
/// - [`AuthoringError::NotEmpty`] if its directory exists and has anything in it.
/// - [`AuthoringError::NoSdk`] if the SDK is not where it was said to be.
/// - [`AuthoringError::Read`] and [`AuthoringError::Write`] if the file system refuses. What was
///   written before stays.
pub fn scaffold(new: &NewPlugin<'_>) -> Result<Scaffolded, AuthoringError> {
    check_name(new.name).map_err(|reason| AuthoringError::Name {
        name: new.name.to_owned(),
        reason,
    })?;
    if new.sdk.is_some() && new.language != Language::Rust {
        return Err(AuthoringError::UnusedSdk {
            language: new.language,
        });
    }
    let directory = new.parent.join(new.name);
    refuse_non_empty(&directory)?;
    let sdk = match new.language {
        Language::Rust => Some(SdkSource::find(new.parent, new.sdk)?),
        Language::C | Language::Python | Language::JavaScript => None,
    };

    let kind = kind::of(new.kind);
    let language = language::of(new.language);
    let mut words = Words::default();
    words.add("name", new.name);
    words.add("kind", new.kind.name());
    words.add("lang", new.language.name());
    words.add("summary", kind.summary);
    words.add("summary_lower", &lower_first(kind.summary));
    words.add(
        "step_module",
        &format!("{}_step", new.kind.name().replace('-', "_")),
    );
    words.add("step", kind.step.text());
    if let Some(sdk) = &sdk {
        words.add("sdk", &sdk.dependency());
        words.add("sdk_words", &sdk.words());
    }
    words.add("build", language.build.text());
    words.add("building", language.building.text());
    words.add("files", language.table.text());

    let templates = SHARED.iter().chain(language::files(&language, new.kind));
    let templates = templates.chain(kind.case);
    let mut files: Vec<_> = templates
        .map(|file| (file.path, words.fill_bytes(file.contents)))
        .collect();
    files.extend(WIT.map(|(path, text)| (path, text.into())));
    files.sort();
    for (path, contents) in &files {
        write(&directory.join(path), contents)?;
    }
    if sdk == Some(SdkSource::Vendored) {
        for (path, contents) in vendored::files() {
            write(&directory.join(path), &contents)?;
        }
    }
    Ok(Scaffolded {
        directory,
        files: files.into_iter().map(|(path, _)| path.to_owned()).collect(),
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

fn write(path: &Path, contents: &[u8]) -> Result<(), AuthoringError> {
    let parent = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, contents))
        .map_err(|source| AuthoringError::Write {
            path: path.to_owned(),
            source,
        })
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Project;

    fn new<'a>(parent: &'a Path, name: &'a str, language: Language, kind: Kind) -> NewPlugin<'a> {
        NewPlugin {
            parent,
            name,
            kind,
            language,
            sdk: None,
        }
    }

    /// Says whether a text has a placeholder, such as `{{name}}`.
    fn has_placeholder(text: &str) -> bool {
        let mut pieces = text.split("{{").skip(1);
        pieces.any(|piece| {
            let word = piece.split_once("}}").map_or("", |(word, _)| word);
            let small = |c: char| c.is_ascii_lowercase() || c == '_';
            !word.is_empty() && word.chars().all(small)
        })
    }

    #[test]
    fn every_language_has_every_kind_with_everything_filled_in() {
        for language in Language::ALL {
            for kind in Kind::ALL {
                let parent = tempfile::tempdir().unwrap();
                let plugin = new(parent.path(), "mine", language, kind);
                let made = scaffold(&plugin).unwrap();
                for file in &made.files {
                    let contents = fs::read(made.directory.join(file)).unwrap();
                    if let Ok(text) = String::from_utf8(contents) {
                        assert!(!has_placeholder(&text), "{file}:\n{text}");
                    } else {
                        assert_eq!(file, "bindings/wigeon_component_type.o");
                    }
                }
                let project = Project::open(&made.directory).unwrap();
                assert_eq!(project.name(), "mine");
                assert_eq!(project.kind(), kind);
                assert_eq!(project.language(), Some(language));
            }
        }
    }

    #[test]
    fn every_file_of_the_templates_is_handed_out() {
        let mut used: BTreeSet<_> = SHARED.iter().map(|file| file.template).collect();
        for kind in Kind::ALL {
            let of_kind = kind::of(kind);
            used.insert(of_kind.step.template);
            used.extend(of_kind.case.iter().map(|file| file.template));
            for language in Language::ALL {
                let language = language::of(language);
                let words = [language.build, language.building, language.table];
                used.extend(words.map(|file| file.template));
                used.extend(language::files(&language, kind).map(|file| file.template));
            }
        }
        let mut there = BTreeSet::new();
        let mut directories = vec![PathBuf::from("templates")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let path = path.strip_prefix("templates").unwrap();
                    there.insert(path.to_str().unwrap().to_owned());
                }
            }
        }
        let used: BTreeSet<_> = used.into_iter().map(str::to_owned).collect();
        assert_eq!(used, there);
    }

    #[test]
    fn a_directory_with_something_in_it_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("mine")).unwrap();
        let plugin = new(parent.path(), "mine", Language::C, Kind::Transform);
        scaffold(&plugin).unwrap();
        let error = scaffold(&plugin).unwrap_err();
        assert!(
            matches!(error, AuthoringError::NotEmpty { .. }),
            "{error:?}"
        );
    }

    #[test]
    fn only_rust_takes_the_sdk() {
        let parent = tempfile::tempdir().unwrap();
        let plugin = NewPlugin {
            sdk: Some(parent.path()),
            ..new(parent.path(), "mine", Language::Python, Kind::Transform)
        };
        let error = scaffold(&plugin).unwrap_err();
        assert!(
            matches!(error, AuthoringError::UnusedSdk { .. }),
            "{error:?}"
        );
        assert!(!parent.path().join("mine").exists());
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
