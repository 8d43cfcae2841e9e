//! References to bytes.

use std::{
    borrow::Cow,
    fmt::Write,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use fs_err as fs;
use sha2::{Digest, Sha256};
use wigeon_manifest::PluginReference;

use crate::{
    builtin::{self, builtin_names},
    oci::{OciError, Place},
    store::Store,
};

/// The largest component that is read. The largest known ones, with a language's whole runtime
/// inside, have 20 MB.
pub const MAX_COMPONENT_BYTES: u64 = 256 << 20;

/// The bytes of a plugin.
#[derive(Debug, Clone)]
pub struct ResolvedPlugin {
    /// The reference, as the manifest has it.
    pub reference: String,
    /// `sha256:` and the digest of the bytes.
    pub digest: String,
    /// The component.
    pub component: Cow<'static, [u8]>,
}

/// Why a reference leads to no bytes.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is no such built-in plugin.
    #[error("there is no built-in plugin `{name}`")]
    UnknownBuiltin {
        /// The name that was asked for.
        name: String,
        /// The name that it is closest to.
        closest: Option<&'static str>,
        /// All names.
        known: Vec<&'static str>,
    },
    /// The file could not be read.
    #[error("could not read the plugin `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is too large to be a plugin.
    #[error("the plugin `{path}` has {bytes} bytes; at most {MAX_COMPONENT_BYTES} are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A registry did not give the component.
    #[error("could not pull `{reference}`")]
    Pull {
        /// The reference.
        reference: String,
        /// Why not.
        source: OciError,
    },
    /// A component that was pulled could not be kept.
    #[error("could not keep `{reference}` in `{directory}`")]
    Keep {
        /// The reference.
        reference: String,
        /// Where it was to be kept.
        directory: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Where the components of plugins are.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The directory that relative paths start at, in which [`crate::VENDOR_DIRECTORY`] may be.
    pub base: &'a Path,
    /// The directory where components from registries are kept, if they are.
    pub cache: Option<&'a Path>,
    /// Set from elsewhere, when a registry is not to be waited for any longer.
    pub stop: &'a AtomicBool,
}

/// Returns the bytes that `reference` means.
///
/// For a component of a registry, `pinned` is the digest that it must have. Then it is looked for
/// among the vendored plugins and in the cache, and only asked for from the registry, by its
/// digest, if it is in neither. Without `pinned` the registry is asked what the version means now.
///
/// A component in a file is what the file holds now. Only if there is no such file, as where a
/// pipeline was taken without its plugins, the one that is `pinned` is looked for in those places.
///
/// # Errors
///
/// Any variant of [`ResolveError`].
pub fn resolve(
    reference: &PluginReference,
    places: Places<'_>,
    pinned: Option<&str>,
) -> Result<ResolvedPlugin, ResolveError> {
    match reference {
        PluginReference::Oci(place) => {
            let pull = |source| ResolveError::Pull {
                reference: reference.to_string(),
                source,
            };
            let (digest, component) = match pinned.map(|digest| (digest, places.find(digest))) {
                Some((digest, Some(component))) => (digest.to_owned(), component),
                Some((digest, None)) => {
                    let component = Place::to_pull(place, places.stop)
                        .and_then(|place| place.pull(digest))
                        .map_err(pull)?;
                    places.keep(reference, digest, &component)?;
                    (digest.to_owned(), component)
                }
                None => {
                    let place = Place::to_pull(place, places.stop).map_err(pull)?;
                    let digest = place.digest().map_err(pull)?;
                    let component = match places.find(&digest) {
                        Some(component) => component,
                        None => place.pull(&digest).map_err(pull)?,
                    };
                    places.keep(reference, &digest, &component)?;
                    (digest, component)
                }
            };
            Ok(ResolvedPlugin {
                reference: reference.to_string(),
                digest,
                component: Cow::Owned(component),
            })
        }
        PluginReference::Builtin(name) => {
            let builtin = builtin::find(name).ok_or_else(|| unknown_builtin(name))?;
            Ok(ResolvedPlugin {
                reference: reference.to_string(),
                digest: builtin.digest.to_owned(),
                component: Cow::Borrowed(builtin.component),
            })
        }
        PluginReference::File(path) => {
            let path = places.base.join(path);
            let read = |source| ResolveError::Read {
                path: path.clone(),
                source,
            };
            let component = match fs::metadata(&path) {
                Ok(metadata) if metadata.len() > MAX_COMPONENT_BYTES => {
                    let bytes = metadata.len();
                    return Err(ResolveError::TooLarge { path, bytes });
                }
                Ok(_) => fs::read(&path).map_err(read)?,
                Err(error) => {
                    let gone = error.kind() == ErrorKind::NotFound;
                    let vendored = pinned
                        .filter(|_| gone)
                        .and_then(|digest| places.find(digest));
                    vendored.ok_or_else(|| read(error))?
                }
            };
            Ok(ResolvedPlugin {
                reference: reference.to_string(),
                digest: digest(&component),
                component: Cow::Owned(component),
            })
        }
    }
}

impl Places<'_> {
    /// Returns a component that was vendored or pulled before.
    fn find(&self, digest: &str) -> Option<Vec<u8>> {
        let vendored = Store::vendored(self.base).find(digest);
        vendored.or_else(|| Store::pulled(self.cache?).find(digest))
    }

    fn keep(
        &self,
        reference: &PluginReference,
        digest: &str,
        component: &[u8],
    ) -> Result<(), ResolveError> {
        let Some(directory) = self.cache else {
            return Ok(());
        };
        let kept = Store::pulled(directory).keep(digest, component);
        kept.map(|_| ()).map_err(|source| ResolveError::Keep {
            reference: reference.to_string(),
            directory: directory.to_owned(),
            source,
        })
    }
}

/// Uploads a component under what follows `oci:` in a reference, until `stop` is set from elsewhere,
/// and returns its digest.
///
/// # Errors
///
/// Any variant of [`OciError`].
pub fn push(place: &str, component: Vec<u8>, stop: &AtomicBool) -> Result<String, OciError> {
    Place::to_push(place, stop)?.push(component)
}

/// Puts a plugin among the vendored ones of a manifest in `base`, and returns where.
///
/// # Errors
///
/// Whatever the file system says.
pub fn vendor(plugin: &ResolvedPlugin, base: &Path) -> std::io::Result<PathBuf> {
    Store::vendored(base).keep(&plugin.digest, &plugin.component)
}

/// Returns the digest of a component: `sha256:` and 64 hexadecimal digits.
pub fn digest(component: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(component) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unknown_builtin(name: &str) -> ResolveError {
    let closest = builtin_names()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    ResolveError::UnknownBuiltin {
        name: name.to_owned(),
        closest: closest.map(|(_, known)| known),
        known: builtin_names().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn here() -> Places<'static> {
        Places {
            base: Path::new("."),
            cache: None,
            stop: &NEVER,
        }
    }

    #[test]
    fn a_built_in_plugin_has_the_digest_of_its_bytes() {
        for name in builtin_names() {
            let reference = PluginReference::Builtin(name.to_owned());
            let resolved = resolve(&reference, here(), None).unwrap();
            assert_eq!(resolved.digest, digest(&resolved.component));
        }
    }

    #[test]
    fn a_misspelt_built_in_plugin_is_suggested() {
        let reference = PluginReference::Builtin("scd".to_owned());
        let error = resolve(&reference, here(), None).unwrap_err();
        assert!(
            matches!(
                error,
                ResolveError::UnknownBuiltin {
                    closest: Some("scd2"),
                    ..
                }
            ),
            "{error:?}"
        );
    }

    #[test]
    fn a_file_is_relative_to_the_manifest() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.wasm"), b"bytes").unwrap();
        let reference = PluginReference::File("a.wasm".to_owned());
        let places = Places {
            base: directory.path(),
            cache: None,
            stop: &NEVER,
        };
        let resolved = resolve(&reference, places, None).unwrap();
        assert_eq!(resolved.component.as_ref(), b"bytes");
        assert_eq!(resolved.reference, "file:a.wasm");
    }

    #[test]
    fn a_file_that_is_gone_is_found_among_the_vendored_by_its_digest() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.wasm");
        fs::write(&file, b"bytes").unwrap();
        let reference = PluginReference::File("a.wasm".to_owned());
        let places = Places {
            base: directory.path(),
            cache: None,
            stop: &NEVER,
        };
        let resolved = resolve(&reference, places, None).unwrap();
        vendor(&resolved, directory.path()).unwrap();

        // As long as the file is there it is what counts.
        fs::write(&file, b"other").unwrap();
        let pinned = Some(resolved.digest.as_str());
        let other = resolve(&reference, places, pinned).unwrap();
        assert_eq!(other.component.as_ref(), b"other");

        fs::remove_file(&file).unwrap();
        let vendored = resolve(&reference, places, pinned).unwrap();
        assert_eq!(vendored.component.as_ref(), b"bytes");
        for unknown in [None, Some("sha256:0")] {
            let error = resolve(&reference, places, unknown).unwrap_err();
            assert!(matches!(error, ResolveError::Read { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = fs::File::create(directory.path().join("a.wasm")).unwrap();
        // A file with a hole takes no room.
        file.set_len(MAX_COMPONENT_BYTES + 1).unwrap();
        let reference = PluginReference::File("a.wasm".to_owned());
        let places = Places {
            base: directory.path(),
            cache: None,
            stop: &NEVER,
        };
        let error = resolve(&reference, places, None).unwrap_err();
        assert!(
            matches!(error, ResolveError::TooLarge { bytes, .. } if bytes == MAX_COMPONENT_BYTES + 1),
            "{error:?}"
        );
    }
}
