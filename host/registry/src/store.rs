//! Components by their digest: those that were pulled, and those that are vendored.
//!
//! A file is named after the digest of what is in it, and is never believed: its bytes are hashed
//! again whenever they are read, and a file that is not what its name says counts as missing. So it
//! does not matter here who else may write to the directory; but the one of what was pulled also has
//! compiled plugins in it, which are not used unless it is private, and so it is made private.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use fs_err as fs;
use wigeon_files::{Readers, write_whole};

use crate::{MAX_COMPONENT_BYTES, digest};

/// The directory beside a manifest in which plugins are vendored.
pub const VENDOR_DIRECTORY: &str = "wigeon-plugins";

/// A directory of components.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    directory: PathBuf,
    /// Whether it is for this user alone.
    private: bool,
}

impl Store {
    /// Returns what was pulled, which is kept in `directory` for this user alone.
    pub(crate) fn pulled(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            private: true,
        }
    }

    /// Returns the vendored plugins of a manifest in `base`, which others may read.
    pub(crate) fn vendored(base: &Path) -> Self {
        Self {
            directory: base.join(VENDOR_DIRECTORY),
            private: false,
        }
    }

    /// Returns the component with this digest, if it is there.
    pub(crate) fn find(&self, pinned: &str) -> Option<Vec<u8>> {
        let file = fs::File::open(self.path(pinned)).ok()?;
        // What is longer has another digest.
        let mut bytes = vec![];
        file.take(MAX_COMPONENT_BYTES)
            .read_to_end(&mut bytes)
            .ok()?;
        (digest(&bytes) == pinned).then_some(bytes)
    }

    /// Keeps a component, whole or not at all, and returns where.
    pub(crate) fn keep(&self, digest: &str, component: &[u8]) -> std::io::Result<PathBuf> {
        let path = self.path(digest);
        let readers = if self.private {
            make_private_directory(&self.directory)?;
            Readers::Owner
        } else {
            fs::create_dir_all(&self.directory)?;
            Readers::Everybody
        };
        write_whole(&path, readers, &[component])?;
        Ok(path)
    }

    fn path(&self, digest: &str) -> PathBuf {
        let name = digest.replace(':', "-");
        self.directory.join(name).with_extension("wasm")
    }
}

/// Makes a directory, and those above it that are missing, for this user alone. One that is there
/// already is left as it is.
#[cfg(unix)]
fn make_private_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private_directory(path: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_found_as_long_as_it_is_what_its_name_says() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::vendored(directory.path());
        let (one, two) = (digest(b"one"), digest(b"two"));
        assert_eq!(store.find(&one), None);
        let path = store.keep(&one, b"one").unwrap();
        assert_eq!(store.find(&one).as_deref(), Some(b"one".as_slice()));
        assert_eq!(store.find(&two), None);
        fs::write(&path, b"other").unwrap();
        assert_eq!(store.find(&one), None);
        store.keep(&one, b"one").unwrap();
        assert!(store.find(&one).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_pulled_is_kept_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let pulled = Store::pulled(&directory.path().join("wigeon/plugins"));
        let path = pulled.keep(&digest(b"one"), b"one").unwrap();
        assert_eq!((mode(&pulled.directory), mode(&path)), (0o700, 0o600));
    }
}
