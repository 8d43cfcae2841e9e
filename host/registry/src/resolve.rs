//! References to bytes.

use std::{
    borrow::Cow,
    fmt::Write,
    path::{Path, PathBuf},
};

use fs_err as fs;
use sha2::{Digest, Sha256};
use wigeon_manifest::PluginReference;

use crate::builtin::{self, builtin_names};

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
}

/// Returns the bytes that `reference` means. A relative path is relative to `base`.
///
/// # Errors
///
/// Any variant of [`ResolveError`].
pub fn resolve(reference: &PluginReference, base: &Path) -> Result<ResolvedPlugin, ResolveError> {
    match reference {
        PluginReference::Builtin(name) => {
            let builtin = builtin::find(name).ok_or_else(|| unknown_builtin(name))?;
            Ok(ResolvedPlugin {
                reference: reference.to_string(),
                digest: builtin.digest.to_owned(),
                component: Cow::Borrowed(builtin.component),
            })
        }
        PluginReference::File(path) => {
            let path = base.join(path);
            let read = |source| ResolveError::Read {
                path: path.clone(),
                source,
            };
            let bytes = fs::metadata(&path).map_err(read)?.len();
            if bytes > MAX_COMPONENT_BYTES {
                return Err(ResolveError::TooLarge { path, bytes });
            }
            let component = fs::read(&path).map_err(read)?;
            Ok(ResolvedPlugin {
                reference: reference.to_string(),
                digest: digest(&component),
                component: Cow::Owned(component),
            })
        }
    }
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

    #[test]
    fn a_built_in_plugin_has_the_digest_of_its_bytes() {
        for name in builtin_names() {
            let reference = PluginReference::Builtin(name.to_owned());
            let resolved = resolve(&reference, Path::new(".")).unwrap();
            assert_eq!(resolved.digest, digest(&resolved.component));
        }
    }

    #[test]
    fn a_misspelt_built_in_plugin_is_suggested() {
        let reference = PluginReference::Builtin("scd".to_owned());
        let error = resolve(&reference, Path::new(".")).unwrap_err();
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
        let resolved = resolve(&reference, directory.path()).unwrap();
        assert_eq!(resolved.component.as_ref(), b"bytes");
        assert_eq!(resolved.reference, "file:a.wasm");
    }
}
