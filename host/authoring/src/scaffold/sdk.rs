//! Where a project in Rust takes the crate `wigeon-sdk` from.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::AuthoringError;

/// Where a project takes the SDK from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SdkSource {
    /// A directory.
    Path(PathBuf),
    /// The project's own copy, under [`SdkSource::VENDORED`], of the SDK that this program was
    /// built with. A newer SDK may speak a newer contract, which this program does not know.
    Vendored,
}

impl SdkSource {
    /// The directory of the copy, relative to the project.
    pub const VENDORED: &str = "vendor/wigeon-sdk";

    /// Takes the directory that was named, the SDK of a repository around `parent`, or else a copy.
    ///
    /// # Errors
    ///
    /// - [`AuthoringError::NoSdk`] if the directory that was named is not that of the SDK.
    pub(super) fn find(parent: &Path, named: Option<&Path>) -> Result<Self, AuthoringError> {
        if let Some(path) = named {
            let none = || AuthoringError::NoSdk {
                path: path.to_owned(),
            };
            let path = fs::canonicalize(path).map_err(|_| none())?;
            return if is_sdk(&path) {
                Ok(Self::Path(path))
            } else {
                Err(none())
            };
        }
        let Ok(parent) = fs::canonicalize(parent) else {
            return Ok(Self::Vendored);
        };
        let above = parent.ancestors().enumerate();
        let found = above
            .map(|(up, directory)| (up + 1, directory.join("plugins").join("sdk")))
            .find(|(_, sdk)| is_sdk(sdk));
        Ok(match found {
            // Relative, so that the repository may be moved.
            Some((up, _)) => Self::Path(format!("{}plugins/sdk", "../".repeat(up)).into()),
            None => Self::Vendored,
        })
    }

    /// Returns what `Cargo.toml` says of it.
    pub(super) fn dependency(&self) -> String {
        match self {
            // A literal string of TOML has no escapes, so backslashes stay as they are.
            Self::Path(path) => format!("path = '{}'", path.display()),
            Self::Vendored => format!("path = \"{}\"", Self::VENDORED),
        }
    }

    /// Returns what a sentence says of it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Path(path) => format!("the directory `{}`", path.display()),
            Self::Vendored => format!(
                "`{}`, a copy of the one that belongs to wigeon {}, whose build reads `wit/`",
                Self::VENDORED,
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_the_repository_the_sdk_is_copied() {
        let parent = tempfile::tempdir().unwrap();
        let sdk = SdkSource::find(parent.path(), None).unwrap();
        assert_eq!(sdk, SdkSource::Vendored);
        let written: toml::Table = sdk.dependency().parse().unwrap();
        assert_eq!(written["path"].as_str(), Some("vendor/wigeon-sdk"));
    }

    #[test]
    fn inside_the_repository_the_sdk_is_the_one_beside() {
        let root = tempfile::tempdir().unwrap();
        let sdk = root.path().join("plugins/sdk");
        let parent = root.path().join("examples");
        fs::create_dir_all(&sdk).unwrap();
        fs::create_dir_all(parent.join("mine")).unwrap();
        let manifest = "[package]\nname = \"wigeon-sdk\"\n";
        fs::write(sdk.join("Cargo.toml"), manifest).unwrap();
        let found = SdkSource::find(&parent, None).unwrap();
        assert_eq!(found, SdkSource::Path("../../plugins/sdk".into()));
        let manifest = parent.join("mine/../../plugins/sdk/Cargo.toml");
        assert!(manifest.is_file());
    }

    #[test]
    fn what_is_not_the_sdk_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let error = SdkSource::find(parent.path(), Some(parent.path())).unwrap_err();
        assert!(matches!(error, AuthoringError::NoSdk { .. }), "{error:?}");
    }
}
