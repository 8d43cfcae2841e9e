//! Plans and runs pipelines: where plugins and tables meet.
//!
//! [`Project::open`] reads a manifest. [`Project::plan`] says what a run would do, [`Project::run`]
//! does it: it takes the run lock, resolves and loads the plugins, and carries each step out in
//! one transaction with its ledger row. The plugins decide; this crate reads, routes rows to lanes
//! by the hash of their key, guards and writes.
//!
//! Nothing here prints, reads the environment, or asks the clock but through its request.

mod error;
mod guard;
mod point;
mod report;
mod request;

mod project;
mod query;
mod reading;

mod distribution;
mod due;
mod inputs;
mod resolved;
mod schemas;

mod progress;
mod steps;
mod unique;
mod update_mode;

mod inspect;
mod plan;
mod run;
mod status;

pub use distribution::{MovedPlugin, VendoredPlugin, pull, push};
pub use error::{BrokenLaw, DataError, EngineError};
pub use guard::GuardBreach;
pub use inspect::inspect;
pub use point::Point;
pub use project::{LockedPlugin, Project};
pub use query::QueryRows;
pub use report::{
    Changes, HistoryEntry, Outcome, OverlayReport, OverlayStatus, PlanReport, PlannedInput,
    PluginReport, RunReport, StatusReport, StepPlan, StepReport, StepStatus,
};
pub use request::{Cancellation, Observer, RunRequest, Unobserved};
pub use wigeon_runtime::CONTRACT_VERSION;
