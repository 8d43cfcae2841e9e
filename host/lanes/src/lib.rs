//! Lanes: plugin instances at work side by side, fed by key.
//!
//! ```text
//! first  ──► (transforms) ──► router ──┬──► lane 0 ──┐
//! second ──► (transforms) ──► router ──┴──► lane 1 ──┴──► sink
//! ```
//!
//! [`run`] takes two streams of record batches, routes their rows to lanes by the hash of their key
//! ([`exchange`]), runs a [`Task`](wigeon_runtime::Task) in each, and gives what they emit to a
//! sink. Where the rows come from and where they go is the caller's affair: this crate knows no
//! database, no file and no manifest.
//!
//! One thread feeds, one works in each lane, and the caller's thread is the sink's. All queues are
//! bounded, so nothing is held but a few batches for each lane. The first failure stops all of
//! them, and the sink learns of it before it can commit.
//!
//! What a lane keeps of the first stream may be more than its task has room for. Then the keys are
//! taken in several *passes*, one after the other, each with tasks of its own and with both streams
//! from the start, of which it uses the rows of its keys. The sink does not notice.

pub mod exchange;

mod failure;
mod far_keys;
mod feed;
mod key_filter;
mod key_set;
mod queue;
mod run;

pub use failure::Stopped;
pub use feed::Budget;
pub use run::{Follow, Inlet, Pass, Rows, run};
