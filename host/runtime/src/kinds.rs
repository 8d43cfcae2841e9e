//! An instance of each kind of step, with the calls of its interface.

mod change_detection;
mod incremental;
mod snapshot;
mod transform;

pub use change_detection::{ChangeDetectionInput, ChangeDetectionInstance};
pub use incremental::{IncrementalInput, IncrementalInstance, Shape};
pub use snapshot::{SnapshotInput, SnapshotInstance};
pub use transform::TransformInstance;

use arrow_schema::{DataType, Field, TimeUnit};

use crate::{Kind, OpenError, Plugin, instance::Instance};

/// The type of `valid_from` and `changed_from`.
pub(crate) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The last column of every schema of versions.
pub(crate) fn valid_from() -> Field {
    Field::new("valid_from", instant(), false)
}

/// Looks every function of a kind's interface up, with its type.
pub(crate) fn check_exports(kind: Kind, instance: &mut Instance) -> wasmtime::Result<()> {
    match kind {
        Kind::Transform => transform::Calls::look_up(instance).map(drop),
        Kind::Snapshot => snapshot::Calls::look_up(instance).map(drop),
        Kind::Incremental => incremental::Calls::look_up(instance).map(drop),
        Kind::ChangeDetection => change_detection::Calls::look_up(instance).map(drop),
    }
}

pub(crate) fn check_kind(plugin: &Plugin, expected: Kind) -> Result<(), OpenError> {
    let actual = plugin.kind();
    if actual == expected {
        return Ok(());
    }
    Err(OpenError::Kind {
        plugin: plugin.id().clone(),
        expected,
        actual,
    })
}
