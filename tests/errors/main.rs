//! What `wigeon` says when something is wrong: each message whole, as a stranger meets it, and
//! proof that the tables and the ledger are as they were.

mod support;

mod authoring;
mod authoring_keyed;
mod command;
#[cfg(target_os = "linux")]
mod disk;
mod hostile;
mod input;
mod input_formats;
mod keys;
mod lanes;
mod manifest;
mod plugin;
mod plugin_deeds;
#[cfg(unix)]
mod read_back;
mod snapshot_extracts;
#[cfg(unix)]
mod vanishing;
mod warehouse;
