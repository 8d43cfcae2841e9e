//! Component bytes to running plugin instances.
//!
//! This is the only crate that names wasmtime. It loads a component ([`Runtime::load`]), checks
//! what it imports and which kind of step it serves, and runs it in instances, one for each lane:
//! [`TransformInstance`], [`SnapshotInstance`], [`IncrementalInstance`] and
//! [`ChangeDetectionInstance`]. Batches stay here; what a plugin answers is checked and comes back
//! as Arrow record batches.
//!
//! A plugin is hostile until proven otherwise. Its memory and time are bounded by [`Limits`],
//! everything that it returns is checked, and an instance that failed is never used again.

mod cache;
mod clock;
mod contract;
mod error;
mod grants;
mod imports;
mod instance;
mod kinds;
mod limits;
mod plugin;
mod refusal;
mod state;
mod task;
mod text;
mod wasi;

pub use contract::{CONTRACT_VERSION, Kind};
pub use error::{Breach, CompileError, Complaint, LoadError, OpenError, PluginError, PluginId};
pub use grants::{Grants, Seed};
pub use instance::Traffic;
pub use kinds::{
    ChangeDetectionInput, ChangeDetectionInstance, IncrementalInput, IncrementalInstance, Shape,
    SnapshotInput, SnapshotInstance, TransformInstance,
};
pub use limits::{EPOCH_TICK, Limit, Limits};
pub use plugin::{Description, Plugin, Runtime};
pub use task::{Task, run_task};
pub use text::{escaped, escaped_lines};
