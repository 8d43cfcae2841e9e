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
use wigeon_files::{DirectoryLock, Readers, directory_of, remove_unfinished, write_whole};

use crate::ResolvedPlugin;

/// The version of the format that this wigeon writes.
const VERSION: u32 = 1;

const HEADER: &str = "# Written by wigeon: which bytes each plugin of the pipeline is. Keep it in version control.\n\n";

/// The pinned plugins of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct LockFile {
    path: PathBuf,
    plugins: BTreeMap<String, LockedPlugin>,
    changes: BTreeMap<String, Change>,
}

/// What is to be done about a reference when the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Pin it, unless it is pinned to something else by then.
    Add,
    /// Pin it, whatever it is pinned to.
    Replace,
    /// Forget it.
    Forget,
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
            changes: BTreeMap::new(),
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
        let (pinned, change) = match self.plugins.get(&plugin.reference) {
            Some(known) if known.digest == plugin.digest => return Ok(Pinned::Known),
            Some(known) if !update => {
                return Err(self.mismatch(&plugin.reference, &plugin.digest, known));
            }
            Some(_) => (Pinned::Updated, Change::Replace),
            None if update => (Pinned::New, Change::Replace),
            None => (Pinned::New, Change::Add),
        };
        let locked = LockedPlugin {
            plugin: plugin.reference.clone(),
            digest: plugin.digest.clone(),
            contract: contract.to_owned(),
        };
        self.plugins.insert(plugin.reference.clone(), locked);
        self.changes.insert(plugin.reference.clone(), change);
        Ok(pinned)
    }

    fn mismatch(&self, reference: &str, actual: &str, pinned: &LockedPlugin) -> LockFileError {
        LockFileError::Mismatch {
            plugin: reference.to_owned(),
            path: self.path.clone(),
            actual: actual.to_owned(),
            pinned: pinned.digest.clone(),
        }
    }

    /// Forgets the plugins that the pipeline does not use.
    pub fn retain(&mut self, used: &[&str]) {
        for (reference, _) in self
            .plugins
            .extract_if(.., |reference, _| !used.contains(&reference.as_str()))
        {
            self.changes.insert(reference, Change::Forget);
        }
    }

    /// Writes what has changed into the file: whole, or not at all.
    ///
    /// Other processes may have pinned other plugins since it was read; that stays.
    ///
    /// # Errors
    ///
    /// - [`LockFileError::Mismatch`] if another process has pinned a new plugin to another digest.
    /// - [`LockFileError::Write`], and those of [`LockFile::read`].
    #[expect(
        clippy::missing_panics_doc,
        reason = "strings can always be written as TOML"
    )]
    pub fn write(&mut self) -> Result<(), LockFileError> {
        if self.changes.is_empty() {
            remove_unfinished(&self.path);
            return Ok(());
        }
        let _alone = DirectoryLock::take(directory_of(&self.path));
        self.plugins = self.merged(Self::read(&self.path)?.plugins)?;
        let written = Written {
            version: VERSION,
            plugin: self.plugins.values().cloned().collect(),
        };
        let text = toml::to_string(&written).expect("three strings a plugin");
        let parts = [HEADER.as_bytes(), text.as_bytes()];
        write_whole(&self.path, Readers::Everybody, &parts).map_err(|source| {
            LockFileError::Write {
                path: self.path.clone(),
                source,
            }
        })?;
        self.changes.clear();
        Ok(())
    }

    /// Applies the changes to what is pinned now.
    fn merged(
        &self,
        mut plugins: BTreeMap<String, LockedPlugin>,
    ) -> Result<BTreeMap<String, LockedPlugin>, LockFileError> {
        for (reference, change) in &self.changes {
            let own = self.plugins.get(reference);
            match (change, plugins.get(reference), own) {
                (Change::Add, Some(pinned), Some(own)) if pinned.digest != own.digest => {
                    return Err(self.mismatch(reference, &own.digest, pinned));
                }
                (Change::Add | Change::Replace, _, Some(own)) => {
                    plugins.insert(reference.clone(), own.clone());
                }
                _ => {
                    plugins.remove(reference);
                }
            }
        }
        Ok(plugins)
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
    fn what_others_have_pinned_meanwhile_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wigeon.lock");
        let read = || LockFile::read(&path).unwrap();
        let pin = |lock: &mut LockFile, reference: &str, bytes| {
            lock.pin(&plugin(reference, bytes), "0.1.0", true).unwrap();
        };
        let mut first = read();
        pin(&mut first, "file:a.wasm", b"old");
        pin(&mut first, "file:gone.wasm", b"x");
        first.write().unwrap();

        let [mut run, mut update] = [(); 2].map(|()| read());
        pin(&mut run, "file:b.wasm", b"new");
        run.retain(&["file:a.wasm", "file:b.wasm"]);
        pin(&mut update, "file:a.wasm", b"updated");
        update.write().unwrap();
        run.write().unwrap();
        let pinned = |reference: &str| read().digest(reference).map(str::to_owned);
        assert_eq!(pinned("file:a.wasm"), Some(digest(b"updated")));
        assert_eq!(pinned("file:b.wasm"), Some(digest(b"new")));
        assert_eq!(pinned("file:gone.wasm"), None);

        // Nobody knows which of two new ones is meant, unless it is said.
        let [mut one, mut other, mut last] = [(); 3].map(|()| read());
        for (lock, bytes) in [(&mut one, b"one"), (&mut other, b"two")] {
            let plugin = plugin("file:c.wasm", bytes);
            assert_eq!(lock.pin(&plugin, "0.1.0", false).unwrap(), Pinned::New);
        }
        pin(&mut last, "file:c.wasm", b"three");
        one.write().unwrap();
        let mismatch = other.write();
        assert!(matches!(mismatch, Err(LockFileError::Mismatch { .. })));
        assert_eq!(pinned("file:c.wasm"), Some(digest(b"one")));
        last.write().unwrap();
        assert_eq!(pinned("file:c.wasm"), Some(digest(b"three")));
    }

    #[test]
    fn all_that_pin_at_once_have_pinned() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wigeon.lock");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..10 {
                        let mut lock = LockFile::read(path).unwrap();
                        let plugin = plugin(&format!("file:{thread}-{number}.wasm"), b"x");
                        lock.pin(&plugin, "0.1.0", false).unwrap();
                        lock.write().unwrap();
                    }
                });
            }
        });
        assert_eq!(LockFile::read(&path).unwrap().plugins.len(), 80);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
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
