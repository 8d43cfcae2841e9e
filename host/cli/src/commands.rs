//! The commands, one file each: arguments in, one call on the engine, its answer out.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod history;
pub(crate) mod lock;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod vendor;
pub(crate) mod verify;
