//! A pipeline on disk: its manifest, checked, and the paths that follow from it.

use std::path::{Path, PathBuf};

use fs_err as fs;
use wigeon_manifest::CheckedPipeline;
use wigeon_registry::{LockFile, Pinned, resolve};
use wigeon_runtime::CONTRACT_VERSION;
use wigeon_warehouse::{Settings, Warehouse};

use crate::{Cancellation, EngineError, QueryRows};

/// A pipeline: what its manifest says, and where it is.
#[derive(Debug)]
pub struct Project {
    pipeline: CheckedPipeline,
    directory: PathBuf,
}

/// A plugin as the lock file pins it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LockedPlugin {
    /// The reference.
    pub reference: String,
    /// The digest.
    pub digest: String,
    /// Whether it is new, or was pinned with another digest.
    pub changed: bool,
}

impl Project {
    /// Reads and checks a manifest. Nothing else is opened.
    ///
    /// # Errors
    ///
    /// - [`EngineError::ReadManifest`] if it cannot be read.
    /// - [`EngineError::Manifest`] with all mistakes in it.
    pub fn open(manifest: &Path) -> Result<Self, EngineError> {
        let text = fs::read_to_string(manifest).map_err(|source| EngineError::ReadManifest {
            path: manifest.to_owned(),
            source,
        })?;
        let pipeline = wigeon_manifest::check(&manifest.display().to_string(), &text)?;
        Ok(Self {
            pipeline,
            // Empty for a manifest in the working directory: paths are shown as they are written.
            directory: manifest.parent().unwrap_or(Path::new("")).to_owned(),
        })
    }

    /// Returns what the manifest says.
    pub fn pipeline(&self) -> &CheckedPipeline {
        &self.pipeline
    }

    /// Returns the directory that the manifest's paths are relative to.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the path of the warehouse.
    pub fn warehouse_path(&self) -> PathBuf {
        self.directory.join(&self.pipeline.warehouse().path)
    }

    /// Pins the plugins of the pipeline in `wigeon.lock`. What is pinned of a registry is not asked
    /// for again, unless `update`.
    ///
    /// # Errors
    ///
    /// - [`EngineError::Resolve`] if a plugin is not to be found.
    /// - [`EngineError::LockFile`] if another digest is pinned and `update` is false, or if the
    ///   file cannot be read or written.
    pub fn lock_plugins(
        &self,
        update: bool,
        cache: Option<&Path>,
        cancellation: &Cancellation,
    ) -> Result<Vec<LockedPlugin>, EngineError> {
        let mut lock = self.lock_file()?;
        let mut locked: Vec<LockedPlugin> = vec![];
        for step in self.pipeline.steps() {
            // What a version of a registry means now is asked for only if it may have changed.
            let pinned = lock.digest(&step.plugin.to_string()).filter(|_| !update);
            let plugin = resolve(&step.plugin, self.places(cache, cancellation), pinned);
            let plugin = plugin.map_err(|source| EngineError::Resolve {
                step: step.name.clone(),
                source,
            })?;
            if locked
                .iter()
                .any(|known| known.reference == plugin.reference)
            {
                continue;
            }
            let pinned = lock.pin(&plugin, CONTRACT_VERSION, update)?;
            locked.push(LockedPlugin {
                reference: plugin.reference,
                digest: plugin.digest,
                changed: pinned != Pinned::Known,
            });
        }
        let used: Vec<_> = locked.iter().map(|p| p.reference.as_str()).collect();
        lock.retain(&used);
        lock.write()?;
        Ok(locked)
    }

    /// Runs a query against the warehouse, which is opened for reading only. The query cannot reach
    /// other files.
    ///
    /// # Errors
    ///
    /// - [`EngineError::Open`] if there is no warehouse, or a run is under way.
    /// - [`EngineError::ReadWarehouse`] with what DuckDB says of the query.
    pub fn query(&self, sql: &str) -> Result<QueryRows, EngineError> {
        let warehouse = Warehouse::open_for_queries(&self.settings())?;
        QueryRows::start(warehouse, sql)
    }

    pub(crate) fn lock_file(&self) -> Result<LockFile, EngineError> {
        Ok(LockFile::read(&self.directory.join("wigeon.lock"))?)
    }

    pub(crate) fn settings(&self) -> Settings {
        let settings = self.pipeline.warehouse();
        Settings {
            path: self.warehouse_path(),
            memory_limit_mib: settings.memory_limit_mib,
            threads: settings.threads,
            temp_directory: settings
                .temp_directory
                .as_ref()
                .map(|directory| self.directory.join(directory)),
        }
    }
}
