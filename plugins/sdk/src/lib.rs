//! Write plugins for Wigeon in Rust.
//!
//! A plugin is a type that implements the trait of its step kind: [`Transform`], [`Snapshot`],
//! [`Incremental`] or [`ChangeDetection`], and [`Plugin`], which says its name and its options.
//! [`export!`] turns it into a component:
//!
//! ```
//! use serde::Deserialize;
//! use wigeon_sdk::{Batch, Column, Error, Host, Origin, Plugin, Schema, Selection, Transform};
//!
//! /// Keeps every n-th row of each batch.
//! struct Thin {
//!     every: usize,
//!     schema: Schema,
//! }
//!
//! #[derive(Deserialize, wigeon_sdk::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Options {
//!     /// Which rows to keep.
//!     every: usize,
//! }
//!
//! impl Plugin for Thin {
//!     const NAME: &'static str = "thin";
//!     const VERSION: &'static str = "0.1.0";
//!     const SUMMARY: &'static str = "Keeps every n-th row";
//!     type Options = Options;
//! }
//!
//! impl Transform for Thin {
//!     fn open(options: Options, rows: Schema) -> Result<Self, Error> {
//!         if options.every == 0 {
//!             return Err(Error::options("`every` must be at least 1"));
//!         }
//!         Ok(Self { every: options.every, schema: rows })
//!     }
//!
//!     fn schema(&self) -> Schema {
//!         self.schema.clone()
//!     }
//!
//!     fn rows(&mut self, batch: &Batch<'_>, host: &mut Host<'_>) -> Result<(), Error> {
//!         // Nothing is read: the plugin only says which rows it keeps.
//!         let kept: Vec<u32> = (0..batch.rows() as u32).step_by(self.every).collect();
//!         let columns = (0..self.schema.fields().len()).map(|column| Column::gather(0, column));
//!         host.emit(kept.len(), vec![Selection::new(Origin::Current, kept)], columns.collect());
//!         Ok(())
//!     }
//! }
//!
//! wigeon_sdk::export!(transform: Thin);
//! # fn main() {}
//! ```
//!
//! Compiled natively the same type runs in [`native`], so that a plugin's unit tests need neither
//! Wasm nor a host. There is no `unsafe` in a plugin.
//!
//! # Feature flags
//!
//! There are none. What a plugin does not call is left out when it is linked, and what differs
//! between the two ways to run it follows from the target: on WebAssembly there is the component
//! that [`export!`] makes, everywhere else there is [`native`].

mod batch;
mod error;
mod export;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;
mod host;
mod key_map;
mod kinds;
#[cfg(not(target_family = "wasm"))]
pub mod native;
mod versions;

pub use arrow_array;
pub use arrow_schema::{self, DataType, Field, Schema};
pub use schemars::JsonSchema;
pub use serde;

pub use batch::Batch;
pub use error::Error;
pub use host::{Column, Host, Level, NO_ROW, Origin, Selection};
pub use key_map::KeyMap;
pub use kinds::{
    ChangeDetection, ChangeDetectionInput, Incremental, IncrementalInput, Plugin, Shape, Snapshot,
    SnapshotInput, Transform, change,
};
pub use versions::{Versions, instants, valid_from};
