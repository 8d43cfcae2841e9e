//! Compiled components, kept between runs.
//!
//! Compiling takes a second or two, instantiating a fraction of a millisecond, so the machine code
//! is kept in a directory that only this user may enter, under the component's digest and a hash
//! of wasmtime's version and configuration. What is read back there is trusted code: wasmtime
//! cannot check it. The directory is not used if somebody else could have written to it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
};

use fs_err as fs;
use wasmtime::{Engine, component::Component};

/// A directory with compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    /// wasmtime's version and configuration.
    compatibility: u64,
}

impl Cache {
    /// Opens the cache in `directory`, or none if it cannot be private.
    pub(crate) fn open(directory: &Path, engine: &Engine) -> Option<Self> {
        if !make_private(directory) {
            tracing::warn!(directory = %directory.display(), "compiled plugins are not cached");
            return None;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(Self {
            directory: directory.to_owned(),
            compatibility: hasher.finish(),
        })
    }

    fn path(&self, digest: &str) -> PathBuf {
        let digest = digest.replace(':', "-");
        self.directory
            .join(format!("{digest}-{:016x}.cwasm", self.compatibility))
    }

    /// Returns the compiled component, if it is there and of use.
    pub(crate) fn get(&self, digest: &str, engine: &Engine) -> Option<Component> {
        let path = self.path(digest);
        if !path.is_file() || !is_ours(&path) {
            return None;
        }
        #[expect(unsafe_code, reason = "wasmtime cannot check machine code")]
        // SAFETY: the file was written by `put` of this user: the directory is closed to others
        // and the file belongs to us.
        let component = unsafe { Component::deserialize_file(engine, &path) };
        component
            .inspect_err(|error| tracing::warn!(%error, "a cached plugin is compiled anew"))
            .ok()
    }

    /// Keeps a compiled component. A failure only costs the next run some time.
    pub(crate) fn put(&self, digest: &str, component: &Component) {
        let written = component.serialize().map_err(|error| error.to_string());
        let written = written.and_then(|code| {
            let mut file = tempfile::NamedTempFile::new_in(&self.directory)
                .map_err(|error| error.to_string())?;
            file.write_all(&code).map_err(|error| error.to_string())?;
            file.persist(self.path(digest))
                .map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            tracing::warn!(error, "a compiled plugin could not be cached");
        }
    }
}

#[cfg(unix)]
fn make_private(directory: &Path) -> bool {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.is_ok()
        && fs::metadata(directory)
            .is_ok_and(|metadata| metadata.mode() & 0o022 == 0 && is_owned(metadata.uid()))
}

#[cfg(unix)]
fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_file() && metadata.mode() & 0o022 == 0 && is_owned(metadata.uid())
    })
}

/// Says whether `uid` is the user that this process creates files as.
#[cfg(unix)]
fn is_owned(uid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;

    tempfile::tempfile()
        .and_then(|file| file.metadata())
        .is_ok_and(|metadata| metadata.uid() == uid)
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> bool {
    fs::create_dir_all(directory).is_ok()
}

#[cfg(not(unix))]
fn is_ours(_: &Path) -> bool {
    true
}
