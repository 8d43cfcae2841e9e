//! Plugins to and from registries, and into a folder beside the manifest.

use std::path::{Path, PathBuf};

use fs_err as fs;
use wigeon_manifest::PluginReference;
use wigeon_registry::{Pinned, Places, ResolvedPlugin, resolve, vendor};
use wigeon_runtime::{CONTRACT_VERSION, PluginId};

use crate::{Cancellation, EngineError, LockedPlugin, Project};

/// A plugin that was pushed or pulled.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MovedPlugin {
    /// The reference.
    pub reference: String,
    /// The digest of the component, which is that of its layer in the registry.
    pub digest: String,
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// The version of the contract that it speaks.
    pub contract: String,
    /// The size of the component in bytes.
    pub size_bytes: u64,
    /// The file that it was written to.
    pub path: Option<PathBuf>,
}

/// A plugin beside the manifest.
#[derive(Debug, Clone, serde::Serialize)]
pub struct VendoredPlugin {
    /// The reference.
    pub reference: String,
    /// The digest.
    pub digest: String,
    /// The file.
    pub path: PathBuf,
}

/// Pulls a plugin from a registry, checks that it is one, keeps it in the cache, and writes it to
/// `output` if that is given.
///
/// # Errors
///
/// - [`EngineError::Reference`], [`EngineError::NotInRegistry`] if the text is no reference of a
///   registry.
/// - [`EngineError::Resolve`] if the registry does not give it.
/// - [`EngineError::LoadPlugin`] if it is no plugin.
/// - [`EngineError::WritePlugin`] if it cannot be written.
pub fn pull(
    reference: &str,
    output: Option<&Path>,
    cache: Option<&Path>,
    cancellation: &Cancellation,
) -> Result<MovedPlugin, EngineError> {
    let parsed = in_registry(reference)?.0;
    let places = Places {
        base: Path::new(""),
        cache,
        stop: cancellation.flag(),
    };
    let resolved = resolve(&parsed, places, None).map_err(|source| EngineError::Resolve {
        step: reference.to_owned(),
        source,
    })?;
    let mut moved = checked(&resolved, cache, cancellation)?;
    if let Some(path) = output {
        fs::write(path, &resolved.component).map_err(|source| EngineError::WritePlugin {
            path: path.to_owned(),
            source,
        })?;
        moved.path = Some(path.to_owned());
    }
    Ok(moved)
}

/// Pushes the component in a file, if it is a plugin, to the place in a registry that a reference
/// names.
///
/// # Errors
///
/// - [`EngineError::Reference`], [`EngineError::NotInRegistry`] if the text is no reference of a
///   registry.
/// - [`EngineError::Resolve`] if the file cannot be read.
/// - [`EngineError::LoadPlugin`] if it is no plugin.
/// - [`EngineError::Push`] if the registry does not take it.
pub fn push(
    component: &Path,
    reference: &str,
    cache: Option<&Path>,
    cancellation: &Cancellation,
) -> Result<MovedPlugin, EngineError> {
    let place = in_registry(reference)?.1;
    let places = Places {
        base: Path::new(""),
        cache,
        stop: cancellation.flag(),
    };
    let file = PluginReference::File(component.display().to_string());
    let resolved = resolve(&file, places, None).map_err(|source| EngineError::Resolve {
        step: reference.to_owned(),
        source,
    })?;
    let moved = checked(&resolved, cache, cancellation)?;
    wigeon_registry::push(&place, resolved.component.into_owned(), cancellation.flag()).map_err(
        |source| EngineError::Push {
            reference: reference.to_owned(),
            source,
        },
    )?;
    Ok(MovedPlugin {
        reference: reference.to_owned(),
        ..moved
    })
}

impl Project {
    /// Pulls a plugin and pins it in `wigeon.lock`, so that a step can name it.
    ///
    /// # Errors
    ///
    /// - Those of [`pull`].
    /// - [`EngineError::LockFile`] if another digest is pinned, or if the file cannot be read or
    ///   written.
    pub fn add_plugin(
        &self,
        reference: &str,
        cache: Option<&Path>,
        cancellation: &Cancellation,
    ) -> Result<LockedPlugin, EngineError> {
        let mut lock = self.lock_file()?;
        let resolved = resolve(
            &in_registry(reference)?.0,
            self.places(cache, cancellation),
            None,
        );
        let resolved = resolved.map_err(|source| EngineError::Resolve {
            step: reference.to_owned(),
            source,
        })?;
        checked(&resolved, cache, cancellation)?;
        let pinned = lock.pin(&resolved, CONTRACT_VERSION, false)?;
        lock.write()?;
        Ok(LockedPlugin {
            reference: resolved.reference,
            digest: resolved.digest,
            changed: pinned != Pinned::Known,
        })
    }

    /// Copies the pipeline's plugins to the directory
    /// [`VENDOR_DIRECTORY`](wigeon_registry::VENDOR_DIRECTORY) beside the manifest, where runs
    /// find them without a network and without the files that they came from, and pins them. What
    /// this program has built in is left where it is.
    ///
    /// # Errors
    ///
    /// - [`EngineError::Resolve`] if a plugin is not to be found.
    /// - [`EngineError::LockFile`] if the lock file cannot be read or written.
    /// - [`EngineError::WritePlugin`] if a plugin cannot be written.
    pub fn vendor_plugins(
        &self,
        cache: Option<&Path>,
        cancellation: &Cancellation,
    ) -> Result<Vec<VendoredPlugin>, EngineError> {
        let mut lock = self.lock_file()?;
        let mut vendored: Vec<VendoredPlugin> = vec![];
        for step in self.pipeline().steps() {
            let reference = step.plugin.to_string();
            let known = vendored.iter().any(|plugin| plugin.reference == reference);
            if known || matches!(step.plugin, PluginReference::Builtin(_)) {
                continue;
            }
            let pinned = lock.digest(&reference).map(str::to_owned);
            let resolved = resolve(
                &step.plugin,
                self.places(cache, cancellation),
                pinned.as_deref(),
            );
            let resolved = resolved.map_err(|source| EngineError::Resolve {
                step: step.name.clone(),
                source,
            })?;
            lock.pin(&resolved, CONTRACT_VERSION, false)?;
            let path =
                vendor(&resolved, self.directory()).map_err(|source| EngineError::WritePlugin {
                    path: self.directory().join(wigeon_registry::VENDOR_DIRECTORY),
                    source,
                })?;
            vendored.push(VendoredPlugin {
                reference,
                digest: resolved.digest,
                path,
            });
        }
        lock.write()?;
        Ok(vendored)
    }

    /// Returns where the pipeline's plugins are looked for.
    pub(crate) fn places<'a>(
        &'a self,
        cache: Option<&'a Path>,
        cancellation: &'a Cancellation,
    ) -> Places<'a> {
        Places {
            base: self.directory(),
            cache,
            stop: cancellation.flag(),
        }
    }
}

/// Returns a reference and the place in a registry that it names.
fn in_registry(reference: &str) -> Result<(PluginReference, String), EngineError> {
    let parsed: PluginReference = reference
        .parse()
        .map_err(|source| EngineError::Reference { source })?;
    match &parsed {
        PluginReference::Oci(place) => {
            let place = place.clone();
            Ok((parsed, place))
        }
        _ => Err(EngineError::NotInRegistry {
            reference: reference.to_owned(),
        }),
    }
}

/// Loads a component, which shows that it is a plugin for this host.
fn checked(
    resolved: &ResolvedPlugin,
    cache: Option<&Path>,
    cancellation: &Cancellation,
) -> Result<MovedPlugin, EngineError> {
    let id = PluginId {
        reference: resolved.reference.clone(),
        digest: resolved.digest.clone(),
    };
    let loaded = cancellation.runtime(cache).load(&id, &resolved.component);
    let plugin = loaded.map_err(|source| EngineError::LoadPlugin {
        step: resolved.reference.clone(),
        source,
    })?;
    let description = plugin.description();
    Ok(MovedPlugin {
        reference: resolved.reference.clone(),
        digest: resolved.digest.clone(),
        name: description.name.clone(),
        version: description.version.clone(),
        kind: plugin.kind().to_string(),
        contract: CONTRACT_VERSION.to_owned(),
        size_bytes: resolved.component.len() as u64,
        path: None,
    })
}
