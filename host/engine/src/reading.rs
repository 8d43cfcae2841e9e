//! The warehouse, opened to be looked at.

use wigeon_files::TemporaryDirectory;
use wigeon_warehouse::{Settings, Warehouse};

use crate::{EngineError, Project};

/// A warehouse that is only read. An empty one in a temporary directory stands for one that is
/// not there yet.
pub(crate) struct Reading {
    // Before its directory.
    pub(crate) warehouse: Warehouse,
    _directory: Option<TemporaryDirectory>,
}

impl Reading {
    pub(crate) fn open(project: &Project) -> Result<Self, EngineError> {
        let settings = project.settings();
        if settings.path.exists() {
            return Ok(Self {
                warehouse: Warehouse::open_read_only(&settings)?,
                _directory: None,
            });
        }
        let directory = TemporaryDirectory::new("wigeon-empty-");
        let directory = directory.map_err(EngineError::Temporary)?;
        let settings = Settings {
            path: directory.path().join("empty.duckdb"),
            ..settings
        };
        Ok(Self {
            warehouse: Warehouse::open(&settings)?,
            _directory: Some(directory),
        })
    }
}
