//! `wigeon.lock`: which bytes each plugin of a pipeline is.
//!
//! A plugin that the file does not know yet is added by the first run that uses it; one whose
//! digest differs stops the run. The file is for version control, so it is sorted, has nothing of
//! the machine in it, and is rewritten only if it changes.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::{
    ResolvedPlugin,
    whole_file::{self, Readers},
};

/// The version of the format that this wigeon writes.
const VERSION: u32 = 1;

const HEADER: &str = "# Written by wigeon: which bytes each plugin of the pipeline is. Keep it in version control.\n\n";

/// The pinned plugins of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct LockFile {
    path: PathBuf,
    plugins: BTreeMap<String, LockedPlugin>,
    changed: bool,
}

/// One pinned plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPlugin {
    /// The reference of the manifest.
    pub plugin: String,
    /// The digest of its bytes.
    pub digest: String,
    /// The version of the contract that it speaks.
    pub contract: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default)]
    plugin: Vec<LockedPlugin>,
}

/// Whether the lock file knew a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinned {
    /// With this digest.
    Known,
    /// Not at all: it is pinned now.
    New,
    /// With another digest, which is replaced.
    Updated,
}

/// Why the lock file cannot be used, or stops a run.
#[derive(Debug, thiserror::Error)]
pub enum LockFileError {
    /// A plugin is not the one that was pinned.
    #[error(
        "plugin `{plugin}` is not the one that `{path}` pins: it has the digest {actual}, not {pinned}"
    )]
    Mismatch {
        /// The plugin's reference.
        plugin: String,
        /// The lock file.
        path: PathBuf,
        /// The digest of the bytes.
        actual: String,
        /// The digest in the lock file.
        pinned: String,
    },
    /// The file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not one of ours.
    #[error("`{path}` is not a lock file")]
    Parse {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: Box<toml::de::Error>,
    },
    /// The file was written by a newer wigeon.
    #[error("`{path}` has the version {found}; this wigeon reads {VERSION}")]
    Version {
        /// The lock file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file could not be written.
    #[error("could not write `{path}`")]
    Write {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl LockFile {
    /// Reads a lock file; one that is not there is empty.
    ///
    /// # Errors
    ///
    /// - [`LockFileError::Read`], [`LockFileError::Parse`], [`LockFileError::Version`].
    pub fn read(path: &Path) -> Result<Self, LockFileError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self {
                    path: path.to_owned(),
                    ..Self::default()
                });
            }
            Err(source) => {
                return Err(LockFileError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let written: Written = toml::from_str(&text).map_err(|source| LockFileError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        if written.version != VERSION {
            return Err(LockFileError::Version {
                path: path.to_owned(),
                found: written.version,
            });
        }
        let plugins = written.plugin.into_iter();
        Ok(Self {
            path: path.to_owned(),
            plugins: plugins.map(|p| (p.plugin.clone(), p)).collect(),
            changed: false,
        })
    }

    /// Returns the digest that is pinned for a reference.
    pub fn digest(&self, reference: &str) -> Option<&str> {
        self.plugins
            .get(reference)
            .map(|plugin| plugin.digest.as_str())
    }

    /// Compares a plugin with what is pinned, and pins it if it is new, or if `update`.
    ///
    /// # Errors
    ///
    /// - [`LockFileError::Mismatch`] if another digest is pinned and `update` is false.
    pub fn pin(
        &mut self,
        plugin: &ResolvedPlugin,
        contract: &str,
        update: bool,
    ) -> Result<Pinned, LockFileError> {
        let pinned = match self.plugins.get(&plugin.reference) {
            Some(known) if known.digest == plugin.digest => return Ok(Pinned::Known),
            Some(known) if !update => {
                return Err(LockFileError::Mismatch {
                    plugin: plugin.reference.clone(),
                    path: self.path.clone(),
                    actual: plugin.digest.clone(),
                    pinned: known.digest.clone(),
                });
            }
            Some(_) => Pinned::Updated,
            None => Pinned::New,
        };
        let locked = LockedPlugin {
            plugin: plugin.reference.clone(),
            digest: plugin.digest.clone(),
            contract: contract.to_owned(),
        };
        self.plugins.insert(plugin.reference.clone(), locked);
        self.changed = true;
        Ok(pinned)
    }

    /// Forgets the plugins that the pipeline does not use.
    pub fn retain(&mut self, used: &[&str]) {
        let before = self.plugins.len();
        self.plugins
            .retain(|reference, _| used.contains(&reference.as_str()));
        self.changed |= self.plugins.len() != before;
    }

    /// Writes the file if anything has changed: whole, or not at all.
    ///
    /// # Errors
    ///
    /// - [`LockFileError::Write`].
    #[expect(
        clippy::missing_panics_doc,
        reason = "strings can always be written as TOML"
    )]
    pub fn write(&mut self) -> Result<(), LockFileError> {
        if !self.changed {
            return Ok(());
        }
        let written = Written {
            version: VERSION,
            plugin: self.plugins.values().cloned().collect(),
        };
        let text = toml::to_string(&written).expect("three strings a plugin");
        let text = format!("{HEADER}{text}");
        whole_file::write(&self.path, text.as_bytes(), Readers::Everybody).map_err(|source| {
            LockFileError::Write {
                path: self.path.clone(),
                source,
            }
        })?;
        self.changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::digest;

    fn plugin(reference: &str, bytes: &'static [u8]) -> ResolvedPlugin {
        ResolvedPlugin {
            reference: reference.to_owned(),
            digest: digest(bytes),
            component: Cow::Borrowed(bytes),
        }
    }

    #[test]
    fn a_new_plugin_is_pinned_and_a_changed_one_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wigeon.lock");
        let mut lock = LockFile::read(&path).unwrap();
        let one = plugin("file:a.wasm", b"one");
        assert_eq!(lock.pin(&one, "0.1.0", false).unwrap(), Pinned::New);
        lock.write().unwrap();

        let mut lock = LockFile::read(&path).unwrap();
        assert_eq!(lock.pin(&one, "0.1.0", false).unwrap(), Pinned::Known);
        let two = plugin("file:a.wasm", b"two");
        assert!(matches!(
            lock.pin(&two, "0.1.0", false),
            Err(LockFileError::Mismatch { .. })
        ));
        assert_eq!(lock.pin(&two, "0.1.0", true).unwrap(), Pinned::Updated);
    }

    #[test]
    fn the_file_is_sorted_and_forgets_what_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wigeon.lock");
        let mut lock = LockFile::read(&path).unwrap();
        for reference in ["file:c.wasm", "builtin:scd2", "file:b.wasm"] {
            lock.pin(&plugin(reference, b"x"), "0.1.0", false).unwrap();
        }
        lock.retain(&["file:c.wasm", "builtin:scd2"]);
        lock.write().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let builtin = text.find("builtin:scd2").unwrap();
        assert!(builtin < text.find("file:c.wasm").unwrap());
        assert!(!text.contains("file:b.wasm"));
    }

    #[test]
    fn what_is_not_a_lock_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wigeon.lock");
        fs::write(&path, "version = 9\n").unwrap();
        let newer = LockFile::read(&path);
        assert!(matches!(
            newer,
            Err(LockFileError::Version { found: 9, .. })
        ));
        fs::write(&path, "plugins = 1\n").unwrap();
        assert!(matches!(
            LockFile::read(&path),
            Err(LockFileError::Parse { .. })
        ));
    }
}
