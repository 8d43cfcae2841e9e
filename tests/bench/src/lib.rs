//! The bench: Wigeon against the best hand-written SQL in the same DuckDB, on the same files.
//!
//! Both sides run as whole processes, in turn, each from a copy of the same prepared state, and must end in the same
//! tables. Ratios are what counts: absolute times mean little on a shared machine. `BENCHMARKS.md` says what is
//! compared and how.
//!
//! [`expert`] is the rival. [`run`] measures, through the binaries `wigeon`, `expert` and `inspect`; [`Report`] is
//! what comes out.

pub mod expert;
pub mod inspect;

mod databases;
mod error;
mod extracts;
mod figure;
mod machine;
mod measure;
mod pairs;
mod project;
mod report;
mod runner;
mod settings;
mod sides;
mod states;
mod works;

pub use error::BenchError;
pub use figure::{Figure, Measured, Target};
pub use machine::Machine;
pub use measure::{Pair, Sample};
pub use report::Report;
pub use runner::run;
pub use settings::{Kind, Prepare, Scale, Settings};
