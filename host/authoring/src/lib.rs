//! What a plugin's author does with Wigeon: a new project, a build, its tests, its figures.
//!
//! [`scaffold`] writes a project, [`Project::open`] reads one, [`Project::build`] makes a component
//! of it, [`test()`] runs its cases and what every plugin of its kind must hold, and [`bench()`] measures
//! it, all in the runtime that pipelines use, with limits on.
//!
//! Nothing here prints or reads the environment. What is compiled, and where, is the caller's to
//! say.

mod error;
mod project;
mod scaffold;

mod compile;

mod bench;
mod case;
mod execute;
mod grow;
mod input;
mod laws;
mod parquet;
mod properties;
mod rows;
mod shrink;
mod table;
mod test;

pub use bench::{BenchReport, BenchSettings, StreamFigures, bench, bench_component};
pub use compile::{Built, Place};
pub use error::AuthoringError;
pub use project::{Language, Project, located};
pub use scaffold::{NewPlugin, Scaffolded, SdkSource, scaffold};
pub use test::{Test, TestReport, Verdict, test};
