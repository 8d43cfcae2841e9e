//! Components by their digest: those that were pulled, and those that are vendored.
//!
//! A file is named after the digest of what is in it, and is never believed: its bytes are hashed
//! again whenever they are read, and a file that is not what its name says counts as missing.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use fs_err as fs;

use crate::{MAX_COMPONENT_BYTES, digest};

/// The directory beside a manifest in which plugins are vendored.
pub const VENDOR_DIRECTORY: &str = "wigeon-plugins";

/// A directory of components.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Returns the vendored plugins of a manifest in `base`.
    pub(crate) fn vendored(base: &Path) -> Self {
        Self::new(&base.join(VENDOR_DIRECTORY))
    }

    /// Returns the component with this digest, if it is there.
    pub(crate) fn find(&self, pinned: &str) -> Option<Vec<u8>> {
        let path = self.path(pinned);
        let fits = fs::metadata(&path).ok()?.len() <= MAX_COMPONENT_BYTES;
        let bytes = fits.then(|| fs::read(&path).ok())??;
        (digest(&bytes) == pinned).then_some(bytes)
    }

    /// Keeps a component, whole or not at all, and returns where.
    pub(crate) fn keep(&self, digest: &str, component: &[u8]) -> std::io::Result<PathBuf> {
        fs::create_dir_all(&self.directory)?;
        let path = self.path(digest);
        let mut file = tempfile::Builder::new()
            .permissions(crate::files::readable())
            .tempfile_in(&self.directory)?;
        file.write_all(component)?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }

    fn path(&self, digest: &str) -> PathBuf {
        let name = digest.replace(':', "-");
        self.directory.join(name).with_extension("wasm")
    }
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
}
