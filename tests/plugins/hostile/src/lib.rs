//! A guest that does what no plugin may, as the tests order it.
//!
//! It is written over the bare bindings of `wit/`, since the SDK cannot lie. What it does is in
//! the option `do`: orders, each for one call, parted by `;`.
//!
//! ```text
//! schema: promise x=u?; rows: emit n values:n/0:,00*5n,
//! ```
//!
//! - A call without an order is answered as it should be, in the simplest way: rows are passed
//!   on, a snapshot and change detection find no change.
//! - `promise NAME=FORMAT[?][/CHILDREN]…` is for `schema` and `shape`; `not-row-wise` and
//!   `event-time N` are for `shape`.
//! - `emit ROWS PART…` sends parts as they are written: selections `current=0,1*3,none` and
//!   `kept=…`; columns `forward:0`, `gather:SELECTION/COLUMN`, `values:NODES:BUFFERS` and
//!   `rest`, which forwards the columns that are still due. A node is `LENGTH/NULLS`; a buffer
//!   is bytes in hexadecimal, `00*8n` being zeros for eight times the rows of the batch.
//! - The other deeds are those of `deeds.rs`.
//!
//! In texts, `%` and two hexadecimal digits stand for a byte. `describe` has no options: the
//! component carries one order for it, which the tests replace in its bytes.

#[cfg(target_family = "wasm")]
mod answers;
#[cfg(target_family = "wasm")]
pub mod bindings;
#[cfg(target_family = "wasm")]
mod deeds;
#[cfg(target_family = "wasm")]
mod kinds;
#[cfg(target_family = "wasm")]
mod memory;
#[cfg(target_family = "wasm")]
mod orders;

#[cfg(target_family = "wasm")]
pub use kinds::Hostile;
